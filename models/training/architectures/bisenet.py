"""BiSeNet (Yu et al., ECCV 2018) and BiSeNetV2 (Yu et al., IJCV 2021): a path for detail, a path for meaning."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.training.architectures.blocks import (
    MOBILE,
    Attention,
    channels,
    conv,
    head,
    linear,
    mobile,
    pooled,
    resize,
)


class BiSeNet(nn.Module):
    """Spatial path at 1/8, a light context path with attention refinement, feature fusion."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        inner, detail = channels(64, width), channels(128, width)
        third, fourth = (channels(n, width) for n in MOBILE[3:])
        self.spatial = nn.Sequential(
            conv(3, inner, 7, 2), conv(inner, inner, 3, 2), conv(inner, inner, 3, 2), conv(inner, detail, 1)
        )
        self.context = mobile(width)
        self.refine = nn.ModuleList([Attention(third), Attention(fourth)])
        self.fuse = conv(detail + third + fourth, detail, 1)
        self.weigh = Attention(detail)
        self.head = head(detail)

    def forward(self, picture: Tensor) -> Tensor:
        detail = self.spatial(picture)
        third, fourth = self.context(picture)[3:]
        fourth = self.refine[1](fourth) + pooled(fourth)
        context = [resize(self.refine[0](third), detail), resize(fourth, detail)]
        fused = self.fuse(torch.cat([detail, *context], dim=1))
        return resize(self.head(fused + self.weigh(fused)), picture)


class GatherExpand(nn.Module):
    """BiSeNetV2's gather-and-expansion layer; with stride 2 it halves the size."""

    def __init__(self, inner: int, outer: int, stride: int = 1) -> None:
        super().__init__()
        hidden = inner * 6
        down = [linear(inner, hidden, 3, stride, groups=inner)] if stride > 1 else []
        self.body = nn.Sequential(
            conv(inner, inner),
            *down,
            *([] if down else [linear(inner, hidden, 3, groups=inner)]),
            linear(hidden, outer),
        )
        self.shortcut = (
            nn.Sequential(linear(inner, inner, 3, stride, groups=inner), linear(inner, outer))
            if stride > 1 or inner != outer
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class BiSeNetV2(nn.Module):
    """Detail branch, semantic branch and guided aggregation; the article's booster heads are left out."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        a, b, c = (channels(n, width) for n in (64, 64, 128))
        stem, d, e = (channels(n, width) for n in (16, 32, 64))
        self.detail = nn.Sequential(
            conv(3, a, 3, 2), conv(a, a), conv(a, b, 3, 2), conv(b, b), conv(b, c, 3, 2), conv(c, c)
        )
        self.stem = nn.Sequential(conv(3, stem, 3, 2), conv(stem, stem, 3, 2))
        self.semantic = nn.Sequential(
            GatherExpand(stem, d, 2),
            GatherExpand(d, d),
            GatherExpand(d, e, 2),
            GatherExpand(e, e),
            GatherExpand(e, c, 2),
            GatherExpand(c, c),
        )
        self.context = conv(c, c, 1)
        self.detail_gate = nn.Sequential(linear(c, c, 3, groups=c), nn.Conv2d(c, c, 1))
        self.detail_down = nn.Sequential(linear(c, c, 3, 2), nn.AvgPool2d(3, 2, 1))
        self.semantic_up = linear(c, c, 3)
        self.semantic_gate = nn.Sequential(linear(c, c, 3, groups=c), nn.Conv2d(c, c, 1))
        self.fuse = linear(c, c, 3)
        self.head = head(c)

    def forward(self, picture: Tensor) -> Tensor:
        detail = self.detail(picture)
        meaning = self.semantic(self.stem(picture))
        meaning = meaning + self.context(pooled(meaning).expand_as(meaning))
        fine = self.detail_gate(detail) * torch.sigmoid(resize(self.semantic_up(meaning), detail))
        coarse = resize(self.detail_down(detail), meaning) * torch.sigmoid(self.semantic_gate(meaning))
        return resize(self.head(self.fuse(fine + resize(coarse, detail))), picture)
