"""OpenCV's operations on 8-bit planes, typed: its stubs know neither scalar operands nor element types."""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters import kernels
from filters.base import Plane, Planes


def above(plane: Plane, level: float) -> Plane:
    """Return 255 where the plane exceeds the level, else 0."""
    return cast(Plane, cv2.threshold(plane, level, 255, cv2.THRESH_BINARY)[1])


def below(plane: Plane, level: float) -> Plane:
    """Return 255 where the plane is under the level, else 0."""
    return cast(Plane, cv2.compare(plane, cast(Any, float(level)), cv2.CMP_LT))


def between(plane: Plane, low: int, high: int) -> Plane:
    """Return 255 where low <= plane <= high, else 0."""
    return cast(Plane, cv2.inRange(plane, cast(Any, low), cast(Any, high)))


def both(first: Plane, second: Plane) -> Plane:
    """Return the bitwise and of two masks, or of a plane and a mask."""
    return cast(Plane, cv2.bitwise_and(first, second))


def difference(first: Plane, second: Plane) -> Plane:
    return cast(Plane, cv2.absdiff(first, second))


def masked_mean(plane: Plane, mask: Plane) -> float:
    """Return the mean where the mask is 255, elsewhere it is 0; 0 where no pixel is in it."""
    count = cv2.countNonZero(mask)
    return cv2.sumElems(both(plane, mask))[0] / count if count else 0.0


def flipped(plane: Plane) -> Plane:
    """Return the mirror image, left for right."""
    return cast(Plane, cv2.flip(plane, 1))


def mirrored(planes: Planes) -> Planes:
    """Return the picture's mirror image, left for right."""
    return Planes(*map(flipped, planes))


def lookup(plane: Plane, table: NDArray[np.uint8]) -> Plane:
    """Return table[plane], for a table of 256 entries."""
    return cast(Plane, cv2.LUT(plane, table))


def box_mean(plane: Plane, side: int) -> Plane:
    """Return the mean over a square around each pixel."""
    return cast(Plane, cv2.blur(plane, (side, side)))


def dilated(plane: Plane, side: int) -> Plane:
    """Return the maximum over a square around each pixel."""
    return cast(Plane, cv2.dilate(plane, np.ones((side, side), np.uint8)))


def to_plane(values: NDArray[np.float32], scale: float = 1.0) -> Plane:
    """Return round(scale * values), clipped to [0, 255]."""
    out = np.empty(values.shape, np.uint8)
    if kernels.native.quantize(values, scale, out):
        return out
    return cast(Plane, cv2.convertScaleAbs(cv2.max(values, cast(Any, 0.0)), alpha=scale))


def enlarged(mask: Plane, size: tuple[int, int]) -> Plane:
    """Return the mask at (width, height), its pixels repeated."""
    return cast(Plane, cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST))


def doubled(plane: Plane, gain: float = 1.0, offset: float = 0.0) -> Plane:
    """Return the plane at twice its size, then gain * value + offset; 0 stays 0 where all around is 0."""
    height, width = plane.shape
    out = np.empty((2 * height, 2 * width), np.uint8)
    if kernels.native.enlarge(plane, gain, offset, out):
        return out
    x, y, across, down = cv2.boundingRect(plane)
    part = plane[max(0, y - 1) : y + down + 1, max(0, x - 1) : x + across + 1]
    left, top = 2 * max(0, x - 1), 2 * max(0, y - 1)
    large = _enlarged(part, (2 * part.shape[1], 2 * part.shape[0]))
    out[:] = 0
    out[top : top + large.shape[0], left : left + large.shape[1]] = stretched(large, gain, offset)
    return out


def stretched(plane: Plane, gain: float, offset: float) -> Plane:
    """Return round(gain * plane + offset), clipped to [0, 255]."""
    if (gain, offset) == (1.0, 0.0):
        return plane
    return cast(Plane, cv2.addWeighted(plane, gain, plane, 0, offset))


def _enlarged(plane: Plane, size: tuple[int, int]) -> Plane:
    return cast(Plane, cv2.convertScaleAbs(cv2.resize(plane.astype(np.float32), size)))


def resized(plane: Plane, size: tuple[int, int]) -> Plane:
    """Return the plane at (width, height), averaged where it shrinks; itself where it has that size.

    OpenCV averages quickly by a factor of two only, and interpolates floats faster than bytes.
    """
    height, width = plane.shape
    if (width, height) == size:
        return plane
    if (2 * width, 2 * height) == size:
        return doubled(plane)
    if width <= size[0]:
        return _enlarged(plane, size)
    if (width, height) == (4 * size[0], 4 * size[1]):
        plane = cast(Plane, cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return cast(Plane, cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
