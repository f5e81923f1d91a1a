"""Whether the last matte still holds, so that the network needn't run: an edge-position frame difference.

Only what happens at the person's edge can change a matte. Speech and blinking stay inside, a screen or a
curtain moves well outside; both leave the matte as it is. A person who sways takes the matte along, and a hand-held
camera moves the room: both motions are estimated, and only what they don't explain counts. What is new outside and
large enough may be somebody coming.
"""

from __future__ import annotations

from typing import Final, cast

import cv2
import numpy as np

from filters import kernels
from filters.base import Plane
from filters.matting.grid import Work
from filters.matting.motion import STILL, Motion, Tracker, warped
from filters.planes import above, below, between, both, difference, dilated

# Cells are of grid.CELL px of the work grid, levels of 255. Chosen with benchmarks.quality on nine clips
# (docs/benchmarks.md), the stage as a whole, and so that the network rests in half of real cameras' frames.
UNCERTAIN = (12, 243)  # levels, .05 and .95 of full alpha: between is the edge
EDGE_LEVELS = 5  # levels by which a cell of the edge may change
EDGE_SHARE = 0.155  # share of the edge's cells that may change more
OUTSIDE_LEVELS = 9  # levels by which a cell outside may change
OUTSIDE_CELLS = 5  # cells; as many may be somebody coming
MAX_SKIPPED = 12  # frames in a row, 0.4 s of 30 a second
MAX_MOTION = 2.0  # cells; one step of Lucas-Kanade is good for about one
CONTRAST = 40.0  # levels: standard deviation from which on a picture needs no closer watch
MIN_CONTRAST = 0.3  # factor on the levels of the flattest picture: 1.5 at the edge
CHANGED_LEVELS = 25  # levels, a tenth of the range: more than noise
CHANGED = 0.12
"""Share of cells; where more have changed, the matte is not held even if the network is to rest."""
CUT = 0.4
"""The same from one frame to the next: motion and light stay below .25, another scene changes more than .55."""

SCENE: Final = (40, 24)  # cells, width and height: fine enough for a head, too coarse for noise


def scene_cells(luma: Plane) -> Plane:
    """Return a picture of any size on the grid of SCENE, to tell whether another one shows the same scene."""
    while luma.shape[1] >= 4 * SCENE[0] and len(luma) > 1:  # OpenCV averages quickly by a factor of two only
        luma = cast(Plane, cv2.resize(luma, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return cast(Plane, cv2.resize(luma, SCENE, interpolation=cv2.INTER_AREA))


def changed(luma: Plane, before: Plane) -> float:
    """Return the share of cells that differ clearly."""
    return cv2.countNonZero(above(difference(luma, before), CHANGED_LEVELS)) / luma.size


def same_scene(luma: Plane, before: Plane) -> bool:
    """Tell whether two frames in a row, on the grid of cells, can show the same people in the same places."""
    return luma.shape == before.shape and changed(luma, before) <= CUT


def follows(work: Work, last: Work) -> bool:
    """Tell whether two frames in a row can be compared: of one shape, and of one scene."""
    return work.y.shape == last.y.shape and same_scene(work.cells, last.cells)


class Stillness:
    """Compares each frame with the last one that the network saw, on the grid of cells."""

    def __init__(self) -> None:
        self._interval = self._due = 1.0
        self._skipped = 0
        self.forget()

    def forget(self) -> None:
        """Hold nothing until the network has seen another frame; when the next look is due stays as it is."""
        self._luma: Plane = np.zeros((0, 0), np.uint8)

    def saw(self, luma: Plane, matte: Plane) -> None:
        """Take the frame that the network has seen now, and its matte; both uint8, cells."""
        self._luma, self._matte = luma, matte
        self._tracker = Tracker(luma)
        self._room = ~dilated(matte, 3)
        # The next look makes up for the fraction of a frame by which this one was late.
        self._due = self._interval + min(0.0, max(-1.0, self._due - (self._skipped + 1)))
        self._skipped = 0
        # The same motion changes a dark or flat picture less.
        self._contrast = min(1.0, max(MIN_CONTRAST, float(cv2.meanStdDev(luma)[1][0, 0]) / CONTRAST))

    def motion(self, luma: Plane, interval: float = 1) -> Motion | None:
        """Return how the person has moved since, in cells, if nothing else matters; None if the network must look.

        An `interval` above 1 lets the matte follow the person for so many frames, on average, unless much of the
        picture changes.
        """
        self._due += interval - self._interval
        self._interval = interval
        if self._luma.shape != luma.shape or self._skipped >= MAX_SKIPPED:
            return None
        person = self._tracker.motion(luma, self._matte, MAX_MOTION)
        forced = self._skipped + 1 < self._due and changed(luma, self._luma) <= CHANGED
        if not forced and not self._explained(luma, person, STILL):
            camera = self._tracker.motion(luma, self._room, MAX_MOTION)
            if not self._explained(luma, person, camera):
                return None
        self._skipped += 1
        return person

    def _explained(self, luma: Plane, person: Motion, camera: Motion) -> bool:
        at_edge, edge, new = self._surprise(luma, person, camera)
        return at_edge <= max(2, EDGE_SHARE * edge) and new < OUTSIDE_CELLS

    def _surprise(self, luma: Plane, person: Motion, camera: Motion) -> tuple[int, int, int]:
        """Return how many cells of the edge aren't as the motions make them, of how many, and how many outside."""
        levels = (EDGE_LEVELS * self._contrast, OUTSIDE_LEVELS * self._contrast)
        counts = np.empty((1, 3), np.float32)
        planes = (luma, self._luma, self._matte)
        if kernels.native.surprise(*planes, person, camera, *levels, *UNCERTAIN, counts):
            at_edge, edge, new = map(int, counts[0])
            return at_edge, edge, new
        matte = warped(self._matte, person)
        share = matte.astype(np.float32) / 255
        expected = share * warped(self._luma, person) + (1 - share) * warped(self._luma, camera)
        change = difference(luma, expected.astype(np.uint8))
        rim = dilated(between(matte, *UNCERTAIN), 3)
        outside = below(dilated(matte, 3), UNCERTAIN[0])
        differs, new_outside = both(rim, above(change, levels[0])), both(outside, above(change, levels[1]))
        return cv2.countNonZero(differs), cv2.countNonZero(rim), cv2.countNonZero(new_outside)
