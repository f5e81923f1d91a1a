"""What the workers have to do: when frames were due, how long they waited, and for how long they kept workers busy.

Pure logic; time is passed in.
"""

from __future__ import annotations

import math
from typing import Final

LONGEST_BURST: Final = 0.5  # seconds that frames may have been held back


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
        return min(1.0, busy / elapsed / self.workers), sorted(waits)[math.ceil(0.9 * len(waits)) - 1]
