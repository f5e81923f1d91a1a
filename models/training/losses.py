"""The losses, each a term that a run weighs; all take what a network gave and what it should, and give a scalar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.training.data.scene import UNKNOWN
from models.training.settings import LossWeights

AGREE = 0.3
"""The teacher is believed about a pixel whose known truth it misses by less."""

CELL = 16
"""Pixels: the side of the cells in which two looks have to agree, that of MODNet's semantic head."""

SEMANTIC = 100.0
"""What their squared difference counts beside the outline's absolute one: MODNet's own weight of it."""


class Prediction:
    """A batch of mattes, as logits (n, 1, h, w); what several terms need of them is computed once.

    A second head's `joints` are logits, too, (n, kinds of key points, about h / 2, about w / 2).
    """

    def __init__(self, logits: Tensor, joints: Tensor | None = None) -> None:
        self.logits, self.joints = logits, joints
        self.alpha = logits.sigmoid()
        self._softplus = functional.softplus(logits)

    def cross_entropy(self, target: Tensor) -> Tensor:
        """Return each pixel's cross entropy with a target in [0, 1]."""
        return self._softplus - self.logits * target


@dataclass(frozen=True, slots=True)
class Targets:
    """What a batch should give; all (n, 1, h, w), in [0, 1] but for the joints."""

    alpha: Tensor
    known: Tensor
    """1 where alpha is the truth, 0 where only the teacher can say."""
    teacher: Tensor
    joints: Tensor | None = None
    """The kind of the key point whose disc a pixel is in, 0 for none, UNKNOWN where nobody can say."""
    expected: Tensor | None = None
    """The mean matte of all samples of that shape, (1, 1, h, w)."""


def edge_band(alpha: Tensor, half: int = 3) -> Tensor:
    """Return 1 within `half` pixels of the outline: dilation minus erosion, as MODNet's detail region."""
    side = 2 * half + 1
    grown = functional.max_pool2d(alpha, side, 1, half) + functional.max_pool2d(-alpha, side, 1, half)
    return (grown > 0.3).float()


def mean_over(loss: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean; 0 where all weights are 0."""
    return (loss * weight).sum() / weight.sum().clamp_min(1e-6)


def errors(targets: Targets, thick: int = 0) -> Tensor:
    """Return how wrong the teacher is beyond AGREE, in [0, 1]; 0 where what is wrong is less than `thick` pixels wide.

    `thick` is odd, or 0 for all errors.
    """
    wrong = functional.relu((targets.teacher - targets.alpha).abs() - AGREE) / (1 - AGREE)
    if not thick:
        return wrong
    eroded = -functional.max_pool2d(-wrong, thick, 1, thick // 2)
    return functional.max_pool2d(eroded, thick, 1, thick // 2)


def likely_boundary(expected: Tensor) -> Tensor:
    """Return how likely an outline is at each place, 1 at the likeliest, of the mean matte of many samples.

    It stands for the global prior of BSN (Du et al., arXiv:1712.08675), which is made of the mean mask, too: what is
    person in nearly all samples, or in nearly none, is hardly ever boundary.
    """
    unsure = expected * (1 - expected)
    return unsure / unsure.amax().clamp_min(1e-6)


def pixel_weights(
    targets: Targets, lost: float, edge: float, right: float = 1.0, prior: float = 0.0, thick: int = 0
) -> Tensor:
    """Return what each pixel counts.

    It is `lost` times more on the person, 1 + `edge` times in the edge band, `right` where the teacher is right, and
    up to 1 + `prior` times where outlines are likely.
    """
    weight = targets.known * (1 + (lost - 1) * targets.alpha)
    if right != 1:
        weight = weight * (right + (1 - right) * errors(targets, thick))
    if prior and targets.expected is not None:
        weight = weight * (1 + prior * likely_boundary(targets.expected))
    return weight * (1 + edge * edge_band(targets.alpha)) if edge else weight


def cross_entropy(mine: Prediction, targets: Targets, weight: Tensor) -> Tensor:
    return mean_over(mine.cross_entropy(targets.alpha), weight)


def absolute(mine: Prediction, targets: Targets, weight: Tensor) -> Tensor:
    """Return the mean absolute difference of the mattes."""
    return mean_over((mine.alpha - targets.alpha).abs(), weight)


def hardest(mine: Prediction, targets: Targets, share: float = 0.1) -> Tensor:
    """Return the cross entropy of the worst `share` of known pixels: OHEM (Shrivastava et al., CVPR 2016)."""
    flat = (mine.cross_entropy(targets.alpha) * targets.known).flatten()
    count = max(1, int(share * flat.numel()))
    return flat.topk(count).values.mean()


def distillation(
    mine: Prediction, targets: Targets, kept: float, sure: float = 0.0, thick: int = 0
) -> Tensor:
    """Return the cross entropy with the teacher where it is right, by no `thick` error wrong, or where only it can say.

    Where it is right about a person, it counts `kept` times: what it knows must not be forgotten. Its mattes are
    kept `sure` from 0 and 1: a student need not be surer, and one that is becomes less so.
    """
    right = (errors(targets, thick) == 0) | (targets.known < 0.5)
    weight = right.float() * (1 + (kept - 1) * (targets.teacher > 0.5).float())
    return mean_over(mine.cross_entropy(targets.teacher.clamp(sure, 1 - sure)), weight)


def forgotten(mine: Prediction, targets: Targets) -> Tensor:
    """Return how much worse than the teacher the matte is, where the truth is known: 0 if nowhere."""
    worse = (mine.alpha - targets.alpha).abs() - (targets.teacher - targets.alpha).abs()
    return mean_over(functional.relu(worse), targets.known)


def consistency(mine: Prediction, disturbed: Prediction, sure: float = 0.0) -> Tensor:
    """Return the cross entropy of a disturbed picture's matte with that of the clean one (PortraitNet)."""
    return disturbed.cross_entropy(mine.alpha.detach().clamp(sure, 1 - sure)).mean()


def boundary_class(mine: Prediction, targets: Targets) -> Tensor:
    """Return the cross entropy of being boundary or not (BSN): the boundary is where the matte is unsure.

    The boundary's probability is 4 p (1 - p), at most 1 at p = 0.5.
    """
    unsure = (4 * mine.alpha * (1 - mine.alpha)).clamp(1e-4, 1 - 1e-4)
    target = (4 * targets.alpha * (1 - targets.alpha)).clamp(0, 1)
    return mean_over(functional.binary_cross_entropy(unsure, target, reduction="none"), targets.known)


def pose(mine: Prediction, targets: Targets) -> Tensor:
    """Return the cross entropy of each pixel's being in a disc of each kind of key point, as in PersonLab (ECCV 2018).

    Discs count as much as all the rest of a known picture, small as they are. 0 without a head or labels.
    """
    if mine.joints is None or targets.joints is None:
        return mine.logits.sum() * 0
    size = mine.joints.shape[2:]
    kinds, known = (functional.interpolate(plane, size) for plane in (targets.joints, targets.known))
    known = known * (kinds != UNKNOWN)
    wanted = torch.cat([(kinds == kind).float() for kind in range(1, mine.joints.shape[1] + 1)], dim=1)
    loss = functional.binary_cross_entropy_with_logits(mine.joints, wanted, reduction="none")
    return (mean_over(loss, known * wanted) + mean_over(loss, known * (1 - wanted))) / 2


def agreement(mine: Prediction, other: Prediction, before: Prediction) -> Tensor:
    """Return how far a network's answers about one picture are from each other, and from what it knew before.

    In the place of MODNet's three heads (SOC), any network's look at the mirror image, turned back, `other`, has to
    agree about where people are, in cells of CELL pixels, and the network as it was, `before`, about the outline. No
    truth is asked.
    """
    fine, rough = (functional.avg_pool2d(p.alpha, CELL) for p in (mine, other))
    band = edge_band(before.alpha)
    return SEMANTIC * (fine - rough).square().mean() + mean_over((mine.alpha - before.alpha).abs(), band)


def gradient(mine: Prediction, targets: Targets) -> Tensor:
    """Return the mean difference of the mattes' gradients: sharp rims where the truth has them."""
    error = (mine.alpha - targets.alpha) * targets.known
    down, across = error[..., 1:, :] - error[..., :-1, :], error[..., :, 1:] - error[..., :, :-1]
    return down.abs().mean() + across.abs().mean()


def total(
    mine: Prediction, targets: Targets, weights: LossWeights, disturbed: Prediction | None = None
) -> dict[str, Tensor]:
    """Return each weighed term by name, and their sum as `total`."""
    pixels = pixel_weights(targets, weights.lost, weights.edge, weights.right, weights.prior, weights.thick)
    terms: dict[str, Callable[[], Tensor]] = {
        "cross_entropy": lambda: cross_entropy(mine, targets, pixels),
        "absolute": lambda: absolute(mine, targets, pixels),
        "distillation": lambda: distillation(mine, targets, weights.kept, weights.sure, weights.thick),
        "forgotten": lambda: forgotten(mine, targets),
        "hardest": lambda: hardest(mine, targets),
        "boundary_class": lambda: boundary_class(mine, targets),
        "gradient": lambda: gradient(mine, targets),
        "pose": lambda: pose(mine, targets),
    }
    if disturbed:
        terms["consistency"] = lambda: consistency(mine, disturbed, weights.sure)
    wanted = {name: float(getattr(weights, name)) for name in terms}
    values = {name: weight * terms[name]() for name, weight in wanted.items() if weight}
    return {**values, "total": torch.stack(list(values.values())).sum()}
