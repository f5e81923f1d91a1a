"""The edge of a matte: guided by the picture, then stretched, then brought to the frame's size.

The guided filter is that of He, Sun, Tang, "Guided Image Filtering", IEEE TPAMI 35(6), 2013, its linear models
taken at half the size as in He, Sun, "Fast Guided Filter", arXiv:1505.00996.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import cv2
import numpy as np

from filters import kernels
from filters.base import Alpha, Plane
from filters.matting.grid import cell_size
from filters.planes import between, resized, stretched, to_plane

# Measured with benchmarks.quality on nine clips (docs/benchmarks.md): the levels halve the union leak.
RADIUS = 2  # px of the work grid: the r of the paper
EPSILON = 4e-4 * 255 * 255  # levels²: the paper's ε, 4e-4 of a range of 1
LEVELS = (0.2, 0.84)  # shares of full alpha; they take off the haze that the filter leaves


def uncertain_box(alpha: Plane, cells: Plane | None = None) -> tuple[slice, slice] | None:
    """Return rows and columns of the work grid that hold all pixels between 0 and 1, with a margin.

    They begin and end at even ones, where the grid does, so that they are halved quickly. `cells` is the matte on the
    grid of cells, where it is at hand.
    """
    height, width = alpha.shape
    if cells is None:
        cells = resized(alpha, cell_size((width, height)))
    band = between(cells, 2, 253)
    xs, ys = np.flatnonzero(band.any(axis=0)), np.flatnonzero(band.any(axis=1))
    if not len(xs):
        return None
    fx, fy = width / cells.shape[1], height / cells.shape[0]
    left, right = int((xs[0] - 1) * fx), int((xs[-1] + 2) * fx) + 1
    top, bottom = int((ys[0] - 1) * fy), int((ys[-1] + 2) * fy) + 1
    return _even(top, bottom, height), _even(left, right, width)


def _even(start: int, stop: int, limit: int) -> slice:
    return slice(max(0, start) & ~1, min(limit, stop + 1 & ~1))


def guided(alpha: Plane, luma: Plane, radius: int = RADIUS, cells: Plane | None = None) -> Plane:
    """Return the matte with its edges moved on those of the luma; both uint8 and of one size.

    `cells` is the matte on the grid of cells, where it is at hand.
    """
    box = uncertain_box(alpha, cells)
    if box is None:
        return alpha
    guide = luma[box]
    out = alpha.copy()
    if radius == RADIUS and kernels.native.guide(guide, alpha[box], EPSILON, out[box]):
        return out
    size = (guide.shape[1], guide.shape[0])
    half = (max(1, size[0] // 2), max(1, size[1] // 2))
    small, matte = (resized(plane, half).astype(np.float32) for plane in (guide, alpha[box]))
    kernel = (2 * (radius // 2) + 1, 2 * (radius // 2) + 1)
    mean_guide, mean_matte = cv2.blur(small, kernel), cv2.blur(matte, kernel)
    covariance = cv2.blur(small * matte, kernel) - mean_guide * mean_matte
    variance = cv2.blur(small * small, kernel) - mean_guide * mean_guide
    slope = covariance / (variance + EPSILON)
    offset = mean_matte - slope * mean_guide
    refined = cast(Alpha, cv2.resize(slope, size))
    refined *= guide
    refined += cv2.resize(offset, size)
    out[box] = to_plane(refined)
    return out


class Stretch(NamedTuple):
    """A shown matte from a raw one, both uint8: gain · alpha + offset, clipped."""

    gain: float
    offset: float

    def __call__(self, alpha: Plane) -> Plane:
        return stretched(alpha, self.gain, self.offset)


def stretching(low: float, high: float, privacy: float) -> Stretch:
    """Return what stretches a matte.

    Values up to `low` are room and from `high` on person. `privacy` s in [0, 1] then hides what is least
    certain: (alpha - s) / (1 - s), which costs less of the person per room hidden than erosion does.
    """
    if privacy >= 1:
        return Stretch(0.0, 0.0)
    gain = 1 / ((high - low) * (1 - privacy))
    return Stretch(gain, -255 * gain * (low + privacy * (high - low)))
