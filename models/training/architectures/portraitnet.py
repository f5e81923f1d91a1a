"""PortraitNet (Zhang et al., Computers & Graphics 2019) and BSN (Du et al., arXiv:1712.08675)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.training.architectures.blocks import MOBILE, channels, linear, mobile, resize, separable, to_logit


class Decode(nn.Module):
    """PortraitNet's D-block: two separable convolutions around a shortcut, then twice the size."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.body = nn.Sequential(separable(inner, outer), separable(outer, outer))
        self.shortcut = linear(inner, outer)
        self.up = nn.ConvTranspose2d(outer, outer, 4, 2, 1, groups=outer)

    def forward(self, x: Tensor) -> Tensor:
        up: Tensor = self.up(torch.relu(self.body(x) + self.shortcut(x)))
        return up


class PortraitNet(nn.Module):
    """Encoder, D-blocks with sums, and two heads: the person and, while it trains, the boundary."""

    def __init__(self, width: float = 1.0, classes: int = 1) -> None:
        super().__init__()
        counts = [channels(n, width) for n in MOBILE]
        self.encoder = mobile(width)
        self.decode = nn.ModuleList(
            Decode(inner, outer) for inner, outer in zip(counts[:0:-1], counts[-2::-1], strict=True)
        )
        self.last = nn.ConvTranspose2d(counts[0], classes, 2, 2)

    def scores(self, picture: Tensor) -> Tensor:
        """Return the scores of the classes (n, classes, h, w)."""
        features = self.encoder(picture)
        x: Tensor = features[-1]
        for skip, decode in zip(features[-2::-1], self.decode, strict=True):
            x = skip + resize(decode(x), skip)
        return resize(self.last(x), picture)

    def forward(self, picture: Tensor) -> Tensor:
        return self.scores(picture)


class BSN(PortraitNet):
    """Room, person and boundary as three classes, and where edges usually are as a prior.

    Half of the boundary's probability counts as person. The prior is learned, coarse, and added to its score.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__(width, classes=3)
        self.prior = nn.Parameter(torch.zeros(1, 1, 9, 16))

    def forward(self, picture: Tensor) -> Tensor:
        scores = self.scores(picture)
        room, person, edge = (scores[:, i : i + 1] for i in range(3))
        share = torch.softmax(torch.cat([room, person, edge + resize(self.prior, edge)], dim=1), dim=1)
        return to_logit(share[:, 1:2] + 0.5 * share[:, 2:3])
