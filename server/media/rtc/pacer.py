"""When pictures leave for a peer whose line is known to be narrow: as fast as it carries them. Pure: time is passed in.

What is sent faster waits in the bottleneck's queue, and a queue that is full drops any packet, sound and base layers
too. So pictures wait here, where what is due less urgently can still be left out. Retransmissions don't wait, but are
counted. Sound is neither: it has no numbers in transport-wide feedback, so that the estimate is what it leaves.
"""

from __future__ import annotations

SPEED = 1.1
"""Times the estimate, which is below what the line was found to carry (DECREASE of the estimator); chosen."""
LONGEST_DRAIN = 0.3
"""Seconds that pictures wait for a queue to become empty: what was in flight may have been lost; chosen."""


class Pacer:
    """The virtual queue of one transport; without a limit everything leaves at once."""

    def __init__(self) -> None:
        self._rate: float | None = None
        self._free = float("-inf")

    @property
    def limited(self) -> bool:
        """Whether anything has to wait, or to be counted."""
        return self._rate is not None

    def limit(self, bitrate: int | None, now: float, in_flight: int = 0) -> None:
        """Send no faster than the estimate `bitrate` in bit/s allows from `now` on; None is no limit.

        `in_flight` bytes are in the line's queue, which is to be empty first.
        """
        self._rate = None if bitrate is None else SPEED * bitrate / 8
        if self._rate is not None:
            self._free = max(self._free, now + min(LONGEST_DRAIN, in_flight / self._rate))

    def wait(self, now: float) -> float:
        """Return for how many seconds a picture would wait."""
        return 0.0 if self._rate is None else max(0.0, self._free - now)

    def take(self, size: int, now: float) -> float:
        """Count `size` bytes; return when they leave if they are a picture's."""
        if self._rate is None:
            return now
        due = max(self._free, now)
        self._free = due + size / self._rate
        return due
