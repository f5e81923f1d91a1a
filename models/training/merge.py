"""A merge of networks of one graph: the first, and of what each other has learned beyond it a share for each layer.

The shares are learned, as in AdaMerging (Yang et al., ICLR 2024), there without truths, here from looks whose truth is
known: the merged network should err less than the first, look by look. A share per layer and run is some hundred
numbers, which can't learn pictures by heart as a hundred thousand weights can.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from models.training.architectures.selfie import Selfie
from models.training.looks import Look
from models.training.mix import MixError

BATCH = 8
RATE = 0.03
"""Of the shares, in Adam's first step; falls to a tenth. Chosen, as all that follows."""
CALIBRATION_RATE = 0.005
"""Of the temperature and the bias."""
WORSE = 3.0
"""How many times more what is worse than the first network counts, beside all that it errs."""
SHOWN = 0.15
"""What a matte shows of a room above this counts, and what it hides ..."""
HIDDEN = 0.7
"""... of a person below this: the privacy dial's .2 lies between them and the metrics' .1 and .5."""
SMOOTH = 0.2
"""What the squared difference of the shares of two layers, one after the other, counts."""
EMPTY_LEAK = 0.004
"""What a look at an empty room shows counts as a part of this; about the mean of what the shipped network shows."""
LEAST = (50, 400)
"""Pixels of room, and of people, of which a look's share is taken at least: of fewer, single pixels would count."""

Progress = Callable[[int, int, str], None]


class Errors(NamedTuple):
    """What is wrong with each matte of a batch, (n,) each."""

    absolute: Tensor
    leak: Tensor
    lost: Tensor


def errors(alpha: Tensor, truth: Tensor) -> Errors:
    """Compare mattes with what is true, both (n, height, width) in [0, 1]."""
    room, person = (truth < 0.04).float(), (truth > 0.96).float()
    axes = (1, 2)
    shown = (functional.relu(alpha - SHOWN) * room).sum(axes) / room.sum(axes).clamp_min(LEAST[0])
    hidden = (functional.relu(HIDDEN - alpha) * person).sum(axes) / person.sum(axes).clamp_min(LEAST[1])
    return Errors((alpha - truth).abs().mean(axes), shown, hidden)


class Merge(nn.Module):
    """The shares of each run in each layer, a temperature and a bias; they start as the first network is."""

    def __init__(self, first: Path, runs: list[Path]) -> None:
        """Load the networks; raises MixError where they aren't of one graph."""
        super().__init__()
        self.network: Selfie = Selfie(first)
        self.network.requires_grad_(False)
        self._before = dict(self.network.named_parameters())
        self._learned = [self._difference(run) for run in runs]
        layers = self.network.layers()
        self._layer = {name: number for number, names in enumerate(layers) for name in names}
        self.shares = nn.Parameter(torch.zeros(len(runs), len(layers)))
        self.temperature = nn.Parameter(torch.ones(()))
        self.bias = nn.Parameter(torch.zeros(()))

    def _difference(self, run: Path) -> dict[str, Tensor]:
        theirs = dict(Selfie(run).named_parameters())
        if {k: v.shape for k, v in theirs.items()} != {k: v.shape for k, v in self._before.items()}:
            raise MixError(f"{run} is of another graph")
        return {name: value.detach() - self._before[name] for name, value in theirs.items()}

    def weights(self) -> dict[str, Tensor]:
        """Return the merged network's weights by name."""
        merged = dict[str, Tensor]()
        for name, value in self._before.items():
            shares = self.shares[:, self._layer[name]]
            learned = [share * each[name] for share, each in zip(shares, self._learned, strict=True)]
            merged[name] = value + torch.stack(learned).sum(0)
        weight, bias = (name for name, layer in self._layer.items() if layer == self.shares.shape[1] - 1)
        merged[weight] = merged[weight] * self.temperature
        merged[bias] = merged[bias] * self.temperature + self.bias
        return merged

    def forward(self, picture: Tensor) -> Tensor:
        """Return logits (n, 1, height, width)."""
        logits: Tensor = functional_call(self.network, self.weights(), (picture,))
        return logits

    def merged(self) -> Selfie:
        """Return the network with the merged weights."""
        with torch.no_grad():
            for name, value in self.weights().items():
                self._before[name].copy_(value)
        return self.network

    def roughness(self) -> Tensor:
        """Return how much the shares differ from layer to layer."""
        return (self.shares[:, 1:] - self.shares[:, :-1]).square().mean()


def loss_of(mine: Errors, first: Errors, usual: Errors, empty: Tensor, lost: float) -> Tensor:
    """Return what the errors of a batch cost: the sum over its looks, by BATCH, of which `empty` (n,) show nobody.

    Each error counts as a part of what is `usual`, once, and WORSE times more where it is larger than the first
    network's; what is lost of people counts `lost` times more than what is shown. Of an empty room only that counts.
    """

    def cost(error: Tensor, before: Tensor, unit: Tensor | float) -> Tensor:
        change = (error - before) / unit
        return change + WORSE * functional.relu(change)

    people = (
        cost(mine.absolute, first.absolute, usual.absolute)
        + cost(mine.leak, first.leak, usual.leak)
        + lost * cost(mine.lost, first.lost, usual.lost)
    )
    return torch.where(empty, cost(mine.leak, first.leak, EMPTY_LEAK), people).sum() / BATCH


class Batches:
    """Draws looks of one shape at a time, as often as there are such looks; half of the batches are mirrored."""

    def __init__(self, looks: list[Look], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        groups = defaultdict[tuple[tuple[int, ...], bool], list[Look]](list)
        for look in looks:
            groups[look.truth.shape, bool(look.truth.any())].append(look)
        self._groups = list(groups.values())
        self._shares = np.array([len(group) for group in self._groups]) / len(looks)

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures (n, 3, h, w), truths and the first network's mattes (n, h, w), n <= BATCH, all in [0, 1]."""
        group = self._groups[self._rng.choice(len(self._groups), p=self._shares)]
        drawn = self._rng.choice(len(group), min(BATCH, len(group)), replace=False)
        mirrored = self._rng.random() < 0.5
        stacks = (np.stack(arrays) for arrays in zip(*(group[n] for n in drawn), strict=True))
        pictures, truths, mattes = (torch.from_numpy(stack).float() / 255 for stack in stacks)
        return (
            (pictures.flip(-1), truths.flip(-1), mattes.flip(-1)) if mirrored else (pictures, truths, mattes)
        )


def usual_errors(looks: list[Look]) -> Errors:
    """Return the mean errors of the first network where people are; raises MixError where nobody is."""
    found = [
        errors(*(torch.from_numpy(p)[None].float() / 255 for p in (look.matte, look.truth)))
        for look in looks
        if look.truth.any()
    ]
    if not found:
        raise MixError("nobody is in the clips to learn shares from")
    return Errors(*(torch.cat(error).mean().clamp_min(1e-6) for error in zip(*found, strict=True)))


def learn(merge: Merge, looks: list[Look], images: int, lost: float, seed: int, progress: Progress) -> None:
    """Learn the shares, the temperature and the bias from `images` looks; raises MixError where nobody is in them."""
    usual, batches, done = usual_errors(looks), Batches(looks, seed), 0
    optimizer = torch.optim.Adam(
        [
            {"params": [merge.shares], "lr": RATE},
            {"params": [merge.temperature, merge.bias], "lr": CALIBRATION_RATE},
        ]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1 - 0.9 * done / images)
    recent = 0.0
    while done < images:
        pictures, truths, mattes = batches.draw()
        mine = errors(merge(pictures).sigmoid()[:, 0], truths)
        loss = loss_of(mine, errors(mattes, truths), usual, ~truths.flatten(1).any(1), lost)
        loss = loss + SMOOTH * merge.roughness()
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        done = min(done + len(pictures), images)
        schedule.step()
        recent = 0.98 * recent + 0.02 * float(loss.detach())
        progress(done, images, f"loss {recent:.3f}")
