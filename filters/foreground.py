"""The person's own colours at the edge, so that the old room doesn't tint it.

A pixel of the edge shows I = alpha F + (1 - alpha) B, hence F = I + (1 - alpha) (F - B). As in Forte, "Approximate
Fast Foreground Colour Estimation" (ICIP 2021), F and B on the right are means around the pixel, weighted by how
much there is of either. Colours change slowly, so chroma's grid is fine enough for them; the detail is the pixel's own.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters import kernels
from filters.base import Plane, Planes
from filters.planes import between, box_mean, resized
from filters.stills import Bgr

SIDE = 5  # px of half the grid: of the square that F and B are means of
MARGIN = 8  # px of the grid around the edge; the means reach 2 * (SIDE // 2), enlarging them 2 more
GRID_SIDE = 320  # px: the grid's longer side at most; that of chroma at 640x360
SPREAD = 0.02
"""Standard deviation of what is near, as a share of the longer side of a picture that is cut out; chosen."""
FAR = 1e-3
"""Weight of the person's mean colour, which takes over where nobody is near; chosen, a pixel of the person has 1."""


def cut_out(picture: Bgr, alpha: Plane) -> NDArray[np.uint8]:
    """Return the person on transparency: BGRA, uint8, with `alpha` (uint8, of the picture's size) as it is.

    Whoever drops the transparency sees the colours behind it. So each is the picture's by alpha only, and for the rest
    that of the person nearby; where alpha is 0 it is black.
    """
    sure = (alpha == 255).astype(np.float32)
    sigma = max(3.0, SPREAD * max(alpha.shape))
    colours = picture.astype(np.float32)
    near = cv2.GaussianBlur(colours * sure[..., None], (0, 0), sigma)
    weight = cv2.GaussianBlur(sure, (0, 0), sigma)[..., None]
    mean = picture[sure > 0].mean(axis=0, dtype=np.float32) if sure.any() else np.zeros(3, np.float32)
    person = (near + FAR * mean) / (weight + FAR)
    share = alpha[..., None] / np.float32(255)
    mixed = share * colours + (1 - share) * person
    mixed[alpha == 0] = 0
    return np.dstack([np.rint(mixed).astype(np.uint8), alpha])


def foreground(planes: Planes, alpha: Plane) -> Planes:
    """Return the frame with the person's colours where alpha (uint8, luma size) is between 0 and 1.

    A colour moves towards that of the person nearby and never beyond it. The planes given are left as they are.
    """
    height, width = planes.u.shape
    factor = -(-max(height, width) // GRID_SIDE)
    own = Planes(*(np.empty(plane.shape, np.uint8) for plane in planes))
    if kernels.native.own_colours(*planes, alpha, *own, factor):
        return own
    grid = (width // factor, height // factor)
    share = _reduced(alpha, grid, 2 * factor)
    box = _edge(share)
    if box is None:
        return planes
    edge = _Edge(np.ascontiguousarray(share[box]))
    out = Planes(*(plane.copy() for plane in planes))
    for plane, scale in zip(out, (2 * factor, factor, factor), strict=True):
        rows, columns = (slice(scale * s.start, scale * s.stop) for s in box)
        _correct(plane[rows, columns], edge)
    return out


def _reduced(plane: Plane, grid: tuple[int, int], factor: int) -> Plane:
    """Return the means of squares of `factor` pixels; what is left over at the right and the bottom is not in."""
    return resized(plane[: factor * grid[1], : factor * grid[0]], grid)


def _edge(share: Plane) -> tuple[slice, slice] | None:
    """Return rows and columns around all pixels that are neither room nor person; even, to be halved quickly."""
    x, y, width, height = cv2.boundingRect(between(share, 1, 254))
    if not width:
        return None
    rows, columns = (
        slice(max(0, first - MARGIN) & ~1, min(limit & ~1, first + length + MARGIN + 1 & ~1) or limit)
        for first, length, limit in ((y, height, share.shape[0]), (x, width, share.shape[1]))
    )
    return rows, columns


class _Edge:
    """The part of a matte that holds its edge, and what of it all planes share."""

    def __init__(self, share: Plane) -> None:
        self.size = (share.shape[1], share.shape[0])
        self._rest = ~share
        self._half = (max(1, self.size[0] // 2), max(1, self.size[1] // 2))
        part = resized(share, self._half)
        # Squared, because what is mixed should count little.
        self._weights = [cast(Plane, cv2.multiply(s, s, scale=1 / 255)) for s in (part, ~part)]
        self._totals = [box_mean(weight, SIDE) for weight in self._weights]

    def corrected(self, plane: Plane) -> Plane:
        """Return I + (1 - alpha) (F - B), but nowhere beyond F; the means F and B are taken at half the size."""
        person, room = self._means(resized(plane, self._half))
        more = cv2.multiply(cv2.subtract(person, room), self._rest, scale=1 / 255)
        less = cv2.multiply(cv2.subtract(room, person), self._rest, scale=1 / 255)
        moved = cv2.subtract(cv2.add(plane, more), less)
        return cast(Plane, cv2.max(cv2.min(moved, cv2.max(plane, person)), cv2.min(plane, person)))

    def _means(self, plane: Plane) -> tuple[Plane, Plane]:
        weighted = [box_mean(cast(Plane, cv2.multiply(plane, w, scale=1 / 255)), SIDE) for w in self._weights]
        means = [cv2.divide(w, total, scale=255) for w, total in zip(weighted, self._totals, strict=True)]
        person, room = (cast(Plane, cv2.resize(mean, self.size)) for mean in means)
        return person, room


def _correct(plane: Plane, edge: _Edge) -> None:
    """Change the plane by what changes on the smaller grid of the edge."""
    size = (plane.shape[1], plane.shape[0])
    before = resized(plane, edge.size)
    after = edge.corrected(before)
    if before is plane:
        plane[:] = after
        return
    change = resized(cast(Plane, cv2.addWeighted(after, 1, before, -1, 128)), size)
    plane[:] = cv2.addWeighted(plane, 1, change, 1, -128)
