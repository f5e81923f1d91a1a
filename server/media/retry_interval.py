"""When to try again. Pure logic; time is passed in."""

from __future__ import annotations

LONGEST = 60.0  # seconds; chosen


class Patience:
    """How long all must be well before going up: after each attempt that failed twice as long as before."""

    def __init__(self, shortest: float, trial: float = 0.0) -> None:
        """Wait `shortest` seconds at first; what lasts for twice the wait, and for `trial` seconds, has not failed."""
        self.seconds = shortest
        self._shortest = shortest
        self._trial = trial
        self._went_up: float | None = None

    def up(self, now: float) -> None:
        """Note an attempt at `now` seconds; the one before has not failed."""
        if self._went_up is not None:
            self.seconds = self._shortest
        self._went_up = now

    def down(self, now: float) -> None:
        """Note that less has to do; an attempt that was not long ago has failed."""
        failed = self._went_up is not None and now - self._went_up < max(self._trial, 2 * self.seconds)
        self.seconds = min(LONGEST, 2 * self.seconds) if failed else self._shortest
        self._went_up = None
