"""Background Matting V2 (Lin et al., CVPR 2021): a plate as second picture, and patches that are looked at again."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.architectures.blocks import MOBILE, Encoder, channels, conv, resize, separable

PATCH = 8
"""Side of a patch, in pixels."""


class BackgroundMattingV2(nn.Module):
    """Base network at half size on picture and plate, and a refiner of the patches that it is least sure of.

    Without a plate the second picture is black, which training shows it, too.
    """

    def __init__(self, width: float = 1.0, patches: int = 96) -> None:
        super().__init__()
        counts = [channels(n, width) for n in MOBILE[:4]]
        inner = channels(16, width)
        self.patches = patches
        self.encoder = Encoder(counts, (1, 1, 2), planes=6)
        self.lateral = nn.ModuleList(nn.Conv2d(c, d, 1) for c, d in zip(counts[1:], counts, strict=False))
        self.decode = nn.ModuleList(separable(c, c) for c in counts[:-1])
        self.base = nn.Conv2d(counts[0], 2, 1)
        self.refiner = nn.Sequential(conv(7, inner), conv(inner, inner), nn.Conv2d(inner, 1, 3, 1, 1))

    def forward(self, picture: Tensor, plate: Tensor | None = None) -> Tensor:
        both = torch.cat([picture, torch.zeros_like(picture) if plate is None else plate], dim=1)
        coarse, error = self.coarse(functional.avg_pool2d(both, 2, 2))
        logits = resize(coarse, picture)
        fine: Tensor = self.refiner(torch.cat([both, logits.sigmoid()], dim=1))
        return logits + fine * self.chosen(error, picture)

    def coarse(self, both: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coarse matte's logits and how wrong it is likely to be."""
        features = self.encoder(both)
        x: Tensor = features[-1]
        for skip, lateral, decode in zip(
            features[-2::-1], self.lateral[::-1], self.decode[::-1], strict=True
        ):
            x = decode(skip + resize(lateral(x), skip))
        both = self.base(x)
        return both[:, :1], both[:, 1:]

    def chosen(self, error: Tensor, picture: Tensor) -> Tensor:
        """Return 1 in the patches with the largest error, 0 elsewhere; soft while it trains, so that it learns."""
        cells = functional.avg_pool2d(error, PATCH // 2)
        if self.training:
            return resize(cells.sigmoid(), picture)
        # Padded, so that a picture of fewer patches has enough to choose from, after export, too: there k is fixed.
        flat = functional.pad(cells.flatten(1), (0, self.patches), value=float("-inf"))
        least = flat.topk(self.patches, dim=1).values[:, -1].view(-1, 1, 1, 1)
        return functional.interpolate(
            (cells >= least).to(picture.dtype), size=picture.shape[2:], mode="nearest"
        )
