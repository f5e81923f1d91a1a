"""How good a participant's connection is, in one word, from what RTCP tells. Pure logic."""

from __future__ import annotations

from typing import Literal, NamedTuple

Quality = Literal["good", "fair", "poor"]

LOSS = (0.03, 0.10)  # share of packets: up to the first good, up to the second fair
ROUND_TRIP = (0.25, 0.60)  # seconds, likewise; chosen
EASE = 0.7  # of a threshold, below which a verdict gets better again
WEIGHT = 0.5  # of the newest measurement; chosen
GRADES: tuple[Quality, ...] = ("good", "fair", "poor")


class Link(NamedTuple):
    """One direction during the last interval: share of packets lost, round trip in seconds."""

    loss: float
    round_trip: float


class ConnectionQuality:
    """A verdict that follows the measurements, slowly enough not to flicker."""

    def __init__(self) -> None:
        self._link: Link | None = None
        self._grade = 0

    @property
    def verdict(self) -> Quality | None:
        """The word; None before any measurement."""
        return None if self._link is None else GRADES[self._grade]

    def update(self, *links: Link) -> Quality | None:
        """Take what is known about the directions, perhaps nothing; the worse one counts."""
        if not links:
            return self.verdict
        worst = Link(max(link.loss for link in links), max(link.round_trip for link in links))
        before = self._link or worst
        self._link = Link(*(old + (new - old) * WEIGHT for old, new in zip(before, worst, strict=True)))
        strict, lenient = self._graded(EASE), self._graded(1.0)
        # Between the thresholds of both directions the verdict stays.
        self._grade = min(max(self._grade, lenient), strict)
        return self.verdict

    def _graded(self, ease: float) -> int:
        assert self._link is not None
        loss = sum(self._link.loss > limit * ease for limit in LOSS)
        return max(loss, sum(self._link.round_trip > limit * ease for limit in ROUND_TRIP))


class LossCounter:
    """Turns growing totals into the share lost since the last call."""

    def __init__(self) -> None:
        self._lost = 0
        self._received = 0

    def update(self, lost: int, received: int) -> float:
        """Take totals of packets; return the share lost since the last call, 0 when nothing came.

        Totals that shrink are those of a new connection.
        """
        if lost < self._lost or received < self._received:
            self._lost = self._received = 0
        lost_now, received_now = lost - self._lost, received - self._received
        self._lost, self._received = lost, received
        expected = lost_now + received_now
        return lost_now / expected if expected else 0.0
