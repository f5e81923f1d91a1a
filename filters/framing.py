"""Framing: the part of the picture that brings a person to its middle, found from the matte alone.

The part has the frame's shape and lies within the frame, so whoever the camera's border cuts off is cut off by the
picture's border still. It rests until the person has left the middle for a while, then moves once, slowly, without
overshooting. Nobody, and people too far apart for a smaller part, are the whole frame.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Plane

MAX_ZOOM: Final = 1.6
"""Times; a picture of 640x360 is one of 400x225 then, which still looks sharp in a tile. Chosen by looking."""
HEADROOM: Final = 0.12  # of the part's height, above the head; chosen by looking, as the next one
LEAST_HEADROOM: Final = 0.05  # the same: never less, if the camera gives it
FILLED: Final = 0.8  # of the part's width, by the person at most
MOST_ASIDE: Final = 1 / 3  # of the part's side, from its middle to the person's

SAMPLES: Final = 80  # of the matte along its longer side: a head has ten
SURE: Final = 128  # level of the matte from which a sample is the person's
LEAST_AREA: Final = 0.02  # of the frame: less than a head at two metres is nobody sure
LEAST_SHARE: Final = 0.1  # of the largest component's area: less is a stray bit, not another person
THIN: Final = 1 / 8  # of the fullest row or column: what is thinner is an arm or a hand

WATCHED: Final = 1.0  # s whose median counts: a nod or a wrong matte moves nothing; chosen
SLOW: Final = 0.5  # s: time constant of a move, which is over in about five of them; chosen by looking
RUSH: Final = 1.0  # of the frame a second: pace at which the head is kept in the part; chosen
LATEST: Final = 0.1  # s whose mattes have to agree that it would leave: more than one wrong matte
MAX_STEP: Final = 0.1  # s between two frames: after a gap the move goes on where it was
DEAD_ZONE: Final = 0.06  # of the part's side, which the middle may be off
DEAD_ZOOM: Final = 0.12  # of the part's side, by which that may be off
ARRIVED: Final = 5e-4  # of the frame: a third of a pixel of 640


class CropBox(NamedTuple):
    """A part of a frame, of the frame's shape: its middle, and its side, as shares of the frame's width and height."""

    x: float
    y: float
    side: float

    def within(self) -> CropBox:
        """Return the nearest one that lies within the frame."""
        side = min(max(self.side, 1 / MAX_ZOOM), 1.0)
        x, y = (min(max(middle, side / 2), 1 - side / 2) for middle in (self.x, self.y))
        return CropBox(x, y, side)

    def seen_at(self, x: float, y: float) -> tuple[float, float]:
        """Return what of the frame is at a place of the part; all in shares of width and height."""
        return self.x + (x - 0.5) * self.side, self.y + (y - 0.5) * self.side


WHOLE: Final = CropBox(0.5, 0.5, 1.0)


class Extent(NamedTuple):
    """Where somebody is, as shares of the frame's width and height; half of the person is left of `middle`."""

    left: float
    top: float
    right: float
    bottom: float
    middle: float


class _Wanted(NamedTuple):
    """Where somebody is at a time, in seconds, if anywhere, and what that asks for."""

    time: float
    extent: Extent | None
    crop: CropBox


class Framing:
    """Follows one stream. `time` is that of the stream, in seconds."""

    def __init__(self) -> None:
        self._shown = self._target = WHOLE
        self._speed = (0.0, 0.0, 0.0)
        self._wanted = deque[_Wanted]()
        self._time = 0.0

    @property
    def shown(self) -> CropBox:
        """The part that is shown now."""
        return self._shown

    def follow(self, matte: Plane | None, time: float) -> CropBox | None:
        """Return the part to show of the frame with that matte (uint8, 255 is person); None for all of it.

        Without a matte the whole frame comes back, at the pace of any other move.
        """
        step = min(max(time - self._time, 0.0), MAX_STEP)
        self._time = time
        extent = None if matte is None else find_extent(matte)
        wanted = WHOLE if extent is None else framed(extent)
        self._wanted.append(_Wanted(time, extent, wanted))
        while not time - WATCHED <= self._wanted[0].time <= time:
            self._wanted.popleft()
        if matte is None:
            self._target = WHOLE
        else:
            self._decide(time)
        self._move(step)
        self._keep(time, step)
        return None if self._shown == WHOLE else self._shown

    def _decide(self, time: float) -> None:
        """Choose another target where the present one has been wrong for most of the time."""
        if time - self._wanted[0].time < WATCHED / 2:
            return
        wanted = CropBox(*map(median, zip(*(each.crop for each in self._wanted), strict=True))).within()
        target = self._target
        off = math.hypot(wanted.x - target.x, wanted.y - target.y) > DEAD_ZONE * target.side
        zoom_off = abs(wanted.side / target.side - 1) > DEAD_ZOOM
        tops = [1.0 if each.extent is None else each.extent.top for each in self._wanted]
        head = median(tops) - (target.y - target.side / 2)
        if off or zoom_off or head < LEAST_HEADROOM * target.side:
            self._target = wanted

    def _move(self, step: float) -> None:
        """Go towards the target as a critically damped spring does, which starts and ends gently."""
        if self._shown == self._target:
            return
        moved = [
            _spring(shown - target, speed, step, SLOW)
            for shown, target, speed in zip(self._shown, self._target, self._speed, strict=True)
        ]
        self._speed = (moved[0].speed, moved[1].speed, moved[2].speed)
        offsets = [each.offset for each in moved]
        if max(map(abs, offsets)) < ARRIVED and max(map(abs, self._speed)) < ARRIVED / SLOW:
            self._shown, self._speed = self._target, (0.0, 0.0, 0.0)
            return
        self._shown = CropBox(
            *(target + off for target, off in zip(self._target, offsets, strict=True))
        ).within()

    def _keep(self, time: float, step: float) -> None:
        """Hold on to the head, and to the middle, of whoever is about to leave what is shown."""
        latest = [each.extent for each in self._wanted if each.time >= time - LATEST]
        extents = [each for each in latest if each is not None]
        if self._shown == WHOLE or len(extents) < len(latest):
            return
        x, y, side = self._shown
        middle, aside = median(each.middle for each in extents), MOST_ASIDE * side
        lowest = max(each.top for each in extents) + (1 / 2 - LEAST_HEADROOM) * side
        kept = (min(max(x, middle - aside), middle + aside), min(y, lowest))
        far = RUSH * step
        x, y = (old + min(max(new - old, -far), far) for old, new in zip((x, y), kept, strict=True))
        self._shown = CropBox(x, y, side).within()


class _Sprung(NamedTuple):
    """A distance from where it is drawn to, and its change per second."""

    offset: float
    speed: float


def _spring(offset: float, speed: float, step: float, time_constant: float) -> _Sprung:
    """Return a critically damped spring's offset and speed after a step of `step` s; exact for any step."""
    pull = speed + offset / time_constant
    decay = math.exp(-step / time_constant)
    return _Sprung((offset + pull * step) * decay, (speed - pull * step / time_constant) * decay)


def framed(extent: Extent) -> CropBox:
    """Return the part that shows somebody in the middle, with room above the head.

    It is as small as brings the middle there, though it cut the body off at the chest; but shoulders fit in.
    """
    width = 2 * max(extent.middle - extent.left, extent.right - extent.middle) / FILLED
    height = (extent.bottom - extent.top) / (1 - HEADROOM)
    centred = 2 * min(extent.middle, 1 - extent.middle)
    side = min(max(min(max(width, height), centred), width, 1 / MAX_ZOOM), 1.0)
    return CropBox(extent.middle, extent.top + (1 / 2 - HEADROOM) * side, side).within()


def find_extent(matte: Plane) -> Extent | None:
    """Return where the person is, or all people are; None where nobody is, or hardly anybody."""
    step = max(1, max(matte.shape) // SAMPLES)
    samples = matte[step // 2 :: step, step // 2 :: step]
    if not samples.size:  # a picture of a few lines; OpenCV crashes without pixels
        return None
    sure: NDArray[np.uint8] = (samples >= SURE).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(sure, connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    if not areas.size or areas.max() < LEAST_AREA * sure.size:
        return None
    if (areas < LEAST_SHARE * areas.max()).any():
        people = np.flatnonzero(areas >= LEAST_SHARE * areas.max()) + 1
        sure = np.isin(labels, people).astype(np.uint8)
    columns, rows = sure.sum(axis=0, dtype=np.uint64), sure.sum(axis=1, dtype=np.uint64)
    left, right = _span(columns)
    top, bottom = _span(rows)
    columns[columns < THIN * columns.max()] = 0
    middle = np.searchsorted(np.cumsum(columns), columns.sum() / 2) + 0.5
    return Extent(left, top, right, bottom, float(middle / columns.size))


def _span(counts: NDArray[np.uint64]) -> tuple[float, float]:
    """Return from where to where rows or columns are full enough, as shares of all."""
    full = np.flatnonzero(counts >= THIN * counts.max())
    return float(full[0] / counts.size), float((full[-1] + 1) / counts.size)
