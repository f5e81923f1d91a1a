"""What shouldn't change a matte: other colours, noise, a camera out of focus, a codec's blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

COLOURS = 0.15
"""Standard deviation of each channel's gain."""

NOISE = 0.02
"""Standard deviation, of a picture in [0, 1]."""

BLOCK = 8
"""Pixels: the side of a block of JPEG, VP8 and H.264's larger transform."""

COARSEST = 0.06
"""The largest step, in a picture in [0, 1], in which a block's lowest frequencies are kept; higher ones in larger."""


def disturbed(picture: Tensor) -> Tensor:
    """Return pictures (n, 3, h, w) in [0, 1] in other colours, half of them blurred and half through a codec."""
    count, device = len(picture), picture.device
    some = torch.rand(2, count, 1, 1, 1, device=device) < 0.5
    out = picture * (1 + COLOURS * torch.randn(count, 3, 1, 1, device=device))
    out = torch.where(some[0], blurred(out), out) + NOISE * torch.randn_like(out)
    step = COARSEST * torch.rand(count, 1, 1, 1, device=device).clamp_min(0.1)
    out = torch.where(some[1], through_codec(out, step), out)
    return out.clamp(0, 1).contiguous(memory_format=_layout(picture))


def blurred(picture: Tensor) -> Tensor:
    """Return the mean over 3x3 pixels."""
    return functional.avg_pool2d(functional.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)


def through_codec(picture: Tensor, step: Tensor) -> Tensor:
    """Return the picture with the cosine transform of each block rounded to steps, as JPEG does it.

    `step`, (n, 1, 1, 1), is that of the lowest frequencies; at frequency (u, v) it is 1 + (u + v) / 2 times larger.
    """
    height, width = picture.shape[2:]
    padded = functional.pad(picture, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")
    count, planes, down, across = padded.shape
    blocks = padded.reshape(count, planes, down // BLOCK, BLOCK, across // BLOCK, BLOCK).transpose(3, 4)
    cosines, frequency = _cosines(picture), torch.arange(BLOCK, device=picture.device)
    steps = step[..., None, None] * (1 + (frequency[:, None] + frequency) / 2)
    kept = torch.round(cosines @ blocks @ cosines.T / steps) * steps
    back = (cosines.T @ kept @ cosines).transpose(3, 4).reshape(count, planes, down, across)
    return back[..., :height, :width]


def _cosines(like: Tensor) -> Tensor:
    """Return the orthonormal cosine transform of BLOCK samples, a row for each frequency."""
    row = torch.arange(BLOCK, device=like.device, dtype=like.dtype)
    matrix = torch.cos(math.pi / BLOCK * (row + 0.5) * row[:, None]) * math.sqrt(2 / BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix


def _layout(like: Tensor) -> torch.memory_format:
    channels_last = like.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format
