"""The matte of one stream: what a server that keeps state gets out of a network that keeps none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from filters.base import Alpha, Plane, Planes
from filters.matting import components, edges, region
from filters.matting.clean_plate import Plate, PlateCapture
from filters.matting.follow import Follow, FollowState, Target
from filters.matting.grid import CELL, NETWORK_SIDE, Work, cell_size, fit, network_planes, work_of
from filters.matting.matting import MatteFrame, PlateState
from filters.matting.motion import scaled, warped_inside
from filters.matting.newcomers import Newcomers, View
from filters.matting.probation import Probation
from filters.matting.room_model import RoomModel
from filters.matting.segmenter import Box
from filters.matting.smoother import MatteSample, MotionAdaptive, TemporalSmoother
from filters.matting.stillness import Stillness, follows
from filters.matting.unmixing import TRUST, TRUST_BESIDE_PLATE, unmixed
from filters.planes import above, difference, doubled, flipped, mirrored, resized, to_plane

PLATE_FRAMES = 45  # frames, 1.5 s of 30 a second; chosen: their mean has a seventh of the noise (√45)

Network: TypeAlias = Callable[[Planes, Box | None, int | None], Alpha]
"""A Segmenter: the matte of a box of the planes (None: all), computed at about so many pixels."""


@dataclass(frozen=True, slots=True)
class MatteOptions:
    """Which stages run; all of them by default. `privacy` in [0, 1] hides what is least certain."""

    privacy: float = 0.2
    region: bool = True
    room: bool = True
    components: bool = True
    guided: bool = True
    levels: bool = True
    stillness: bool = True


class _HeldFrame(NamedTuple):
    """The frame whose matte is steadied once the next one is known."""

    frame: MatteFrame
    sample: MatteSample


class Matte:
    """Gives each frame of one stream its matte, in order, `delay` frames later.

    The planes given must stay as they are until then. An instance serves one stream and is not
    thread-safe. Errors of the network pass through and leave the instance as after `reset`. Under load a
    `network_interval` above 1 makes the network look at every so many frames only, on average.
    """

    def __init__(
        self,
        network: Network,
        *,
        smoother: TemporalSmoother | None = None,
        options: MatteOptions | None = None,
    ) -> None:
        self.network_interval = 1.0
        self._network = network
        self._smoother = smoother or MotionAdaptive()
        self._options = options or MatteOptions()
        self._plate: Plate | None = None
        self._recording: PlateCapture | None = None
        low, high = edges.LEVELS if self._options.levels else (0.0, 1.0)
        self._stretch = edges.stretching(low, high, self._options.privacy)
        self._follow: Follow | None = None
        self._waiting: _HeldFrame | None = None
        self._apart = False
        """Whether the next frame must not be smoothed with those before it: they show others."""
        self.reset()

    @property
    def delay(self) -> int:
        """How many frames later a frame gets its matte: 0 or 1."""
        return self._smoother.delay

    def push(self, planes: Planes) -> MatteFrame:
        """Take the next frame, and give the one before its matte, as far as there is a delay.

        Another shape and a cut to another scene start anew: what is known of one picture tells nothing of another.
        An error leaves the one before without a matte, too.
        """
        work, before = work_of(planes), self._waiting
        if self._last is not None and not follows(work, self._last):
            self.flush()
            self.reset()
        elif self._apart:
            self.flush()
        self._apart = False
        try:
            alpha = self._analyse(planes, work)
        except Exception:
            self.reset()
            if before:
                before.frame.alpha = None
            raise
        if self._recording:
            self._record(planes)
        frame = MatteFrame(planes)
        self._steady(_HeldFrame(frame, MatteSample(np.multiply(alpha, np.float32(1 / 255)), work.y)))
        return frame

    def flush(self) -> None:
        """Give the frame that still waits its matte; what is known of the stream is kept."""
        waiting, self._waiting = self._waiting, None
        if waiting:
            self._finish(waiting, None)
        self._smoother.reset()

    def use_plate(self, planes: Planes | None) -> None:
        """Know the room from a picture of it without people, from the same camera; None forgets it.

        `has_plate` tells after the next frames whether it fits: one that doesn't register is forgotten, too, and so
        is one of a room that has changed.
        """
        self._recording = None
        self._plate = planes and Plate(planes, self._options.privacy)
        self._room = RoomModel()
        if planes:
            self._room.adopt(work_of(planes))

    @property
    def plate(self) -> PlateState:
        """See Matting."""
        if self.recording:
            return "recording"
        return "used" if self.has_plate else "none"

    def record_plate(self, frames: int = PLATE_FRAMES) -> None:
        """Make a plate of the next frames in which nobody is in sight."""
        self._recording = PlateCapture(frames)

    @property
    def recording(self) -> bool:
        """Whether frames of the empty room are still awaited."""
        return self._recording is not None

    @property
    def has_plate(self) -> bool:
        """Whether a plate is in use: it was given or recorded, and fits what the camera sees."""
        return self._plate is not None and self._room.has_plate

    def follow(self, target: Target | None) -> None:
        """See Matting. Whoever is followed stays so when the stream is forgotten, by what they look like."""
        self._follow = None if target is None else Follow(target)
        self._stillness.forget()
        self._apart = True

    @property
    def followed(self) -> FollowState:
        """See Matting."""
        return self._follow.state if self._follow else "off"

    def reset(self) -> None:
        """Forget the stream, the frame that waits and the room; a plate is tried again, its recording begins anew."""
        self._smoother.reset()
        self._waiting = None
        self._region = region.Region()
        self._room = RoomModel()
        if self._plate:
            self._room.adopt(work_of(self._plate.planes))
        if self._recording:
            self._recording = PlateCapture(self._recording.wanted)
        self._stillness = Stillness()
        self._newcomers = Newcomers()
        self._probation = Probation()
        if self._follow:
            self._follow.forget()
        self._last: Work | None = None
        self._alpha: Plane | None = None
        self._cells = self._seen = self._moved = np.zeros((0, 0), np.uint8)

    def _analyse(self, planes: Planes, work: Work) -> Plane:
        """Return the matte of the newest frame on the work grid, not yet smoothed."""
        last, self._last = self._last or work, work
        held = self._hold(work)
        if held is not None:
            self._region.skip()
            return held
        self._stillness.forget()
        source = network_planes(planes)
        boxes = self._look_at(work.cells, source.size)
        alpha = self._see(source, boxes, work.size)
        if self._options.components and self._cells.any() and (0, 0, *source.size) in boxes:
            alpha = self._found_again(alpha, source)
        self._seen = work.cells
        if self._options.room:
            alpha = self._room.correct(work, last, alpha)
            if not self._room.has_plate:
                self._plate = None
        if self._options.components:
            alpha = self._confirmed(components.keep_people(alpha), source)
        self._cells = resized(alpha, cell_size(work.size))
        if self._options.components:
            hidden = self._probation.hidden(self._cells)
            if hidden.any():
                alpha = components.without(alpha, hidden)
                self._cells = resized(alpha, cell_size(work.size))
        if self._options.guided:
            alpha = self._refined(alpha, work)
        if self._follow:
            alpha = self._follow.limit(alpha, work)
        self._alpha = alpha
        if self._region.settled:
            self._stillness.saw(work.cells, self._cells)
        return alpha

    def _refined(self, alpha: Plane, work: Work) -> Plane:
        """Return the matte with its edges on those of the picture."""
        guided = edges.guided(alpha, work.y, cells=self._cells)
        return unmixed(alpha, guided, work, TRUST_BESIDE_PLATE if self.has_plate else TRUST)

    def _record(self, planes: Planes) -> None:
        somebody = self._probation.pending or above(self._cells, components.VISIBLE).any()
        if self._recording and not somebody:
            plate = self._recording.add(planes)
            if plate:
                self._recording = None
                self.use_plate(plate)

    def _hold(self, work: Work) -> Plane | None:
        """Return the last matte, moved along with the person, if nothing else has happened since."""
        wanted = self._options.stillness or self.network_interval > 1
        if self._alpha is None or self._recording or self._probation.pending or not wanted:
            return None
        motion = self._stillness.motion(work.cells, self.network_interval)
        return None if motion is None else warped_inside(self._alpha, scaled(motion, CELL))

    def _see(self, source: Planes, boxes: list[Box], size: tuple[int, int]) -> Plane:
        """Return the network's matte of the boxes on a work grid of `size`; the most certain of them counts."""
        matte = np.zeros((size[1], size[0]), np.uint8)
        for box in boxes:
            seen = self._network(source, box, region.pixels(box, source.size))
            matte = np.maximum(matte, region.paste(seen, box, source.size, size))
        return matte

    def _found_again(self, alpha: Plane, source: Planes) -> Plane:
        """Return the whole frame's matte with whoever is missing beside others as a look at just them shows them.

        Beside somebody who comes in the network misses people whom it finds in a box of their own.
        """
        box = region.bounds(components.missing(self._cells, alpha), source.size, region.PADDING)
        if box is None:
            return alpha
        return np.maximum(alpha, self._see(source, [box], (alpha.shape[1], alpha.shape[0])))

    def _confirmed(self, alpha: Plane, source: Planes) -> Plane:
        """Return the matte with those who weren't there before only where looks at just them agree."""
        size = (alpha.shape[1], alpha.shape[0])
        return self._newcomers.confirmed(
            alpha, self._cells, self._moved, lambda new, view: self._viewed(new, view, source, size)
        )

    def _viewed(self, cells: Plane, view: View, source: Planes, size: tuple[int, int]) -> Plane:
        """Return the network's matte of a box around a mask of cells, on a work grid of `size`."""
        if view.mirrored:
            straight = view._replace(mirrored=False)
            return flipped(self._viewed(flipped(cells), straight, mirrored(source), size))
        box = region.bounds(cells, source.size, view.padding)
        return self._see(source, [box] if box else [], size)

    def _look_at(self, cells: Plane, size: tuple[int, int]) -> list[Box]:
        if self._alpha is None:
            return [(0, 0, *size)]
        self._moved = above(difference(cells, self._seen), int(10 + self._room.noise / 2))
        if not self._options.region:
            return [(0, 0, *size)]
        familiar = self._room.familiar(cells) if self._options.room else None
        return self._region.next(self._cells, self._moved, size, familiar)

    def _steady(self, newest: _HeldFrame) -> None:
        """Finish the newest frame or, if the smoother looks ahead, the one before it."""
        if not self.delay:
            return self._finish(newest, None)
        before, self._waiting = self._waiting, newest
        if before:
            self._finish(before, newest.sample)

    def _finish(self, waiting: _HeldFrame, after: MatteSample | None) -> None:
        """Give a frame its matte, seen beside those before it and the one after it."""
        planes, alpha = waiting.frame.planes, to_plane(self._smoother.smooth(waiting.sample, after), 255.0)
        # Past this size the stretched matte is as sharp as the picture, and the rest is enlarged.
        shown = resized(self._enlarge(alpha, fit(planes.size, NETWORK_SIDE)), planes.size)
        if self._plate and self._room.has_plate:
            refined = self._plate.refine(planes, shown, self._room.shift, self._room.noise)
            # To the plate whoever isn't room is a person.
            shown = np.minimum(shown, refined) if self._follow else refined
        waiting.frame.alpha = shown

    def _enlarge(self, alpha: Plane, size: tuple[int, int]) -> Plane:
        """Return the matte enlarged and stretched; where it is 0 it stays so."""
        if size != (2 * alpha.shape[1], 2 * alpha.shape[0]):
            return self._stretch(resized(alpha, size))
        return doubled(alpha, self._stretch.gain, self._stretch.offset)
