"""What a pixel's colour tells about its alpha, where person and room differ in colour nearby.

With F the mean colour of the certain person around and B that of the certain room, alpha solves
I = alpha F + (1 - alpha) B in the least squares (Smith, Blinn, "Blue Screen Matting", SIGGRAPH 1996, with one picture
and both colours known). Both are means over a few cells, so alpha is linear in the pixel's colour, with coefficients
that change slowly, as in the guided filter.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters import kernels
from filters.base import Plane
from filters.matting.grid import Work, cell_size
from filters.planes import above, below, both, resized, to_plane

# Levels are of 255. Chosen with benchmarks.quality on forty composed clips (models.training suite), confirmed on nine
# others (docs/benchmarks.md).
ROOM, PERSON = 40, 215  # levels of the network's matte: certain below and above
UNCERTAIN = (13, 242)  # levels of the guided matte: between is what is solved for
CONTRAST = 16.0  # levels: |F - B| at which half of TRUST is given
TRUST = 0.5  # share: the most that the solved alpha weighs
TRUST_BESIDE_PLATE = 0.25  # the same where a clean plate corrects the matte, too
LEAST = 0.02  # share of the 3x3 cells around that is certain; below, the colour isn't known
CHROMA_WEIGHT = 4.0  # factor: chroma counts double for its smaller range, here squared

Array = NDArray[np.float32]


def unmixed(matte: Plane, guided: Plane, work: Work, most: float = TRUST) -> Plane:
    """Return the guided matte corrected at its edges; `matte` is the one before. All uint8, on the work grid.

    `most` is what the solved alpha weighs where the colours differ clearly. The further it is from the guided one, the
    less it is believed: then the colours aren't as assumed.
    """
    out = np.empty_like(guided)
    numbers = (ROOM, PERSON, *UNCERTAIN, CONTRAST, most, LEAST, CHROMA_WEIGHT)
    if kernels.native.unmix(*work[:3], matte, guided, *numbers, out):
        return out
    gains, offset, trust = _coefficients(matte, work, most)
    size = work.size
    solved = -_enlarged(offset, size)
    for gain, plane in zip(gains, work[:3], strict=True):
        solved += _enlarged(gain, size) * plane
    old = guided * np.float32(1 / 255)
    change = solved.clip(0, 1) - old
    weight = _enlarged(trust, size) * (1 - np.abs(change))
    weight[(guided < UNCERTAIN[0]) | (guided > UNCERTAIN[1])] = 0
    return to_plane(old + weight * change, 255.0)


def _coefficients(matte: Plane, work: Work, most: float) -> tuple[list[Array], Array, Array]:
    """Return alpha's gain for each channel, what to take off, and how much it is worth, on the grid of cells."""
    size = cell_size(work.size)
    half = (work.size[0] // 2, work.size[1] // 2)
    small, planes = resized(matte, half), [resized(plane, half) for plane in work[:3]]
    masks = (above(small, PERSON), below(small, ROOM))
    shares = [_mean(mask, size) for mask in masks]
    person, room = (
        [np.float32(255) * _mean(both(plane, mask), size) / np.maximum(share, 1) for plane in planes]
        for mask, share in zip(masks, shares, strict=True)
    )
    towards = [f - b for f, b in zip(person, room, strict=True)]
    weights = [np.float32(w) for w in (1.0, CHROMA_WEIGHT, CHROMA_WEIGHT)]
    square = sum(w * d * d for w, d in zip(weights, towards, strict=True))
    gains = [cast(Array, w * d / (square + np.float32(1))) for w, d in zip(weights, towards, strict=True)]
    offset = sum(b * gain for b, gain in zip(room, gains, strict=True))
    trust = np.float32(most) * square / (square + np.float32(CONTRAST**2))
    known = np.minimum(*shares) > np.float32(255 * LEAST)
    return gains, cast(Array, offset), cast(Array, trust * known)


def _mean(plane: Plane, size: tuple[int, int]) -> Array:
    """Return the mean over the 3x3 cells around each cell."""
    cells = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return cast(Array, cv2.blur(cells, (3, 3)))


def _enlarged(values: Array, size: tuple[int, int]) -> Array:
    return cast(Array, cv2.resize(values, size))
