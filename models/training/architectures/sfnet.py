"""SFNet (Li et al., ECCV 2020): coarse features flow to where the fine ones say they belong."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.architectures.blocks import MOBILE, channels, conv, head, mobile, resize


class FlowAlign(nn.Module):
    """Warps the coarse features by a flow learned from both."""

    def __init__(self, count: int) -> None:
        super().__init__()
        half = max(4, count // 2)
        self.down = nn.ModuleList([nn.Conv2d(count, half, 1, bias=False) for _ in range(2)])
        self.flow = nn.Conv2d(2 * half, 2, 3, 1, 1, bias=False)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        large = resize(coarse, fine)
        flow = self.flow(torch.cat([self.down[0](fine), resize(self.down[1](coarse), fine)], dim=1))
        height, width = fine.shape[2], fine.shape[3]
        rows = torch.linspace(-1, 1, height, device=fine.device).view(1, -1, 1).expand(1, height, width)
        columns = torch.linspace(-1, 1, width, device=fine.device).view(1, 1, -1).expand(1, height, width)
        # Not as one division by a tensor of both sizes: export would take that for a constant.
        grid = torch.stack([columns + flow[:, 0] / width, rows + flow[:, 1] / height], dim=-1)
        return functional.grid_sample(large, grid, mode="bilinear", align_corners=True)


class SFNet(nn.Module):
    """A feature pyramid whose every step up is aligned by flow."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        counts = [channels(n, width) for n in MOBILE[1:]]
        inner = channels(64, width)
        self.encoder = mobile(width)
        self.lateral = nn.ModuleList(conv(count, inner, 1) for count in counts)
        self.align = nn.ModuleList(FlowAlign(inner) for _ in counts[1:])
        self.smooth = nn.ModuleList(conv(inner, inner) for _ in counts[1:])
        self.fuse = conv(inner * len(counts), inner, 1)
        self.head = head(inner)

    def forward(self, picture: Tensor) -> Tensor:
        features = [lateral(f) for lateral, f in zip(self.lateral, self.encoder(picture)[1:], strict=True)]
        x = features[-1]
        levels = [x]
        for fine, align, smooth in zip(features[-2::-1], self.align, self.smooth, strict=True):
            x = smooth(fine + align(fine, x))
            levels.append(x)
        fused = self.fuse(torch.cat([resize(level, x) for level in levels], dim=1))
        return resize(self.head(fused), picture)
