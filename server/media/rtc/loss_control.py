"""Lowers a sender's bitrate while many of its packets get lost. Pure: counters in, a limit out.

Google congestion control keeps its rate at 10 % of loss and lowers it slowly above that
(draft-ietf-rmcat-gcc-02 section 6), while each packet more is one more chance of a hole.
"""

from __future__ import annotations

from .receive_buffer import BufferCounters

HIGH_LOSS = 0.08  # share of packets above which the limit falls; chosen below the 10 % of the draft
LOW_LOSS = 0.04  # share of packets below which the limit rises; between the two it stays; chosen
DECREASE = 0.8  # times the rate that arrives, in each INTERVAL; chosen
INCREASE = 1.25  # times the limit, in each INTERVAL: undoes one DECREASE
MIN_LIMIT = 300_000  # bit/s; chosen: half of DEFAULT_BITRATE of the encoder
NO_LIMIT = 10_000_000  # bit/s: more than clients are asked to send; chosen
INTERVAL = 1.0  # seconds; chosen
MIN_PACKETS = 20
"""Packets; fewer say nothing about the loss. Chosen."""


class LossControl:
    """The limit that one sender is given, in bit/s; NO_LIMIT while all is well."""

    def __init__(self, counters: BufferCounters) -> None:
        self.limit = self.ceiling = NO_LIMIT
        """`ceiling` is what the sender is asked for at most, loss or not; `told` what it was told last."""
        self.told = NO_LIMIT
        self._counters = counters
        self._begin(0.0)

    def _begin(self, now: float) -> None:
        self._since = now
        self._lost = self._counters.repaired + self._counters.lost
        self._received = self._counters.packets - self._counters.repaired
        self._bytes = self._counters.bytes

    def update(self, now: float) -> int | None:
        """Return what to tell the sender, at most once a second; None when there is nothing to tell.

        A limit is repeated as long as there is one, since a message may get lost, and lifted at the end.
        """
        elapsed = now - self._since
        lost = self._counters.repaired + self._counters.lost - self._lost
        expected = self._counters.packets - self._counters.repaired - self._received + lost
        if elapsed < INTERVAL or expected < MIN_PACKETS:
            return None
        before = self.told
        if lost > HIGH_LOSS * expected:
            bitrate = 8 * (self._counters.bytes - self._bytes) / elapsed
            self.limit = max(MIN_LIMIT, int(min(self.limit, bitrate) * DECREASE))
        elif lost < LOW_LOSS * expected:
            self.limit = min(NO_LIMIT, int(self.limit * INCREASE))
        self._begin(now)
        self.told = min(self.limit, self.ceiling)
        return None if before == self.told == NO_LIMIT else self.told
