"""A blurred room without a halo, whose detail is not hidden but gone."""

from __future__ import annotations

from functools import cache
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from filters import kernels
from filters.backgrounds.base import Background
from filters.base import Plane, Planes
from filters.planes import box_mean

Strength = Literal["soft", "strong"]
Grid: TypeAlias = NDArray[np.float32]

# Grid cells along the shorter side of the frame: the whole room is reduced to one 8-bit colour a cell.
# At 360 lines a soft cell is 12 pixels, a strong one 36.
_CELLS: Final[dict[Strength, int]] = {"soft": 30, "strong": 10}
# Standard deviation of the Gaussian in cells: 1/20 and 3/20 of the frame's shorter side.
_SIGMA: Final = 1.5
# Up to four standard deviations, as OpenCV has it for floats: (1, 13).
_TAPS: Final[Grid] = cv2.getGaussianKernel(round(8 * _SIGMA) | 1, _SIGMA, cv2.CV_32F).T.copy()  # type: ignore[assignment]
# The weight of the room rises over this many cells from the border.
_BORDER: Final = 3
# A cell of which this share is person tells nothing about the room.
_PERSON_SHARE: Final = 1 / 8
# Weight of the room's mean colour, which takes over where no room is in reach of the Gaussian.
_PRIOR: Final = 2e-3
# Weight of mid grey in that mean, for a frame in which no room is seen at all.
_NEUTRAL: Final = np.array([126.0, 128.0, 128.0], np.float32)
_NEUTRAL_CELLS: Final = 1e-2  # cells of room that grey counts as: much fewer than one
# A room out of focus shows no detail that moves, so every other frame is enough: 15 a second of 30.
_INTERVAL: Final = 2
# Seconds; what was painted longer ago may have been another room.
_MAX_AGE: Final = 0.25


class Blur(Background):
    """The room out of focus: blur(I · (1 − α)) / blur(1 − α), a normalised convolution.

    It is computed on a grid of at most a few thousand cells, each rounded to 8 bits, and only that grid is
    enlarged to the frame; so what is smaller than a cell cannot be brought back by deconvolution. Cells that
    show the person, and their neighbours, have no weight: none of the person's colour gets into the room.
    Knutsson and Westin, "Normalized and differential convolution", CVPR 1993.
    """

    tinted = True

    def __init__(self, strength: Strength = "soft") -> None:
        self.strength = strength
        self._cells = _CELLS[strength]
        self._out: Planes | None = None
        self._age = 0
        self._painted = 0.0

    def full_blur(self) -> Background:
        """Return a strong blur: of a room in which nobody is found, softly blurred, somebody may still be seen."""
        return Blur("strong")

    def paint(self, source: Planes, alpha: Plane, time: float) -> Planes:
        """Return the blurred room at the size of `source`; valid until the next call. Every other one is new."""
        self._age = (self._age + 1) % _INTERVAL
        fresh = 0 <= time - self._painted <= _MAX_AGE
        if self._age and fresh and self._out is not None and self._out.size == source.size:
            return self._out
        # Where this fails the buffer is gone with it: what is in it is old, or was never written.
        out, self._out = self._buffer(source), None
        grid = _fill(*_reduce(source, alpha, self._cells))
        for plane, cells in zip(out, grid, strict=True):
            size = (plane.shape[1], plane.shape[0])
            cv2.resize(cells, size, dst=plane, interpolation=cv2.INTER_CUBIC)
        self._out, self._painted = out, time
        return out

    def _buffer(self, source: Planes) -> Planes:
        if self._out is None or self._out.size != source.size:
            return Planes(*(np.empty(plane.shape, np.uint8) for plane in source))
        return self._out


def _reduce(source: Planes, alpha: Plane, cells: int) -> tuple[Planes, Grid]:
    """Return the mean colour (three planes) and the weight of the room, both (rows, columns), of every cell."""
    width, height = source.size
    side = max(min(width, height), max(width, height) * 9 / 16) / 2
    halvings = 0  # of chroma; luma is halved once more
    while side > 5 * cells:
        halvings += 1
        side /= 2
    cell = max(round(side / cells), 1)
    grid = (max((height >> halvings + 1) // cell, 1), max((width >> halvings + 1) // cell, 1))
    # Two boxes and the mean, itself a box: a mean alone lets 7 % of a stripe of 1.1 cells through as moiré.
    box = cell | 1
    planes = (_means(plane, halvings + (plane is source.y), cell, box, grid) for plane in source)
    share = cv2.dilate(_means(alpha, halvings + 1, cell, 1, grid), np.ones((3, 3), np.uint8))
    weight = np.maximum(1 - share / np.float32(255 * _PERSON_SHARE), 0)
    return Planes(*planes), weight * _ramps(*grid)


def _means(plane: Plane, halvings: int, cell: int, box: int, grid: tuple[int, int]) -> Plane:
    """Return the means of the cells of a plane that is halved so many times and blurred by two boxes first."""
    out = np.empty(grid, np.uint8)
    if kernels.native.cells(plane, halvings, cell, box, out):
        return out
    small = plane
    for _ in range(halvings):
        small = _halve(small)
    if box > 1:
        small = box_mean(box_mean(small, box), box)
    # Area interpolation is fast only at a whole ratio: what remains at the right and below is left out.
    whole = small[: grid[0] * cell, : grid[1] * cell]
    return cv2.resize(whole, (grid[1], grid[0]), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


@cache
def _ramps(rows: int, columns: int) -> Grid:
    """Return weights that fade to the borders: a stripe cut off by the border would stand out else."""
    ramps: Grid = np.outer(_ramp(rows), _ramp(columns))
    return ramps


def _ramp(cells: int) -> Grid:
    from_start = np.arange(cells, dtype=np.float32) + 0.5
    distance = np.minimum(from_start, from_start[::-1])
    ramp: Grid = np.sin(np.minimum(distance / _BORDER, 1) * (np.pi / 2)) ** 2
    return ramp


def _halve(plane: Plane) -> Plane:
    height, width = plane.shape
    even = plane[: max(height & ~1, 1), : max(width & ~1, 1)]
    size = (max(width // 2, 1), max(height // 2, 1))
    return cv2.resize(even, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _fill(colour: Planes, weight: Grid) -> Planes:
    """Return the blurred grid, three planes (rows, columns)."""
    out = Planes(*(np.empty(weight.shape, np.uint8) for _ in colour))
    if kernels.native.fill(*colour, weight, _TAPS, _PRIOR, *_NEUTRAL, _NEUTRAL_CELLS, *out):
        return out
    weighted = cv2.merge([*(np.multiply(plane, weight) for plane in colour), weight])
    total = weighted.sum(axis=(0, 1))
    mean = (total[:3] + _NEUTRAL_CELLS * _NEUTRAL) / (total[3] + _NEUTRAL_CELLS)
    near = cv2.GaussianBlur(weighted, (_TAPS.size, _TAPS.size), _SIGMA, borderType=cv2.BORDER_CONSTANT)
    filled = (near[..., :3] + _PRIOR * mean) / (near[..., 3:] + _PRIOR)
    cells: NDArray[np.uint8] = np.rint(filled).astype(np.uint8)
    return Planes(*cv2.split(cells))  # type: ignore[arg-type]
