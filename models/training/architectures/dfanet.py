"""DFANet (Li et al., CVPR 2019): light encoders in a row, each fed with what the one before has made of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.training.architectures.blocks import Attention, channels, conv, head, linear, resize, separable


class Stage(nn.Module):
    """One encoder stage of the Xception-like backbone: separable convolutions around a shortcut."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.body = nn.Sequential(separable(inner, outer, 2), separable(outer, outer))
        self.shortcut = linear(inner, outer, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class Backbone(nn.Module):
    """Three stages and the fully connected attention; gives what each stage has made."""

    def __init__(self, inner: int, counts: tuple[int, int, int], beside: tuple[int, int, int]) -> None:
        super().__init__()
        first, second, third = counts
        self.stages = nn.ModuleList(
            [Stage(inner, first), Stage(first + beside[0], second), Stage(second + beside[1], third)]
        )
        self.attention = Attention(third)

    def forward(self, x: Tensor, beside: list[Tensor]) -> list[Tensor]:
        made: list[Tensor] = []
        for index, stage in enumerate(self.stages):
            if index and beside:
                x = torch.cat([x, resize(beside[index - 1], x)], dim=1)
            x = stage(x)
            made.append(x)
        made[-1] = self.attention(x)
        return made


class DFANet(nn.Module):
    """Three backbones with sub-network and sub-stage aggregation."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        counts = (channels(48, width), channels(96, width), channels(192, width))
        stem = channels(8, width)
        self.stem = conv(3, stem, 3, 2)
        self.first = Backbone(stem, counts, (0, 0, 0))
        self.second = Backbone(counts[2], counts, counts)
        self.third = Backbone(counts[2], counts, counts)
        self.low = nn.ModuleList(conv(counts[0], counts[0], 1) for _ in range(3))
        self.high = nn.ModuleList(conv(counts[2], counts[0], 1) for _ in range(3))
        self.head = head(counts[0])

    def forward(self, picture: Tensor) -> Tensor:
        one = self.first(self.stem(picture), [])
        two = self.second(resize(one[2], one[0]), one)
        three = self.third(resize(two[2], two[0]), two)
        made = (one, two, three)
        total = self.low[0](one[0])
        for low, stages in zip(list(self.low)[1:], made[1:], strict=True):
            total = total + resize(low(stages[0]), total)
        for high, stages in zip(self.high, made, strict=True):
            total = total + resize(high(stages[2]), total)
        return resize(self.head(total), picture)
