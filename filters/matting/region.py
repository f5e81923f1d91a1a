"""What the network sees: the box around the people, the box where somebody may be coming, or the whole frame.

The networks were trained on people who fill the picture and know few sizes, so a box at the person's scale is
worth more than any other step. Who is outside the box must still be found: what moves outside is looked at by
itself, because beside somebody who fills the picture the networks miss a second person who is half in sight; and
the whole frame is looked at every LOOK frames and while nobody is in sight.
"""

from __future__ import annotations

import math
from typing import cast

import cv2
import numpy as np

from filters.base import Alpha, Plane
from filters.matting.grid import NETWORK_SIDE
from filters.matting.segmenter import Box
from filters.planes import above, both, to_plane

# Cells are of grid.CELL px of the work grid, levels of 255. Chosen, where a line names no other origin, with
# benchmarks.quality on nine clips (docs/benchmarks.md), the stage as a whole.
LOOK = 30  # frames, 1 s of 30 a second
HOLD = 10  # frames that a box stays around what has moved
COOL = 30  # frames until motion is looked at again after nobody was found
OCCUPIED = 60  # level: a cell with more alpha is of a person
PADDING = 0.10  # share of the people's longer side
NEW_PADDING = 0.25  # the same around who may be coming; more, as half of them is not in sight yet
MIN_PADDING = 16.0  # px of the frame, at PADDING; proportionally more at NEW_PADDING
MIN_SIDE = 0.4  # share of the frame's shorter side
MIN_ASPECT = 0.4  # share of the people's longer side that the shorter side of their box has at least
KEEP = 0.45  # share of the padding with which the old box must still hold the people
KEEP_AREA = 1.25  # ratio of areas, old box to new, from which on it is too large
WHOLE = 0.8  # share of the frame's area; a larger box is the frame
MOVED_CELLS = 3  # cells; fewer are noise
PERSON_CELLS = 6  # cells of an island; fewer are nobody

BOX_PIXELS = 61_440  # network px of a box; measured on nine clips: fewer lose more of the person
FULL_PIXELS = 89_600  # network px of a frame, 400x224; measured: of six sizes the one of least error
MAX_SCALE = 0.8
"""Network pixels per pixel of a frame whose long side is NETWORK_SIDE; the networks know no sharper ones."""


class Region:
    """Tracks what to look at in one stream, on its grid of cells.

    `settled` is False where the last look was at more than the box that the people have.
    """

    def __init__(self) -> None:
        self._start((0, 0), np.zeros((0, 0), np.uint8))

    def _start(self, size: tuple[int, int], cells: Plane) -> None:
        self.settled = False
        self._size = size
        self._age = LOOK
        self._box: Box | None = None
        self._arrival: Box | None = None
        self._patience = 0
        self._recent: Plane = np.zeros_like(cells)

    def skip(self) -> None:
        """Count a frame that the network needn't see."""
        self._age += 1

    def next(
        self, cells: Plane, moved: Plane, size: tuple[int, int], familiar: Plane | None = None
    ) -> list[Box]:
        """Return the boxes to look at in luma pixels of a frame of `size` (width, height).

        `cells` is the last matte on the grid of cells, uint8; `moved` is 255 where a cell has changed. What moves
        where it is `familiar`, room that stood still (None: everywhere), is looked at by itself, and what moves
        elsewhere as part of the whole: where the camera moves, everything does, and parts of it look like people.
        """
        whole = (0, 0, *size)
        if size != self._size or self._recent.shape != moved.shape:
            self._start(size, moved)
        people, arriving = self._split(cells)
        self._box = self._follow(people)
        outside = self._outside(moved)
        known = outside if familiar is None else both(outside, familiar)
        self._watch(known, arriving)
        box = self._box
        stirred = np.count_nonzero(outside) - np.count_nonzero(known) >= MOVED_CELLS
        if box is None or stirred or _area(box) > WHOLE * _area(whole):
            box = whole
        self._age += 1
        self.settled = box == whole or self._age < LOOK
        if not self.settled:
            box = whole
        if box == whole:
            self._age = 0
        arrival = self._arrival
        if arrival is None or (box != whole and _contains(box, arrival)):
            return [box]
        return [box, arrival]

    def _split(self, cells: Plane) -> tuple[Plane, Plane]:
        """Return the masks of who is tracked already and of who is apart from them where somebody came in."""
        occupied = above(cells, OCCUPIED)
        nobody = np.zeros_like(occupied)
        if self._arrival is None:
            return occupied, nobody
        count, labels, stats, centres = cv2.connectedComponentsWithStats(occupied, connectivity=8)
        if count <= 2:
            return occupied, nobody
        fx, fy = self._size[0] / cells.shape[1], self._size[1] / cells.shape[0]
        x0, y0, x1, y1 = self._arrival
        here = [x0 <= x * fx <= x1 and y0 <= y * fy <= y1 for x, y in centres]
        area = stats[:, cv2.CC_STAT_AREA].copy()
        area[0] = 0
        largest = int(area.argmax())
        new = np.array([here[i] != here[largest] and area[i] >= PERSON_CELLS for i in range(count)])
        arriving = np.where(new, 255, 0).astype(np.uint8)[labels]
        return occupied & ~arriving, arriving

    def _follow(self, people: Plane) -> Box | None:
        """Return the old box while it still fits, so that the network sees a steady picture."""
        wanted, needed = (bounds(people, self._size, p) for p in (PADDING, PADDING * KEEP))
        if wanted is None or needed is None:
            return None
        old = self._box
        if old is not None and _contains(old, needed) and _area(old) < KEEP_AREA * _area(wanted):
            return old
        return wanted

    def _outside(self, moved: Plane) -> Plane:
        outside = moved.copy()
        if self._box is not None:
            outside[self._slices(self._box, moved.shape)] = 0
        return outside

    def _watch(self, outside: Plane, arriving: Plane) -> None:
        """Keep a box around what moves outside, for a while, and for as long as somebody is found there."""
        self._recent = cast(Plane, cv2.subtract(self._recent, np.full_like(outside, 255 // HOLD)))
        self._recent[outside > 0] = 255
        self._patience -= 1
        if arriving.any():
            self._patience = HOLD
            self._arrival = bounds(arriving | above(self._recent, 0), self._size, NEW_PADDING)
        elif self._arrival is not None and self._patience <= 0:
            self._arrival, self._patience = None, COOL
        elif np.count_nonzero(self._recent) >= MOVED_CELLS and (self._arrival or self._patience <= 0):
            if self._arrival is None:
                self._patience = HOLD
            self._arrival = bounds(self._recent, self._size, NEW_PADDING)

    def _slices(self, box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
        fx, fy = self._size[0] / shape[1], self._size[1] / shape[0]
        x0, y0, x1, y1 = box
        return slice(int(y0 / fy), math.ceil(y1 / fy)), slice(int(x0 / fx), math.ceil(x1 / fx))


def _span(start: float, stop: float, least: float, limit: int) -> tuple[int, int]:
    """Return the interval in [0, limit], widened to `least` and then to even ends that split no chroma sample."""
    start, stop = max(0.0, start), min(float(limit), stop)
    grow = max(0.0, least - (stop - start)) / 2
    start, stop = start - grow, stop + grow
    shift = max(0.0, -start) - max(0.0, stop - limit) if grow else 0.0
    first, last = int(max(0.0, start + shift)) & ~1, int(min(limit, stop + shift)) + 1 & ~1
    return first, min(last, limit)


def bounds(mask: Plane, size: tuple[int, int], padding: float) -> Box | None:
    """Return the padded box of a mask of cells in pixels of a frame of `size` (width, height)."""
    xs, ys = np.flatnonzero(mask.max(axis=0)), np.flatnonzero(mask.max(axis=1))
    if not len(xs):
        return None
    width, height = size
    fx, fy = width / mask.shape[1], height / mask.shape[0]
    left, right, top, bottom = xs[0] * fx, (xs[-1] + 1) * fx, ys[0] * fy, (ys[-1] + 1) * fy
    pad = max(MIN_PADDING * padding / PADDING, padding * max(right - left, bottom - top))
    least = max(MIN_SIDE * min(width, height), MIN_ASPECT * max(right - left, bottom - top))
    x0, x1 = _span(left - pad, right + pad, least, width)
    y0, y1 = _span(top - pad, bottom + pad, least, height)
    return x0, y0, x1, y1


def pixels(box: Box, size: tuple[int, int]) -> int:
    """Return how many pixels the network should make of the box in a frame of `size` (width, height)."""
    limit = FULL_PIXELS if _area(box) > WHOLE * size[0] * size[1] else BOX_PIXELS
    scale = MAX_SCALE * NETWORK_SIDE / max(size)
    return min(limit, round(scale**2 * _area(box)))


def _area(box: Box) -> int:
    x0, y0, x1, y1 = box
    return (x1 - x0) * (y1 - y0)


def _contains(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def paste(alpha: Alpha, box: Box, size: tuple[int, int], work: tuple[int, int]) -> Plane:
    """Return the network's matte of a box of a frame of `size` on the work grid, uint8, 0 outside the box."""
    x0, y0, x1, y1 = box
    if box == (0, 0, *size):
        return to_plane(cast(Alpha, cv2.resize(alpha, work)), 255.0)
    sx, sy = work[0] / size[0], work[1] / size[1]
    corners = (x0 * sx, y0 * sy, x1 * sx, y1 * sy)
    if all(n.is_integer() for n in corners):
        left, top, right, bottom = map(int, corners)
        out = np.zeros((work[1], work[0]), np.uint8)
        inside = cast(Alpha, cv2.resize(alpha, (right - left, bottom - top)))
        out[top:bottom, left:right] = to_plane(inside, 255.0)
        return out
    matte = to_plane(alpha, 255.0)
    kx = (x1 - x0) * sx / alpha.shape[1]
    ky = (y1 - y0) * sy / alpha.shape[0]
    # Centres of pixels map on centres, hence the halves.
    move = np.array([[kx, 0, x0 * sx + kx / 2 - 0.5], [0, ky, y0 * sy + ky / 2 - 0.5]], np.float32)
    return cast(Plane, cv2.warpAffine(matte, move, work, borderMode=cv2.BORDER_CONSTANT))
