"""How long to wait before something that has failed is tried again."""

from __future__ import annotations

import random


class Backoff:
    """Pauses that double up to a limit, each with jitter, so that many clients do not come back at once."""

    def __init__(self, first: float, longest: float) -> None:
        """Begin with `first` seconds; no pause is longer than `longest`."""
        self._first, self._longest = first, longest
        self._next = first

    def reset(self) -> None:
        """Begin anew, because it has worked."""
        self._next = self._first

    def pause(self, lasted: float = 0.0) -> float:
        """Return how many seconds to wait now: between half of the present pause and all of it.

        An attempt that has lasted longer than the longest pause, in seconds, has worked.
        """
        if lasted > self._longest:
            self.reset()
        pause, self._next = self._next, min(self._longest, 2 * self._next)
        return pause * random.uniform(0.5, 1.0)
