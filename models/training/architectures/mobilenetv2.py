"""MobileNetV2 as it was trained on ImageNet (Sandler et al., CVPR 2018), as the encoder of a U-Net."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from models.training.architectures.unet import UNet

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks and stride of the first of them: table 2 of the paper."""

SKIPS = {1: 16, 3: 24, 6: 32, 13: 96, 17: 320}
"""The last block at each size, 1/2 to 1/32, and its channels."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, per channel, in [0, 1]."""


def _conv(inner: int, outer: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outer),
        nn.ReLU6(inplace=True),
    )


class Block(nn.Module):
    """An inverted residual, its parameters named as torchvision names them."""

    def __init__(self, inner: int, outer: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = inner * expand
        widen = [_conv(inner, hidden, 1)] if expand > 1 else []
        narrow = [nn.Conv2d(hidden, outer, 1, bias=False), nn.BatchNorm2d(outer)]
        self.conv = nn.Sequential(*widen, _conv(hidden, hidden, 3, stride, hidden), *narrow)
        self.residual = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """Pictures (n, 3, h, w) in [0, 1] to the features of SKIPS."""

    def __init__(self) -> None:
        super().__init__()
        features: list[nn.Module] = [_conv(3, 32, 3, 2)]
        inner = 32
        for expand, outer, count, stride in STAGES:
            for index in range(count):
                features.append(Block(inner, outer, stride if index == 0 else 1, expand))
                inner = outer
        self.features = nn.Sequential(*features)

    def load(self, path: Path) -> None:
        """Take torchvision's weights of the classifier; raises RuntimeError where they are another network's."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        names = self.state_dict()
        self.load_state_dict({name: value for name, value in state.items() if name in names})

    def forward(self, picture: Tensor) -> list[Tensor]:
        mean, std = (picture.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        x: Tensor = (picture - mean) / std
        found = []
        for index, block in enumerate(self.features):
            x = block(x)
            if index in SKIPS:
                found.append(x)
        return found


def mobilenetv2_unet(init: str) -> UNet:
    """Return the U-Net; its encoder starts as the weights in the file `init`, or by chance where that is ""."""
    encoder = MobileNetV2()
    if init:
        encoder.load(Path(init))
    return UNet(encoder, tuple(SKIPS.values()))
