"""The edge of a matte: guided by the picture, then stretched, then brought to the frame's size.

The guided filter is that of He, Sun, Tang, "Guided Image Filtering", IEEE TPAMI 35(6), 2013.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Plane
from filters.grid import cell_size
from filters.planes import between, resized, to_plane

RADIUS = 2
EPSILON = 4e-4 * 255 * 255
LEVELS = (0.2, 0.85)


def uncertain_box(alpha: Plane) -> tuple[slice, slice] | None:
    """Return the rows and columns of the work grid that hold all pixels between 0 and 1, with a margin."""
    height, width = alpha.shape
    cells = resized(alpha, cell_size((width, height)))
    band = between(cells, 2, 253)
    xs, ys = np.flatnonzero(band.any(axis=0)), np.flatnonzero(band.any(axis=1))
    if not len(xs):
        return None
    fx, fy = width / cells.shape[1], height / cells.shape[0]
    left, right = int((xs[0] - 1) * fx), int((xs[-1] + 2) * fx) + 1
    top, bottom = int((ys[0] - 1) * fy), int((ys[-1] + 2) * fy) + 1
    return slice(max(0, top), min(height, bottom)), slice(max(0, left), min(width, right))


def guided(alpha: Plane, luma: Plane, radius: int = RADIUS) -> Plane:
    """Return the matte with its edges moved on those of the luma; both uint8 and of one size."""
    box = uncertain_box(alpha)
    if box is None:
        return alpha
    kernel = (2 * radius + 1, 2 * radius + 1)
    guide, matte = luma[box].astype(np.float32), alpha[box].astype(np.float32)
    mean_guide, mean_matte = cv2.blur(guide, kernel), cv2.blur(matte, kernel)
    covariance = cv2.blur(guide * matte, kernel) - mean_guide * mean_matte
    variance = cv2.blur(guide * guide, kernel) - mean_guide * mean_guide
    slope = covariance / (variance + EPSILON)
    offset = mean_matte - slope * mean_guide
    refined = cv2.blur(slope, kernel) * guide + cv2.blur(offset, kernel)
    out = alpha.copy()
    out[box] = to_plane(refined)
    return out


def stretch_table(low: float, high: float, privacy: float) -> NDArray[np.uint8]:
    """Return the 256-entry table from a raw to a shown matte.

    Values up to `low` are room and from `high` on person. `privacy` s in [0, 1] then hides what is least
    certain: (alpha - s) / (1 - s), which costs less of the person per room hidden than erosion does.
    """
    alpha = (np.arange(256) / 255 - low) / (high - low)
    shifted = (alpha.clip(0, 1) - privacy) / max(1 - privacy, 1e-3)
    return np.round(255 * shifted.clip(0, 1)).astype(np.uint8)
