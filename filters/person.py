"""PersonFilter: keeps the person, replaces the room, and fails closed.

What is shown when no matte can be trusted, in this order: the last good output if it is of the same size and people, in
front of the same background and at most MAX_REPEAT old, else a placeholder. The source itself is never an answer.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import av
import numpy as np

from filters.backgrounds.background import Background
from filters.base import Alpha, FilteredFrame, Outcome, Plane, Planes, new_frame, planes_of
from filters.compositor import composite, composite_crop
from filters.effects import Effects
from filters.foreground import foreground
from filters.frames import seconds_of, size_of, stamp, to_yuv420p
from filters.framing import Framing
from filters.low_light import LowLight, lighten
from filters.matting.follow import FollowState, Point, Target
from filters.matting.matte import Matte, MatteOptions, Network
from filters.matting.matting import MatteFrame, Matting
from filters.matting.segmenter import Box
from filters.matting.smoother import TemporalSmoother
from filters.placeholder import placeholder

logger = logging.getLogger(__name__)

MAX_REPEAT = 1.0  # seconds; chosen
MAX_GAP = 0.5  # seconds between two frames; after more, people may be anywhere


class _Shown(NamedTuple):
    """The last good output, its time in seconds, the background that it shows, and by which choice of people."""

    frame: av.VideoFrame
    time: float
    background: Background
    choice: int


@dataclass(slots=True)
class _Held:
    """A frame inside the delay line, by which choice of people; without a matte in its turn it is not shown."""

    frame: av.VideoFrame
    choice: int = 0
    matte: MatteFrame | None = None


class PersonFilter:
    """A VideoFilter that shows the person over a background; `delay` frames late, n frames in, n out.

    While `full_blur`, frames come out at once, and those in the delay line when that begins do not come out at all.
    `on_matte` is called with the matte (uint8, luma size, 0 where the frame was replaced by a safe one) of every
    frame that comes out, in order. `background` and `effects` may be assigned at any time and hold from the next
    frame on. `matte` stands in for the Matte that the other arguments make.
    """

    def __init__(
        self,
        segmenter: Network,
        background: Background,
        *,
        smoother: TemporalSmoother | None = None,
        options: MatteOptions | None = None,
        matte: Matting | None = None,
        on_matte: Callable[[Plane], None] | None = None,
    ) -> None:
        self.background = background
        self.effects = Effects()
        self.received = 0
        self.outcomes = Counter[Outcome]()
        self.errors = 0
        self.failing = False
        self.network_interval = 1.0
        self.full_blur = False
        self._plate_wanted: bool | None = None
        self._target: Target | None = None
        self._choice = self._chosen = 0
        self.inferences = 0
        self.inference_time = 0.0
        self._network = segmenter
        self.matte: Matting = matte or Matte(self._look, smoother=smoother, options=options)
        self._on_matte = on_matte
        self._held: deque[_Held] = deque()
        self._framing, self._low_light = Framing(), LowLight()
        self._last: _Shown | None = None
        self._before: float | None = None

    def filter(self, frame: av.VideoFrame) -> FilteredFrame | None:
        """See VideoFilter. Whatever goes wrong inside is counted in `errors` and answered with a safe frame."""
        self.received += 1
        if self.full_blur:
            return self._blur(frame)
        held = _Held(frame, self._choice)
        self._held.append(held)
        try:
            self._take_wishes()
            self.matte.network_interval = self.network_interval
            self._push(held)
        except Exception as error:  # noqa: BLE001 - any failure must end in a safe frame, never in a raw one
            self._failed(error)
        return self._emit() if len(self._held) > self.matte.delay else None

    def hide(self, frame: av.VideoFrame) -> FilteredFrame | None:
        """See VideoFilter. What was shown last may have been rubbish already, so it isn't repeated."""
        self.received += 1
        self.distrust()
        self._last = None
        if self.full_blur:
            return self._safe(frame)
        self._held.append(_Held(frame))
        return self._emit() if len(self._held) > self.matte.delay else None

    def distrust(self) -> None:
        """See VideoFilter."""
        self.matte.reset()
        for held in self._held:
            held.matte = None

    def _look(self, planes: Planes, box: Box | None, pixels: int | None) -> Alpha:
        """Run the network, and add up how often and for how many seconds of CPU."""
        start = time.thread_time()
        try:
            return self._network(planes, box, pixels)
        finally:
            self.inferences += 1
            self.inference_time += time.thread_time() - start

    @property
    def plate(self) -> str:
        """What is known of a clean plate: `none`, `recording` while it waits for an empty room, or `used`."""
        return "recording" if self._plate_wanted else self.matte.plate

    def want_plate(self, wanted: bool) -> None:
        """Record a clean plate from the next frames without anybody, or forget it; may be called from any thread."""
        self._plate_wanted = wanted

    @property
    def followed(self) -> FollowState:
        """Whether one person is followed, and in sight; while `lost`, nobody is shown."""
        if self._choice != self._chosen:
            return "off" if self._target is None else "lost"
        return self.matte.followed

    def follow(self, target: Target | None) -> None:
        """Show one person only from the next frame on, or with None everybody; may be called from any thread.

        A point is one of the picture that is shown.
        """
        self._target, self._choice = target, self._choice + 1

    def flush(self) -> list[FilteredFrame]:
        """See VideoFilter."""
        self.matte.flush()
        out = [self._emit() for _ in range(len(self._held))]
        self.reset()
        return out

    def reset(self) -> None:
        """Forget the stream, its clean plate too: what comes next is a placeholder until the person is found again."""
        self.matte.use_plate(None)
        self.matte.reset()
        self._held.clear()
        self._framing, self._low_light = Framing(), LowLight()
        self._last = self._before = None

    def _take_wishes(self) -> None:
        if self._choice != self._chosen:
            self._chosen = self._choice
            target = self._target
            if isinstance(target, Point):
                target = Point(*self._framing.shown.seen_at(*target))
            self.matte.follow(target)
        wanted, self._plate_wanted = self._plate_wanted, None
        if wanted:
            self.matte.record_plate()
        elif wanted is not None:
            self.matte.use_plate(None)

    def _push(self, held: _Held) -> None:
        held.frame = frame = to_yuv420p(held.frame)
        planes = planes_of(frame)
        before, self._before = self._before, seconds_of(frame)
        if before is not None and not 0 <= self._before - before <= MAX_GAP:
            self.matte.flush()
            self.matte.reset()
        if len(self._held) > 1 and size_of(self._held[-2].frame) != size_of(frame):
            self.matte.flush()
        held.matte = self.matte.push(planes)

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        self.failing = True
        if self.errors == 1:
            logger.error("video filter failed; frames are being withheld", exc_info=error)
        self.matte.reset()

    def _emit(self) -> FilteredFrame:
        held = self._held.popleft()
        try:
            if held.matte is not None and held.matte.alpha is not None:
                return self._show(held, held.matte.planes, held.matte.alpha)
        except Exception as error:  # noqa: BLE001 - as in filter()
            self._failed(error)
        return self._safe(held.frame)

    def _show(self, held: _Held, source: Planes, matte: Plane) -> FilteredFrame:
        now = seconds_of(held.frame)
        background = self.background.paint(source, matte, now)
        crop = self._framing.follow(matte if self.effects.framing else None, now)
        gain = self._low_light.look(source.y, matte, now) if self.effects.low_light else 1.0
        # Whoever is moved, or lighter than the room, has no tint of what is behind.
        tinted = self.background.tinted and crop is None and gain == 1.0
        person = source if tinted else foreground(source, matte)
        if gain > 1.0:
            person = lighten(person, matte, gain)
        out, planes = new_frame(*source.size)
        if crop is None:
            composite(person, matte, background, planes)
        else:
            matte = composite_crop(person, matte, background, crop, planes)
        stamp(out, held.frame)
        self._last = _Shown(out, now, self.background, held.choice)
        self.outcomes[Outcome.FILTERED] += 1
        self.failing = False
        if self._on_matte:
            self._on_matte(matte)
        return FilteredFrame(out)

    def _blur(self, frame: av.VideoFrame) -> FilteredFrame:
        """Show the background alone or, of a blurred room, its light and colours: there is no time for the network.

        No matte has to be waited for, so it comes at once, and what is in the delay line would be late.
        """
        try:
            self._take_wishes()
            if self._held or self._before is not None:  # the first full blur
                self._held.clear()
                self.matte.reset()
                self._before = None
            return self._light(to_yuv420p(frame))
        except Exception as error:  # noqa: BLE001 - as in filter()
            self._failed(error)
            return self._safe(frame)

    def _light(self, frame: av.VideoFrame) -> FilteredFrame:
        source = planes_of(frame)
        nobody = np.zeros(source.y.shape, np.uint8)
        background = self.background.full_blur()
        out, planes = new_frame(*source.size)
        composite(source, nobody, background.paint(source, nobody, seconds_of(frame)), planes)
        stamp(out, frame)
        self.outcomes[Outcome.FULL_BLUR] += 1
        return FilteredFrame(out)

    def _safe(self, source: av.VideoFrame) -> FilteredFrame:
        last = self._last
        if (
            last is not None
            and last.background is self.background
            and last.choice == self._choice
            and size_of(last.frame) == size_of(source)
            and abs(seconds_of(source) - last.time) <= MAX_REPEAT
        ):
            out, planes = new_frame(source.width, source.height)
            for copy, original in zip(planes, planes_of(last.frame), strict=True):
                np.copyto(copy, original)
            self.outcomes[Outcome.REPEATED] += 1
        else:
            out = placeholder(source.width, source.height)
            self.outcomes[Outcome.PLACEHOLDER] += 1
        stamp(out, source)
        if self._on_matte:
            self._on_matte(np.zeros((source.height, source.width), np.uint8))
        return FilteredFrame(out, safe=True)
