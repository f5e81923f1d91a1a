"""The room, learned: what the camera sees where nobody stands, kept in memory while the stream lasts.

Where the camera stands still, a pixel that equals the known room is room, whatever the network thinks. One that
differs from it is a person only where the network doubts, the difference isn't a shadow's, and its neighbours
differ too; else every edge would grow wider.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters import kernels
from filters.base import Plane
from filters.matting.grid import Work
from filters.matting.motion import Tracker
from filters.planes import (
    above,
    below,
    both,
    box_mean,
    difference,
    dilated,
    lookup,
    masked_mean,
    resized,
    to_plane,
)

STEPS = 20.0
"""8-bit logits: 128 + STEPS * log(p / (1 - p))."""

# Levels are of 255. Chosen with benchmarks.quality on nine clips (docs/benchmarks.md), the stage as a whole.
CLEAR = 20  # level of alpha; below it all around, a pixel is room
CLEAR_SIDE = 9  # px of the work grid: "all around" is a square of this side
LEARN_EVERY = 4  # frames, and what one update adds to the count
LEARN_RATE = 0.2  # share of the new picture in the running mean, at each update
TRUSTED = 7  # frames counted; above it, after two updates, the model is believed
FAMILIAR = 24  # frames counted, 0.8 s of 30 a second: above it the room has stood still
CONTRADICTED = 12  # frames that an update takes off the count where the picture differs
PLATE_COUNT = 60  # frames that a plate counts as, 2 s of 30 a second
PLATE_RESIDUAL = 10.0  # levels, mean over the room in sight; a plate that differs more isn't of it
Z_CERTAIN, Z_UNKNOWN = 2.0, 4.5  # multiples of the noise: all evidence up to the first, none from the second
MAX_EVIDENCE = 3.0  # logits for the room: odds of 20
CHANGED_SHARE = 0.25  # share of the known room in sight; where more has changed, it is forgotten
MOVED_CELLS = 0.12  # cells, 1 px of a 640x360 frame: farther, the camera has turned
DOUBT = 2  # level of alpha; below, the network has no doubt that it is room
DIFFERENT = (4.0, 5.0)  # levels, and multiples of the noise to add: beyond, it is not the known room
SHADOW_DEPTH = 0.45  # share of the known luma that the deepest shadow leaves
SHADOW_CHROMA = 4.0  # levels, with the noise added, by which a shadow changes the colour at most


def _to_logit() -> NDArray[np.uint8]:
    p = (np.arange(256) / 255).clip(0.004, 0.996)
    table: NDArray[np.uint8] = np.round(128 + STEPS * np.log(p / (1 - p))).clip(0, 255).astype(np.uint8)
    return table


def _from_logit() -> NDArray[np.uint8]:
    p = 1 / (1 + np.exp(-(np.arange(256) - 128) / STEPS))
    table: NDArray[np.uint8] = np.round(255 * ((p - 0.005) / 0.99).clip(0, 1)).astype(np.uint8)
    return table


LOGIT = _to_logit()
PROBABILITY = _from_logit()


class RoomModel:
    """The background model of one stream, on its work grid.

    `noise` is the running mean difference, in levels, between model and frame where the room is in sight;
    `shift` is what the light has added to Y, U and V since the model began. `has_plate` is True as long as the
    model rests on a plate that fits what is seen.
    """

    def __init__(self) -> None:
        self.noise = 4.0  # levels, until it is measured
        self.resets = 0
        self.has_plate = False
        self.shift = [0.0, 0.0, 0.0]
        self._frames = 0
        self._mean: list[NDArray[np.float32]] = []
        self._planes: list[Plane] = []
        self._count: Plane = np.zeros((0, 0), np.uint8)

    def correct(self, work: Work, last: Work, matte: Plane) -> Plane:
        """Return the network's matte (uint8, work grid) corrected by what is known of the room, and learn.

        `last` is the frame before; where the two differ, something moves and nothing is learned.
        """
        if self._count.shape != matte.shape:
            self._start(work)
        clear = below(dilated(matte, CLEAR_SIDE), CLEAR)
        distance, chroma = self._track(work, clear)
        corrected = self._apply(work, matte, distance, chroma)
        if self._frames % LEARN_EVERY == 0 or self._frames < LEARN_EVERY:
            self._learn(work, last, clear, distance)
        self._frames += 1
        return corrected

    def familiar(self, cells: Plane) -> Plane:
        """Return 255 for the cells of the grid of `cells` that have been room for a while, else 0."""
        if not self._count.size:
            return np.zeros_like(cells)
        size = (cells.shape[1], cells.shape[0])
        return above(resized(above(self._count, FAMILIAR), size), 254)

    def adopt(self, plate: Work) -> None:
        """Know the room from a picture of it; it is forgotten again if it doesn't fit the frames that follow."""
        self._start(plate)
        self._count[:] = PLATE_COUNT
        self.has_plate = True

    def forget(self) -> None:
        """Drop all that is known."""
        self._count[:] = 0
        self.has_plate = False
        self.resets += 1

    def _start(self, work: Work) -> None:
        self._planes = [work.y.copy(), work.u.copy(), work.v.copy()]
        self._mean = [p.astype(np.float32) for p in self._planes]
        self._count = np.zeros(work.y.shape, np.uint8)
        self._frames = 0
        self.shift = [0.0, 0.0, 0.0]
        self.has_plate = False

    def _distance(self, work: Work) -> tuple[Plane, Plane]:
        """Return the greatest difference in a channel, chroma doubled for its smaller range, and in chroma."""
        distance, chroma = np.empty_like(work.y), np.empty_like(work.y)
        if kernels.native.room_distance(*work[:3], *self._planes, distance, chroma):
            return distance, chroma
        y, u, v = (difference(a, b) for a, b in zip(work[:3], self._planes, strict=True))
        chroma = cast(Plane, cv2.max(u, v))
        return cast(Plane, cv2.max(y, cv2.add(chroma, chroma))), chroma

    def _track(self, work: Work, clear: Plane) -> tuple[Plane, Plane]:
        """Follow light and noise where the room is in sight; forget a room that has changed."""
        distance, chroma = self._distance(work)
        sight = both(clear, above(self._count, TRUSTED))
        seen = cv2.countNonZero(sight)
        if seen <= 0.05 * sight.size:  # too small a share of the picture to tell anything by
            return distance, chroma
        if self._frames % LEARN_EVERY == 0 and self._expose(work, sight):
            distance, chroma = self._distance(work)
        residual = masked_mean(distance, sight)
        if self.has_plate and residual > PLATE_RESIDUAL:
            self.forget()
            return distance, chroma
        # A running mean over about ten frames, in levels; what is beyond the limits is no noise.
        self.noise += 0.1 * (min(max(residual, 1.5), 30.0) - self.noise)
        changed = both(above(distance, int(12 + 3 * self.noise)), sight)
        if cv2.countNonZero(changed) > CHANGED_SHARE * seen or self._moved(work, sight):
            self.forget()
        return distance, chroma

    def _moved(self, work: Work, sight: Plane) -> bool:
        """Return whether the camera has moved against the model, as in a slow pan."""
        if self._frames % LEARN_EVERY:
            return False
        size = (work.cells.shape[1], work.cells.shape[0])
        motion = Tracker(resized(self._planes[0], size)).motion(work.cells, resized(sight, size), np.inf)
        return bool(np.abs(motion[:, 2]).max() > MOVED_CELLS)

    def _expose(self, work: Work, sight: Plane) -> bool:
        """Follow a change of the light that all pixels share; return whether there was one."""
        pairs = zip(work[:3], self._planes, strict=True)
        shifts = [masked_mean(a, sight) - masked_mean(b, sight) for a, b in pairs]
        if max(map(abs, shifts)) <= 1.0:  # level: less is rounding
            return False
        self.shift = [old + new for old, new in zip(self.shift, shifts, strict=True)]
        for mean, shift in zip(self._mean, shifts, strict=True):
            np.maximum(mean + np.float32(shift), 0, out=mean)
        self._planes = [to_plane(mean) for mean in self._mean]
        return True

    def _apply(self, work: Work, matte: Plane, distance: Plane, chroma: Plane) -> Plane:
        """Return the matte corrected in the box that holds all of it that is more than nothing."""
        x, y, width, height = cv2.boundingRect(above(matte, DOUBT))
        box = np.s_[max(0, y - 2) : y + height + 2, max(0, x - 2) : x + width + 2]
        out = matte.copy()
        planes = (p[box] for p in (work.y, self._planes[0], matte, distance, chroma, self._count))
        limits = (DIFFERENT[0] + DIFFERENT[1] * self.noise, SHADOW_DEPTH, SHADOW_CHROMA + self.noise)
        tables = (self._evidence(), LOGIT, PROBABILITY)
        if kernels.native.room_correct(*planes, *tables, *limits, TRUSTED, DOUBT, out[box]):
            return out
        known, smooth = above(self._count[box], TRUSTED), box_mean(distance[box], 3)
        room = both(lookup(smooth, tables[0]), known)
        inside = matte[box]
        corrected = lookup(cast(Plane, cv2.subtract(lookup(inside, LOGIT), room)), PROBABILITY)
        different = both(above(smooth, limits[0]), known)
        shadow = self._shadow(work.y[box], self._planes[0][box], chroma[box])
        person = both(both(different, above(inside, DOUBT)), ~shadow)
        out[box] = cv2.max(corrected, cv2.erode(person, np.ones((3, 3), np.uint8)))
        return out

    def _evidence(self) -> NDArray[np.uint8]:
        """Return, for each distance between model and frame, how many 8-bit logits speak for the room."""
        z = np.arange(256) / max(self.noise, 1.5)
        evidence = np.interp(z, [0, Z_CERTAIN, Z_UNKNOWN], [MAX_EVIDENCE, MAX_EVIDENCE, 0])
        table: NDArray[np.uint8] = np.round(STEPS * evidence).astype(np.uint8)
        return table

    def _shadow(self, luma: Plane, known: Plane, chroma: Plane) -> Plane:
        """Return where the room may be in shadow: darker than it was, not black, and of the same colour."""
        darker = cast(Plane, cv2.compare(luma, known, cv2.CMP_LT))
        black = cast(Plane, cv2.convertScaleAbs(known, alpha=SHADOW_DEPTH))
        lit = cast(Plane, cv2.compare(luma, black, cv2.CMP_GT))
        return both(both(darker, lit), below(box_mean(chroma, 3), SHADOW_CHROMA + self.noise))

    def _learn(self, work: Work, last: Work, clear: Plane, distance: Plane) -> None:
        learn = both(clear, below(difference(work.y, last.y), int(6 + 2 * self.noise)))
        new = both(learn, below(self._count, 1))
        for mean, plane in zip(self._mean, work[:3], strict=True):
            cv2.copyTo(plane.astype(np.float32), new, mean)
            cv2.accumulateWeighted(plane, mean, LEARN_RATE, learn)
        self._planes = [to_plane(mean) for mean in self._mean]
        wrong = both(clear, above(distance, int(15 + 4 * self.noise)))
        more = both(learn, np.full_like(learn, LEARN_EVERY))
        less = both(wrong, np.full_like(wrong, CONTRADICTED))
        self._count = cast(Plane, cv2.subtract(cv2.add(self._count, more), less))
