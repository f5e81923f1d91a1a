"""The governor: what to give up, and when, so that frames are never late.

Overload feeds itself: a dropped frame makes the next one dearer to encode. So the governor acts on the time that
frames wait for a worker, before any is dropped, and gives up the cheapest thing first. Pure logic; time is passed in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from server.media.retry_interval import Patience


class Level(NamedTuple):
    """What everybody gets: pictures a second, bit/s at most, pictures per run of the network, or nothing but blur."""

    frame_rate: int
    bitrate: int
    network_interval: int = 1
    full_blur: bool = False


LEVELS = (
    Level(30, 1_500_000),
    Level(30, 600_000, 2),
    Level(30, 400_000, 3),
    Level(30, 250_000, 4),
    Level(24, 250_000, 3),
    Level(20, 250_000, 3),
    Level(15, 250_000, 2),
    Level(10, 250_000, 2),
    Level(10, 250_000, full_blur=True),
)
"""In the units of Level. Chosen: bits and the network first, then frames; at last everything is blurred."""

COST = (1.0, 0.83, 0.72, 0.66, 0.55, 0.47, 0.4, 0.28, 0.18)
"""Work at each level relative to level 0, roughly; used only to guess whether the level above would fit."""

URGENT_DELAY = 0.1  # seconds, with which two looks are enough to be sure, and not three
UNBEARABLE_DELAY = 0.25  # seconds; only then is everything covered
MAX_UTILISATION = 0.92  # share of the workers' time
COMFORT = 0.85  # utilisation to expect at the level above before going back there
PATIENCE = 3.0  # seconds of comfort before going back
FULL_BLUR = 10.0  # the same under a cover: people who come and go are worse than a blur that stays
SETTLING = 3.0  # seconds after a join, in which keyframes and first pictures are no lasting load
PAUSE = 1.0  # seconds between two steps down, so that each can show its effect
LONGEST_BURST = 0.5  # seconds that frames may have been held back


class Pace:
    """When a camera's frames would have come over an even network.

    A lost packet holds frames back, and its repair releases them all at once: they wait for each other then, and
    that must not be taken for overload.
    """

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._last: tuple[int, float] | None = None

    def smooth(self, timestamp: int, arrival: float) -> float:
        """Return `arrival` (seconds), or later: frames of a burst come at twice the rate of their timestamps."""
        even = arrival
        if self._last is not None:
            then, before = self._last
            even = max(arrival, before + (timestamp - then) / self._clock_rate / 2)
        even = min(even, arrival + LONGEST_BURST)
        self._last = (timestamp, even)
        return even


class LoadMeter:
    """Collects what the workers did between two looks."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._busy = 0.0
        self._waits: list[float] = []
        self._since: float | None = None

    def note(self, *, wait: float | None, busy: float) -> None:
        """Count a frame that waited and then kept a worker busy so long, in seconds; a wait of None does not count."""
        if wait is not None:
            self._waits.append(wait)
        self._busy += busy

    def read(self, now: float) -> tuple[float, float]:
        """Return utilisation in [0, 1] and the 90th percentile of the waits in seconds, since the last call."""
        elapsed = now - self._since if self._since is not None else 0.0
        busy, waits = self._busy, self._waits
        self._busy, self._waits, self._since = 0.0, [], now
        if elapsed <= 0 or not waits:
            return 0.0, 0.0
        return min(1.0, busy / elapsed / self.workers), float(np.percentile(waits, 90))


class Governor:
    """Steps down under lasting pressure and up again after a while of comfort; longer after each failed return."""

    def __init__(self) -> None:
        self._index = 0
        self._stepped = float("-inf")
        self._pressed = 0
        self._settling_until = float("-inf")
        self._comfortable_since: float | None = None
        self._patience = Patience(PATIENCE)

    @property
    def level(self) -> Level:
        """What everybody gets now."""
        return LEVELS[self._index]

    @property
    def overloaded(self) -> bool:
        """Tell whether anything is given up."""
        return self._index > 0

    def settle(self, now: float) -> None:
        """Somebody has joined: for a moment, only delays that nobody could bear count."""
        self._settling_until = now + SETTLING

    def pressed(self, utilisation: float, delay: float) -> bool:
        """Tell whether the workers have more to do than they can; see `observe`."""
        # A frame may wait until the next one comes.
        return delay > 1 / self.level.frame_rate or utilisation > MAX_UTILISATION

    def observe(self, now: float, *, utilisation: float, delay: float) -> Level:
        """Take what was measured since the last call; return what to do from now on.

        `now` in seconds; `utilisation` of the workers in [0, 1]; `delay` in seconds, 90th percentile of the time
        that frames waited for a worker.
        """
        pressed = self.pressed(utilisation, delay)
        if now < self._settling_until:
            pressed = delay > UNBEARABLE_DELAY
        self._pressed = self._pressed + 1 if pressed else 0
        if self._pressed:
            self._comfortable_since = None
            # A burst of keyframes, or another program's busy second, is no overload.
            enough = 2 if delay > URGENT_DELAY else 3
            if self._pressed >= enough and now - self._stepped >= PAUSE and self._may_step_down(delay):
                self._step_down(now, 2 if delay > UNBEARABLE_DELAY else 1)
        elif self._index and utilisation * COST[self._index - 1] / COST[self._index] < COMFORT:
            if self._comfortable_since is None:
                self._comfortable_since = now
            elif now - self._comfortable_since >= self._wait:
                self._step_up(now)
        else:
            self._comfortable_since = None
        return self.level

    def _may_step_down(self, delay: float) -> bool:
        if self._index < len(LEVELS) - 2:
            return True
        return self._index < len(LEVELS) - 1 and delay > UNBEARABLE_DELAY

    @property
    def _wait(self) -> float:
        return max(self._patience.seconds, FULL_BLUR) if self.level.full_blur else self._patience.seconds

    def _step_down(self, now: float, levels: int) -> None:
        """Go down by so many levels, but to the last one by itself."""
        self._patience.down(now)
        self._index = min(self._index + levels, max(self._index + 1, len(LEVELS) - 2))
        self._stepped = now

    def _step_up(self, now: float) -> None:
        self._index -= 1
        self._stepped = now
        self._patience.up(now)
        self._comfortable_since = None
