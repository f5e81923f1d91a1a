"""A clean plate: a picture of the empty room, given on purpose, that settles what is uncertain at the edges.

In two stages, as in Lin, Ryabtsev, Sengupta, Curless, Seitz, Kemelmacher-Shlizerman, "Real-Time High-Resolution
Background Matting" (CVPR 2021): the plate corrects the coarse matte everywhere (see background_model), and a map
of what is left uncertain picks the patches that are worth another look at full resolution, so that the cost grows
with their number and not with that of the pixels. Here each pixel of a patch is solved for alpha in
I = alpha F + (1 - alpha) B with the known B and the mean colour F of the person nearby.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Plane, Planes
from filters.planes import above, between, both, dilated, lookup, resized, to_plane

# Levels are of 255. Chosen with benchmarks.quality on nine clips (docs/benchmarks.md), the stage as a whole.
PATCH = 16  # luma px, square; even, so that chroma has half as many
MOST = 96  # patches a frame: bounds the cost to 24,576 px, a ninth of 640x360
UNCERTAIN = (8, 247)  # levels: what is between is solved anew
CERTAIN = 249  # level of alpha above which a pixel has the colour of the person alone
MIN_ERROR = 6  # levels of ERROR_TABLE, mean of a patch; below it is not worth a look
MIN_PERSON = 0.08  # share of the 3x3 patches around that is certain; below, F isn't known
CONTRAST = 20.0  # |F - B| in multiples of the noise at which half of TRUST is given
TRUST = 0.6  # share: the most that the solved alpha weighs against that of the network
CHROMA_WEIGHT = 4.0  # factor: chroma counts double for its smaller range, here squared

Array = NDArray[np.float32]
# Levels of uncertainty for each of alpha: 4 alpha (1 - alpha), which is 255 at one half.
ERROR_TABLE = (np.arange(256) * (255 - np.arange(256)) * 4 // 255).clip(0, 255).astype(np.uint8)


class PlateCapture:
    """Averages frames of the empty room into a plate."""

    def __init__(self, frames: int) -> None:
        self.wanted = frames
        self._count = 0
        self._sums: list[Array] = []

    def add(self, planes: Planes) -> Planes | None:
        """Take a frame in which nobody is; return the plate when there were enough. A new size starts anew."""
        if not self._sums or self._sums[0].shape != planes.y.shape:
            self._sums = [np.zeros(plane.shape, np.float32) for plane in planes]
            self._count = 0
        for total, plane in zip(self._sums, planes, strict=True):
            cv2.accumulate(plane, total)
        self._count += 1
        if self._count < self.wanted:
            return None
        return Planes(*(to_plane(total, 1 / self._count) for total in self._sums))


class Plate:
    """The empty room at full resolution; `privacy` is that of the mattes to be refined."""

    def __init__(self, planes: Planes, privacy: float) -> None:
        self.planes = planes
        self._privacy = privacy

    def refine(self, planes: Planes, alpha: Plane, shift: Sequence[float], noise: float) -> Plane:
        """Return the matte (uint8, luma size) solved anew in the patches that are least certain.

        `shift` is what the light has added to each plane of the plate since, `noise` is in levels.
        """
        width, height = planes.size
        if min(width, height) < 2 * PATCH:
            return alpha
        if self.planes.size != planes.size:
            self.planes = _sized(self.planes, planes)
        picked = _worst(alpha)
        if not len(picked):
            return alpha
        person = _person_colours(planes, alpha)
        patches = _Patches.at(picked, planes)
        solved, weight = _solve(patches, planes, self.planes, person, shift, noise)
        return _merge(alpha, patches, self._hidden(solved), weight)

    def _hidden(self, alpha: Array) -> Array:
        """Return (alpha - s) / (1 - s), as edges.stretching does."""
        scale = 1 / max(1 - self._privacy, 1e-3)
        return (alpha * np.float32(scale) - np.float32(scale * self._privacy)).clip(0, 1)


class _Patches(NamedTuple):
    """Flat indices that gather k patches from a luma plane (k, PATCH²) and from a chroma plane, and their cells."""

    luma: NDArray[np.intp]
    chroma: NDArray[np.intp]
    cells: NDArray[np.intp]

    @classmethod
    def at(cls, cells: NDArray[np.intp], planes: Planes) -> _Patches:
        """Return the patches of the cells (k, 2); those at the far border are moved inside."""
        # Even starts split no chroma sample.
        starts = np.minimum(cells * PATCH, (np.array(planes.y.shape) - PATCH) & ~1)
        luma = _flat(starts, PATCH, planes.y.shape[1])
        return cls(luma, _flat(starts // 2, PATCH // 2, planes.u.shape[1]), cells)


def _flat(starts: NDArray[np.intp], side: int, width: int) -> NDArray[np.intp]:
    first = starts[:, 0] * width + starts[:, 1]
    offsets = (np.arange(side)[:, None] * width + np.arange(side)).ravel()
    return first[:, None] + offsets


def _worst(alpha: Plane) -> NDArray[np.intp]:
    """Return the (row, column) of the at most MOST patches that hold the most uncertainty, (k, 2)."""
    errors = _pooled(lookup(alpha, ERROR_TABLE), _grid(alpha)).astype(np.intp)
    flat = errors.ravel()
    if np.count_nonzero(flat >= MIN_ERROR) > MOST:
        best = np.argpartition(flat, -MOST)[-MOST:]
    else:
        best = np.flatnonzero(flat >= MIN_ERROR)
    return np.stack(np.unravel_index(best, errors.shape), axis=1)


def _pooled(plane: Plane, grid: tuple[int, int]) -> Plane:
    """Return the means over the patches; halving is exact and quick, other factors are for the small rest."""
    while plane.shape[0] >= 4 * grid[1] and plane.shape[1] >= 4 * grid[0]:
        plane = resized(plane, (plane.shape[1] // 2, plane.shape[0] // 2))
    return resized(plane, grid)


def _grid(alpha: Plane) -> tuple[int, int]:
    height, width = alpha.shape
    return -(-width // PATCH), -(-height // PATCH)


def _person_colours(planes: Planes, alpha: Plane) -> tuple[Array, Array]:
    """Return the mean Y, U, V of the certain person around each patch, (3, rows, columns), and its share."""
    grid = _grid(alpha)
    certain = above(alpha, CERTAIN)
    small = cv2.erode(resized(certain, (planes.u.shape[1], planes.u.shape[0])), np.ones((3, 3), np.uint8))
    masks = (certain, small, small)
    shares = [cv2.blur(_pooled(m, grid).astype(np.float32), (3, 3)) for m in masks]  # type: ignore[arg-type]
    sums = [
        cv2.blur(_pooled(both(plane, mask), grid).astype(np.float32), (3, 3))  # type: ignore[arg-type]
        for plane, mask in zip(planes, masks, strict=True)
    ]
    colours = [255 * total / np.maximum(share, 1.0) for total, share in zip(sums, shares, strict=True)]
    share: Array = np.minimum(shares[0], shares[1]).astype(np.float32)
    return np.stack(colours).astype(np.float32), share / np.float32(255)


def _solve(
    patches: _Patches,
    planes: Planes,
    plate: Planes,
    person: tuple[Array, Array],
    shift: Sequence[float],
    noise: float,
) -> tuple[Array, Array]:
    """Return alpha in [0, 1] and how much it is worth in [0, TRUST], both (k, PATCH²)."""
    colours, share = (values[..., patches.cells[:, 0], patches.cells[:, 1]] for values in person)
    terms = [
        _terms(image, room, at, colour, light)
        for image, room, at, colour, light in zip(
            planes, plate, (patches.luma, patches.chroma, patches.chroma), colours, shift, strict=True
        )
    ]
    product, square = (y + _doubled(CHROMA_WEIGHT * (u + v)) for y, u, v in zip(*terms, strict=True))
    alpha: Array = np.clip(product / (square + np.float32(1)), 0, 1)
    trust = TRUST * square / (square + np.float32((CONTRAST * max(noise, 1.5)) ** 2))
    return alpha, (trust * (share > MIN_PERSON)[:, None]).astype(np.float32)


def _terms(
    image: Plane, room: Plane, at: NDArray[np.intp], colour: Array, light: float
) -> tuple[Array, Array]:
    """Return (F - B)(I - B) and (F - B)² of one plane in the patches."""
    behind = np.take(room, at) + np.float32(light)
    towards = colour[:, None] - behind
    return towards * (np.take(image, at) - behind), towards * towards


def _doubled(values: Array) -> Array:
    """Return patches of chroma (k, PATCH² / 4) at luma size."""
    half = PATCH // 2
    squares = values.reshape(-1, half, 1, half, 1)
    return np.broadcast_to(squares, (len(values), half, 2, half, 2)).reshape(len(values), PATCH * PATCH)


def _merge(alpha: Plane, patches: _Patches, solved: Array, weight: Array) -> Plane:
    band = dilated(between(alpha, *UNCERTAIN), 5)
    at = patches.luma
    old = np.take(alpha, at).astype(np.float32)
    new = old + weight * np.take(band, at) * (solved - old * np.float32(1 / 255))
    out = alpha.copy()
    np.put(out, at, (new + np.float32(0.5)).astype(np.uint8))
    return out


def _sized(plate: Planes, planes: Planes) -> Planes:
    """Return the plate at the size of a frame."""
    chroma = (planes.u.shape[1], planes.u.shape[0])
    return Planes(resized(plate.y, planes.size), resized(plate.u, chroma), resized(plate.v, chroma))
