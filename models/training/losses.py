"""The losses, each a term that a run weighs; all take logits and targets (n, 1, h, w) and give a scalar."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

AGREE = 0.3
"""The teacher is believed about a pixel whose known truth it misses by less."""

SURE = 0.002
"""The teacher's mattes are kept so far from 0 and 1: no student should have to be surer."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What a batch should give; all (n, 1, h, w) in [0, 1]."""

    alpha: Tensor
    known: Tensor
    """1 where alpha is the truth, 0 where only the teacher can say."""
    teacher: Tensor


def edge_band(alpha: Tensor, half: int = 3) -> Tensor:
    """Return 1 within `half` pixels of the outline: dilation minus erosion, as MODNet's detail region."""
    side = 2 * half + 1
    grown = functional.max_pool2d(alpha, side, 1, half) + functional.max_pool2d(-alpha, side, 1, half)
    return (grown > 0.3).float()


def mean_over(loss: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean; 0 where all weights are 0."""
    return (loss * weight).sum() / weight.sum().clamp_min(1e-6)


def pixel_weights(targets: Targets, lost: float, edge: float) -> Tensor:
    """Return what each pixel counts: `lost` times more on the person, 1 + `edge` times in the edge band."""
    person = 1 + (lost - 1) * targets.alpha
    return targets.known * person * (1 + edge * edge_band(targets.alpha))


def cross_entropy(logits: Tensor, targets: Targets, weight: Tensor) -> Tensor:
    loss = functional.binary_cross_entropy_with_logits(logits, targets.alpha, reduction="none")
    return mean_over(loss, weight)


def absolute(logits: Tensor, targets: Targets, weight: Tensor) -> Tensor:
    """Return the mean absolute difference of the mattes."""
    return mean_over((logits.sigmoid() - targets.alpha).abs(), weight)


def hardest(logits: Tensor, targets: Targets, share: float = 0.1) -> Tensor:
    """Return the cross entropy of the worst `share` of known pixels: OHEM (Shrivastava et al., CVPR 2016)."""
    loss = functional.binary_cross_entropy_with_logits(logits, targets.alpha, reduction="none")
    flat = (loss * targets.known).flatten()
    count = max(1, int(share * flat.numel()))
    return flat.topk(count).values.mean()


def divergence(logits: Tensor, soft: Tensor, weight: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of the matte from a soft target in (0, 1)."""
    entropy = functional.binary_cross_entropy(soft, soft, reduction="none")
    loss = functional.binary_cross_entropy_with_logits(logits, soft, reduction="none") - entropy
    return mean_over(loss, weight)


def distillation(logits: Tensor, targets: Targets, kept: float) -> Tensor:
    """Return the divergence from the teacher where it is right, or where nobody else can say.

    Where it is right about a person, it counts `kept` times: what it knows must not be forgotten.
    """
    right = ((targets.teacher - targets.alpha).abs() < AGREE).float()
    believed = torch.where(targets.known > 0.5, right, torch.ones_like(right))
    person = 1 + (kept - 1) * (targets.teacher > 0.5).float()
    return divergence(logits, targets.teacher.clamp(SURE, 1 - SURE), believed * person)


def forgotten(logits: Tensor, targets: Targets) -> Tensor:
    """Return how much worse than the teacher the matte is, where the truth is known: 0 if nowhere."""
    mine = (logits.sigmoid() - targets.alpha).abs()
    theirs = (targets.teacher - targets.alpha).abs()
    return mean_over(functional.relu(mine - theirs), targets.known)


def consistency(logits: Tensor, disturbed: Tensor) -> Tensor:
    """Return the divergence of the matte of a disturbed picture from that of the clean one (PortraitNet)."""
    soft = logits.detach().sigmoid().clamp(SURE, 1 - SURE)
    return divergence(disturbed, soft, torch.ones_like(soft))


def boundary_class(logits: Tensor, targets: Targets) -> Tensor:
    """Return the cross entropy of room, person and boundary (BSN): the boundary is where the matte is unsure.

    The boundary's probability is 4 p (1 - p), at most 1 at p = 0.5.
    """
    p = logits.sigmoid()
    unsure = (4 * p * (1 - p)).clamp(1e-4, 1 - 1e-4)
    target = (4 * targets.alpha * (1 - targets.alpha)).clamp(0, 1)
    return mean_over(functional.binary_cross_entropy(unsure, target, reduction="none"), targets.known)


def gradient(logits: Tensor, targets: Targets) -> Tensor:
    """Return the mean difference of the mattes' gradients: sharp rims where the truth has them."""

    def slopes(alpha: Tensor) -> tuple[Tensor, Tensor]:
        return alpha[..., 1:, :] - alpha[..., :-1, :], alpha[..., :, 1:] - alpha[..., :, :-1]

    known = targets.known
    both = known[..., 1:, :] * known[..., :-1, :], known[..., :, 1:] * known[..., :, :-1]
    pairs = zip(slopes(logits.sigmoid()), slopes(targets.alpha), both, strict=True)
    terms = [mean_over((mine - true).abs(), where) for mine, true, where in pairs]
    return torch.stack(terms).sum()


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each term counts; 0 leaves it out. `lost`, `edge` and `kept` weigh pixels within the terms."""

    cross_entropy: float = 0.5
    absolute: float = 2.0
    distillation: float = 1.0
    forgotten: float = 0.0
    hardest: float = 0.0
    consistency: float = 0.0
    boundary_class: float = 0.0
    gradient: float = 0.0
    lost: float = 2.0
    edge: float = 0.0
    kept: float = 3.0


def total(logits: Tensor, targets: Targets, weights: LossWeights, disturbed: Tensor | None) -> dict[str, Tensor]:
    """Return each weighed term by name, and their sum as `total`."""
    pixels = pixel_weights(targets, weights.lost, weights.edge)
    terms: dict[str, Tensor] = {}
    if weights.cross_entropy:
        terms["cross_entropy"] = weights.cross_entropy * cross_entropy(logits, targets, pixels)
    if weights.absolute:
        terms["absolute"] = weights.absolute * absolute(logits, targets, pixels)
    if weights.distillation:
        terms["distillation"] = weights.distillation * distillation(logits, targets, weights.kept)
    if weights.forgotten:
        terms["forgotten"] = weights.forgotten * forgotten(logits, targets)
    if weights.hardest:
        terms["hardest"] = weights.hardest * hardest(logits, targets)
    if weights.boundary_class:
        terms["boundary_class"] = weights.boundary_class * boundary_class(logits, targets)
    if weights.gradient:
        terms["gradient"] = weights.gradient * gradient(logits, targets)
    if weights.consistency and disturbed is not None:
        terms["consistency"] = weights.consistency * consistency(logits, disturbed)
    terms["total"] = torch.stack(list(terms.values())).sum()
    return terms
