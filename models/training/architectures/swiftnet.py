"""SwiftNet (Wang et al., CVPR 2021): one person followed through a film, by what past frames have shown of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.training.architectures.blocks import MOBILE, Encoder, channels, conv, resize, separable


class Memory(NamedTuple):
    """Past pixels, as keys (n, k, p) and values (n, v, p)."""

    keys: Tensor
    values: Tensor


class SwiftNet(nn.Module):
    """Pixel-adaptive memory: each pixel asks the past which of it was the person.

    Without a memory the values that are read are 0, and everybody is found.
    """

    def __init__(self, width: float = 1.0, limit: int = 512) -> None:
        super().__init__()
        counts = [channels(n, width) for n in MOBILE]
        self.limit = limit
        self.encoder = Encoder(counts[:4], (1, 1, 2))
        self.key = nn.Conv2d(counts[3], counts[2], 1)
        self.value = nn.Conv2d(counts[3] + 1, counts[3], 1)
        self.read = conv(counts[3] + counts[3], counts[3], 1)
        self.lateral = nn.ModuleList(nn.Conv2d(c, d, 1) for c, d in zip(counts[1:4], counts[:3], strict=True))
        self.decode = nn.ModuleList(separable(c, c) for c in counts[:3])
        self.last = nn.ConvTranspose2d(counts[0], 1, 2, 2)

    def forward(self, picture: Tensor, memory: Memory | None = None) -> Tensor:
        features = self.encoder(picture)
        x = self.read(torch.cat([features[3], self._recalled(features[3], memory)], dim=1))
        for skip, lateral, decode in zip(
            features[-2::-1], self.lateral[::-1], self.decode[::-1], strict=True
        ):
            x = decode(skip + resize(lateral(x), skip))
        return resize(self.last(x), picture)

    def _recalled(self, feature: Tensor, memory: Memory | None) -> Tensor:
        if memory is None:
            return torch.zeros_like(feature)
        query = self.key(feature).flatten(2)
        likeness = torch.softmax(query.transpose(1, 2) @ memory.keys / query.shape[1] ** 0.5, dim=2)
        read = (likeness @ memory.values.transpose(1, 2)).transpose(1, 2)
        return read.reshape_as(feature)

    def remember(self, picture: Tensor, alpha: Tensor, memory: Memory | None = None) -> Memory:
        """Return the memory with the pixels of a frame that differ most from what it holds, at most `limit`."""
        feature = self.encoder(picture)[3]
        keys = self.key(feature).flatten(2)
        values = self.value(torch.cat([feature, resize(alpha, feature)], dim=1)).flatten(2)
        if memory is None:
            return Memory(keys[..., : self.limit], values[..., : self.limit])
        nearest = torch.cdist(keys.transpose(1, 2), memory.keys.transpose(1, 2)).amin(dim=2)
        new = nearest.topk(min(self.limit // 4, nearest.shape[1]), dim=1).indices
        chosen = [t.gather(2, new[:, None].expand(-1, t.shape[1], -1)) for t in (keys, values)]
        joined = [torch.cat([t, old], dim=2) for t, old in zip(chosen, memory, strict=True)]
        return Memory(joined[0][..., : self.limit], joined[1][..., : self.limit])
