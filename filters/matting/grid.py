"""The grids that a matte is made on: small copies of a frame, whatever its size and shape."""

from __future__ import annotations

from typing import NamedTuple

from filters.base import Plane, Planes
from filters.planes import resized

WORK_SIDE = 320  # px; measured on nine clips: 427 takes longer, and the error is no smaller
NETWORK_SIDE = 640  # px: twice WORK_SIDE; the networks know no sharper pictures (region.MAX_SCALE)
CELL = 4  # px of the work grid, 8 of a 640x360 frame: a power of two, which halving reaches quickly
SHORTEST = 16  # px: four cells, so that every grid has some


class Work(NamedTuple):
    """A frame on the work grid: luma and chroma (h, w), all at one size, its long side at most WORK_SIDE.

    `cells` is the luma CELL times smaller still, for decisions that concern regions and not edges.
    """

    y: Plane
    u: Plane
    v: Plane
    cells: Plane

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the work grid."""
        return self.y.shape[1], self.y.shape[0]


def fit(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return (width, height) scaled down until the long side is at most `side`, each at least SHORTEST."""
    width, height = size
    scale = min(1.0, side / max(width, height))
    return max(SHORTEST, round(width * scale)), max(SHORTEST, round(height * scale))


def cell_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (width, height) of the grid of cells over a work grid."""
    return size[0] // CELL, size[1] // CELL


def network_planes(planes: Planes) -> Planes:
    """Return what the network samples: the frame itself or, of a large one, an averaged smaller copy."""
    size = fit(planes.size, NETWORK_SIDE)
    if max(planes.size) <= 1.5 * NETWORK_SIDE:
        return planes
    chroma = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    return Planes(resized(planes.y, size), resized(planes.u, chroma), resized(planes.v, chroma))


def work_of(planes: Planes, side: int = WORK_SIDE) -> Work:
    """Return the frame on its work grid, whose long side is at most `side` px."""
    size = fit(planes.size, side)
    y = resized(planes.y, size)
    return Work(y, resized(planes.u, size), resized(planes.v, size), resized(y, cell_size(size)))
