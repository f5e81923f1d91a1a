"""A blurred room without a halo, whose detail is not hidden but gone."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from filters.base import Plane, Planes

Strength = Literal["soft", "strong"]
Grid: TypeAlias = NDArray[np.float32]

# Grid cells along the shorter side of the frame: the whole room is reduced to one 8-bit colour a cell.
# At 360 lines a soft cell is 12 pixels, a strong one 36.
_CELLS: Final[dict[Strength, int]] = {"soft": 30, "strong": 10}
# Standard deviation of the Gaussian in cells: 1/20 and 3/20 of the frame's shorter side.
_SIGMA: Final = 1.5
# The weight of the room rises over this many cells from the border.
_BORDER: Final = 3
# A cell of which this share is person tells nothing about the room.
_PERSON_SHARE: Final = 1 / 8
# Weight of the room's mean colour, which takes over where no room is in reach of the Gaussian.
_PRIOR: Final = 2e-3
# Weight of mid grey in that mean, for a frame in which no room is seen at all.
_NEUTRAL: Final = np.array([126.0, 128.0, 128.0], np.float32)
_NEUTRAL_CELLS: Final = 1e-2
# A room out of focus shows no detail that moves, so every other frame is enough: 15 a second of 30.
_INTERVAL: Final = 2
# Seconds; what was painted longer ago may have been another room.
_MAX_AGE: Final = 0.25


class Blur:
    """The room out of focus: blur(I · (1 − α)) / blur(1 − α), a normalised convolution.

    It is computed on a grid of at most a few thousand cells, each rounded to 8 bits, and only that grid is
    enlarged to the frame; so what is smaller than a cell cannot be brought back by deconvolution. Cells that
    show the person, and their neighbours, have no weight: none of the person's colour gets into the room.
    Knutsson and Westin, "Normalized and differential convolution", CVPR 1993.
    """

    def __init__(self, strength: Strength = "soft") -> None:
        self.strength = strength
        self._cells = _CELLS[strength]
        self._out: Planes | None = None
        self._age = 0
        self._painted = 0.0

    def paint(self, source: Planes, alpha: Plane, time: float) -> Planes:
        """Return the blurred room at the size of `source`; valid until the next call. Every other one is new."""
        self._age = (self._age + 1) % _INTERVAL
        fresh = 0 <= time - self._painted <= _MAX_AGE
        if self._age and fresh and self._out is not None and self._out.size == source.size:
            return self._out
        self._painted = time
        out = self._buffer(source)
        grid = _fill(*_reduce(source, alpha, self._cells))
        for plane, cells in zip(out, cv2.split(grid), strict=True):
            size = (plane.shape[1], plane.shape[0])
            cv2.resize(cells, size, dst=plane, interpolation=cv2.INTER_CUBIC)
        return out

    def _buffer(self, source: Planes) -> Planes:
        if self._out is None or self._out.size != source.size:
            self._out = Planes(*(np.empty(plane.shape, np.uint8) for plane in source))
        return self._out


def _reduce(source: Planes, alpha: Plane, cells: int) -> tuple[Grid, Grid]:
    """Return the mean colour (rows, columns, 3) and the weight of the room (rows, columns) of every cell."""
    width, height = source.size
    side = max(min(width, height), max(width, height) * 9 / 16) / 2
    planes = [_halve(source.y), source.u, source.v, _halve(alpha)]
    while side > 5 * cells:
        planes = [_halve(plane) for plane in planes]
        side /= 2
    cell = max(round(side / cells), 1)
    rows, columns = (max(length // cell, 1) for length in planes[0].shape)

    def means(plane: MatLike) -> Plane:
        # Area interpolation is fast only at a whole ratio: what remains at the right and below is left out.
        whole = plane[: rows * cell, : columns * cell]
        return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]

    # Two boxes and the mean, itself a box: a mean alone lets 7 % of a stripe of 1.1 cells through as moiré.
    box = (cell | 1, cell | 1)
    colour = cv2.merge([means(cv2.blur(cv2.blur(plane, box), box)) for plane in planes[:3]])
    share = cv2.dilate(means(planes[3]), np.ones((3, 3), np.uint8))
    weight = np.maximum(1 - share / np.float32(255 * _PERSON_SHARE), 0)
    return colour.astype(np.float32), weight * np.outer(_ramp(rows), _ramp(columns))


def _ramp(cells: int) -> Grid:
    """Return weights that fade to the borders: a stripe cut off by the border would stand out else."""
    from_start = np.arange(cells, dtype=np.float32) + 0.5
    distance = np.minimum(from_start, from_start[::-1])
    ramp: Grid = np.sin(np.minimum(distance / _BORDER, 1) * (np.pi / 2)) ** 2
    return ramp


def _halve(plane: Plane) -> Plane:
    height, width = plane.shape
    even = plane[: max(height & ~1, 1), : max(width & ~1, 1)]
    size = (max(width // 2, 1), max(height // 2, 1))
    return cv2.resize(even, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _fill(colour: Grid, weight: Grid) -> NDArray[np.uint8]:
    """Return the blurred grid, uint8 (rows, columns, 3)."""
    weighted = cv2.merge([colour * weight[..., None], weight])
    total = weighted.sum(axis=(0, 1))
    mean = (total[:3] + _NEUTRAL_CELLS * _NEUTRAL) / (total[3] + _NEUTRAL_CELLS)
    near = cv2.GaussianBlur(weighted, (0, 0), _SIGMA, borderType=cv2.BORDER_CONSTANT)
    filled = (near[..., :3] + _PRIOR * mean) / (near[..., 3:] + _PRIOR)
    cells: NDArray[np.uint8] = np.rint(filled).astype(np.uint8)
    return cells
