"""SINet (Park et al., WACV 2020): spatial squeeze, and information blocked where it is sure already."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.architectures.blocks import channels, conv, linear, resize, separable


class SpatialSqueeze(nn.Module):
    """S2-block: the same separable convolution at two sizes, side by side."""

    def __init__(self, count: int, kernels: tuple[int, int] = (3, 5)) -> None:
        super().__init__()
        half = count // 2
        self.near = linear(half, half, kernels[0], groups=half)
        self.far = linear(half, half, kernels[1], groups=half)
        self.split = nn.ModuleList([conv(count, half, 1), conv(count, half, 1)])
        self.join = linear(count, count)

    def forward(self, x: Tensor) -> Tensor:
        near = self.near(self.split[0](x))
        far = resize(self.far(functional.avg_pool2d(self.split[1](x), 2, 2)), near)
        return torch.relu(x + self.join(torch.cat([near, far], dim=1)))


class SINet(nn.Module):
    """Encoder to 1/8 with S2-blocks; a decoder that takes fine features only where the coarse ones are unsure."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        first, second, third = (max(8, channels(n, width) // 8 * 8) for n in (16, 48, 96))
        self.stem = conv(3, first, 3, 2)
        self.second = nn.Sequential(
            separable(first, second, 2), SpatialSqueeze(second), SpatialSqueeze(second)
        )
        self.third = nn.Sequential(
            separable(second, third, 2), *(SpatialSqueeze(third, (3, 5 if i % 2 else 3)) for i in range(6))
        )
        self.coarse = nn.Conv2d(third, 1, 1)
        self.middle = nn.Conv2d(second, 1, 1)
        self.fine = nn.Conv2d(first, 1, 1)

    def forward(self, picture: Tensor) -> Tensor:
        first = self.stem(picture)
        second = self.second(first)
        coarse = resize(self.coarse(self.third(second)), second)
        middle = coarse + self._blocked(coarse) * self.middle(second)
        middle = resize(middle, first)
        return resize(middle + self._blocked(middle) * self.fine(first), picture)

    @staticmethod
    def _blocked(logits: Tensor) -> Tensor:
        """Return how unsure a matte is, 1 at 0.5: only there fine features may pass."""
        p = logits.sigmoid()
        return 1 - (2 * p - 1).abs()
