"""What the networks are built of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def channels(count: float, width: float) -> int:
    """Return an article's channel count at `width` times its size: a multiple of 4, at least 4."""
    return max(4, round(count * width / 4) * 4)


def conv(
    inner: int, outer: int, kernel: int = 3, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Return convolution, batch normalisation and ReLU; the size changes by the stride only."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(outer),
        nn.ReLU(inplace=True),
    )


def linear(inner: int, outer: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return convolution and batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outer)
    )


def separable(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
    """Return a depthwise 3x3 and a pointwise convolution."""
    return nn.Sequential(conv(inner, inner, 3, stride, groups=inner), conv(inner, outer, 1))


def resize(x: Tensor, like: Tensor) -> Tensor:
    """Return `x` interpolated to the height and width of `like`."""
    return functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def pooled(x: Tensor) -> Tensor:
    """Return the mean over height and width, (n, c, 1, 1)."""
    return x.mean((2, 3), keepdim=True)


class InvertedResidual(nn.Module):
    """MobileNetV2's block (Sandler et al., CVPR 2018)."""

    def __init__(self, inner: int, outer: int, stride: int = 1, expand: int = 4) -> None:
        super().__init__()
        hidden = inner * expand
        self.body = nn.Sequential(
            conv(inner, hidden, 1), conv(hidden, hidden, 3, stride, groups=hidden), linear(hidden, outer)
        )
        self.residual = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.residual else y


class Encoder(nn.Module):
    """A MobileNetV2-like encoder; gives the features at 1/2, 1/4, ..., one for each entry of `counts`."""

    def __init__(self, counts: Sequence[int], repeats: Sequence[int], planes: int = 3) -> None:
        super().__init__()
        stages: list[nn.Module] = [conv(planes, counts[0], 3, 2)]
        for inner, outer, more in zip(counts[:-1], counts[1:], repeats, strict=True):
            rest = [InvertedResidual(outer, outer) for _ in range(more)]
            stages.append(nn.Sequential(InvertedResidual(inner, outer, 2), *rest))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class Attention(nn.Module):
    """Channels weighed by what is in the whole picture (squeeze and excite; BiSeNet's ARM)."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(nn.Conv2d(count, count, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.weigh(pooled(x))
        return x * weight


def mobile(width: float) -> Encoder:
    """Return the encoder that several of these networks share: 16, 24, 32, 64 and 96 channels at 1/2 to 1/32."""
    return Encoder([channels(n, width) for n in (16, 24, 32, 64, 96)], (1, 1, 2, 1))


MOBILE = (16, 24, 32, 64, 96)
"""Channels of `mobile` at 1/2 to 1/32, before its width."""


def head(inner: int, outer: int = 1) -> nn.Sequential:
    return nn.Sequential(conv(inner, inner), nn.Conv2d(inner, outer, 1))


def to_logit(alpha: Tensor) -> Tensor:
    """Return the logit of a matte, finite at 0 and 1."""
    return torch.logit(alpha.clamp(1e-4, 1 - 1e-4))
