"""A light U-Net on an encoder that halves the picture five times."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from models.training.architectures.blocks import MOBILE, channels, mobile, resize, separable


class UNet(nn.Module):
    """Ronneberger et al. (MICCAI 2015), with sums for concatenations and separable convolutions."""

    def __init__(self, encoder: nn.Module, counts: Sequence[int]) -> None:
        """Take an encoder and the channels of its features at 1/2 to 1/32."""
        super().__init__()
        self.channels = counts[0]
        self.encoder = encoder
        self.lateral = nn.ModuleList(nn.Conv2d(c, d, 1) for c, d in zip(counts[1:], counts, strict=False))
        self.decode = nn.ModuleList(separable(c, c) for c in counts[:-1])
        self.last = nn.ConvTranspose2d(counts[0], 1, 2, 2)

    def forward(self, picture: Tensor) -> Tensor:
        return self.matte(self.features(picture), picture)

    def matte(self, features: Tensor, picture: Tensor) -> Tensor:
        """Return the logits of a picture of these features."""
        return resize(self.last(features), picture)

    def features(self, picture: Tensor) -> Tensor:
        """Return what the last layer sees, (n, channels, h / 2, w / 2)."""
        features = self.encoder(picture)
        x: Tensor = features[-1]
        for skip, lateral, decode in zip(
            features[-2::-1], self.lateral[::-1], self.decode[::-1], strict=True
        ):
            x = decode(skip + resize(lateral(x), skip))
        return x


def mobile_unet(width: float = 1.0) -> UNet:
    """Return the U-Net on a small MobileNetV2-like encoder."""
    return UNet(mobile(width), [channels(n, width) for n in MOBILE])
