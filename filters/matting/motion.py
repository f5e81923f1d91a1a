"""The motion between two small pictures, as a similarity.

Baker, Matthews, "Lucas-Kanade 20 Years On", IJCV 56(3), 2004: inverse compositional, one step. All that depends on
the reference alone is computed once. One step is enough for
motions of about a pixel of the small picture; whoever uses it checks what it explains.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters import kernels
from filters.base import Plane

Motion: TypeAlias = NDArray[np.float32]
"""An affine map (2, 3) from where a pixel was to where it is."""

STILL: Motion = np.eye(2, 3, dtype=np.float32)  # no motion: the identity
MARGIN = 8
"""Pixels that warped_inside lets a picture grow."""

STIFFNESS = (1e3, 1e-1)
"""Of growing and turning, and of moving: what they cost, so that a flat picture stays where it is; chosen.

Added to the sums of squared gradients that determine them, in levels² and in levels² per px².
"""


class Tracker:
    """Estimates motions from one reference picture, uint8 (h, w)."""

    def __init__(self, reference: Plane) -> None:
        self._reference = reference

    @cached_property
    def _jacobian(self) -> NDArray[np.float32]:
        image = self._reference.astype(np.float32)
        gx = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=-1 / 8).ravel()
        gy = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=-1 / 8).ravel()
        x, y = _grid(*image.shape)
        return np.stack([gx * x + gy * y, gy * x - gx * y, gx, gy])

    def motion(self, picture: Plane, weights: Plane, limit: float) -> Motion:
        """Return the motion to another picture of what `weights` (uint8) show.

        It is STILL where a corner would move further than `limit` pixels.
        """
        motion = np.empty((2, 3), np.float32)
        if not kernels.native.track(self._reference, picture, weights, *STIFFNESS, motion):
            motion = self._step(picture, weights)
        return motion if _furthest(motion, picture.shape) <= limit else STILL

    def _step(self, picture: Plane, weights: Plane) -> Motion:
        weighted = self._jacobian * weights.ravel().astype(np.float32)
        change = (picture - self._reference.astype(np.float32)).ravel()
        stiffness = np.diag([STIFFNESS[0], STIFFNESS[0], STIFFNESS[1], STIFFNESS[1]]).astype(np.float32)
        normal = weighted @ self._jacobian.T * np.float32(1 / 255) + stiffness
        _, solution = cv2.solve(normal, (weighted @ change * np.float32(1 / 255))[:, None])
        grow, turn, right, down = solution.ravel()
        return np.array([[1 + grow, -turn, right], [turn, 1 + grow, down]], np.float32)


@cache
def _grid(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return x and y of all pixels, each in one row."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x.ravel(), y.ravel()


def _furthest(motion: Motion, shape: tuple[int, ...]) -> float:
    """Return by how many pixels a corner of a picture of that shape moves at most, right or down.

    Here and below plain numbers are used where NumPy would take longer to begin than to multiply.
    """
    (a, b, right), (c, d, down) = cast(list[list[float]], motion.tolist())
    corners = [(float(x), float(y)) for x in (0, shape[1]) for y in (0, shape[0])]
    return max(max(abs((a - 1) * x + b * y + right), abs(c * x + (d - 1) * y + down)) for x, y in corners)


def warped(plane: Plane, motion: Motion) -> Plane:
    """Return the plane moved by a motion in its own pixels; what comes in from outside repeats the border."""
    if motion is STILL:
        return plane
    out = np.empty_like(plane)
    if kernels.native.warp(plane, motion, out):
        return out
    size = (plane.shape[1], plane.shape[0])
    return cast(Plane, cv2.warpAffine(plane, motion, size, borderMode=cv2.BORDER_REPLICATE))


def warped_inside(plane: Plane, motion: Motion) -> Plane:
    """Return the plane moved, quickly where most of it is 0; the rest moves with the same box."""
    if motion is STILL:
        return plane
    x, y, width, height = cv2.boundingRect(plane)
    left, top, margin = max(0, x - MARGIN), max(0, y - MARGIN), 2 * MARGIN
    box = np.s_[top : top + height + margin, left : left + width + margin]
    moved = motion.copy()
    corner = np.array([left, top], np.float32)
    moved[:, 2] += motion[:, :2] @ corner - corner
    out = np.zeros_like(plane)
    if not kernels.native.warp(plane[box], moved, out[box]):
        out[box] = warped(np.ascontiguousarray(plane[box]), moved)
    return out


def scaled(motion: Motion, scale: float) -> Motion:
    """Return the motion on a grid that is `scale` times finer."""
    if motion is STILL:
        return motion
    # Pixel centres lie (scale - 1) / 2 finer pixels in.
    (a, b, right), (c, d, down) = motion.tolist()
    centre = (scale - 1) / 2
    right, down = scale * right + centre * (1 - a - b), scale * down + centre * (1 - c - d)
    return np.array([[a, b, right], [c, d, down]], np.float32)
