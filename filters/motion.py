"""The motion between two small pictures, as a similarity.

Baker, Matthews, "Lucas-Kanade 20 Years On", IJCV 56(3), 2004: inverse compositional, one step. All that depends on
the reference is computed once, so an estimate costs one product of a matrix with a vector. One step is enough for
motions of about a pixel of the small picture; whoever uses it checks what it explains.
"""

from __future__ import annotations

from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Plane

Motion: TypeAlias = NDArray[np.float32]
"""An affine map (2, 3) from where a pixel was to where it is."""

STILL: Motion = np.eye(2, 3, dtype=np.float32)
STIFFNESS = np.diag(np.array([1e3, 1e3, 1e-1, 1e-1], np.float32))


class Tracker:
    """Estimates motions from one reference picture, uint8 (h, w), where `weights` (uint8) say to look."""

    def __init__(self, reference: Plane, weights: Plane) -> None:
        image = reference.astype(np.float32)
        gx = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=1 / 8)
        gy = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=1 / 8)
        height, width = reference.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        jacobian = -np.stack([gx * x + gy * y, gy * x - gx * y, gx, gy]).reshape(4, -1)
        weighted = jacobian * (weights.ravel().astype(np.float32) / 255)
        self._steps = np.linalg.solve(weighted @ jacobian.T + STIFFNESS, weighted).astype(np.float32)
        self._image = image
        self._corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float32)

    def motion(self, picture: Plane, limit: float) -> Motion:
        """Return the motion to another picture; STILL where a corner would move further than `limit` pixels."""
        grow, turn, right, down = self._steps @ (picture - self._image).ravel()
        motion: Motion = np.array([[1 + grow, -turn, right], [turn, 1 + grow, down]], np.float32)
        return motion if np.abs((motion - STILL) @ self._corners).max() <= limit else STILL


def warped(plane: Plane, motion: Motion) -> Plane:
    """Return the plane moved by a motion in its own pixels; what comes in from outside repeats the border."""
    if motion is STILL:
        return plane
    size = (plane.shape[1], plane.shape[0])
    return cast(Plane, cv2.warpAffine(plane, motion, size, borderMode=cv2.BORDER_REPLICATE))


def scaled(motion: Motion, scale: float) -> Motion:
    """Return the motion on a grid that is `scale` times finer."""
    if motion is STILL:
        return motion
    moved = motion.copy()
    # Pixel centres lie (scale - 1) / 2 finer pixels in.
    centre = np.full(2, (scale - 1) / 2, np.float32)
    moved[:, 2] = scale * motion[:, 2] + centre - motion[:, :2] @ centre
    return moved
