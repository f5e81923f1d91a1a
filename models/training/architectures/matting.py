"""Matting in branches: MODNet (Ke et al., AAAI 2022) and BSHM (Liu et al., CVPR 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.architectures.blocks import MOBILE, Attention, channels, conv, head, mobile, resize
from models.training.architectures.unet import mobile_unet


class MODNet(nn.Module):
    """Semantic estimation at 1/16, detail prediction at 1/2, and their fusion."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        counts = [channels(n, width) for n in MOBILE]
        detail = channels(24, width)
        self.encoder = mobile(width)
        self.attention = Attention(counts[4])
        self.semantic = nn.Sequential(conv(counts[4], counts[3]), conv(counts[3], detail))
        self.detail = nn.Sequential(conv(3 + counts[0] + 2 * detail, detail), conv(detail, detail))
        self.fine = conv(counts[1], detail, 1)
        self.fuse = head(2 * detail)

    def forward(self, picture: Tensor) -> Tensor:
        features = self.encoder(picture)
        half = features[0]
        semantic = resize(self.semantic(self.attention(features[4])), half)
        small = resize(picture, half)
        detail = self.detail(torch.cat([small, half, resize(self.fine(features[1]), half), semantic], dim=1))
        return resize(self.fuse(torch.cat([semantic, detail], dim=1)), picture)


class BSHM(nn.Module):
    """Mask prediction (MPN) at half size, quality unification (QUN) and matting refinement (MRN).

    QUN brings coarse masks of any origin to one quality, so that MRN sees nothing else.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        inner = channels(16, width)
        self.mask = mobile_unet(width)
        self.unify = nn.Sequential(conv(4, inner, 3, 2), conv(inner, inner), nn.Conv2d(inner, 1, 1))
        self.refine = nn.Sequential(conv(4, inner, 3, 2), conv(inner, inner), conv(inner, inner))
        self.last = nn.Conv2d(inner + 4, 1, 3, 1, 1)

    def forward(self, picture: Tensor) -> Tensor:
        half = functional.avg_pool2d(picture, 2, 2)
        coarse = self.mask(half)
        seen = torch.cat([half, coarse.sigmoid()], dim=1)
        unified = coarse + resize(self.unify(seen), coarse)
        large = torch.cat([picture, resize(unified, picture).sigmoid()], dim=1)
        detail = resize(self.refine(large), picture)
        fine: Tensor = self.last(torch.cat([detail, large], dim=1))
        return resize(unified, picture) + fine
