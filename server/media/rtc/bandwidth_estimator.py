"""What the way to a peer carries, from transport-wide feedback. Pure: time is passed in.

A bottleneck shows as packets that wait in its queue, and as long as there are such packets they leave it at exactly its
rate. So the estimate comes down on packets that arrive late one after the other, to the rate at which they arrive;
packets that a stall has held back arrive all at once, and don't count. It goes up while nothing waits, up to 1.5 times
what arrives, as libwebrtc's does, since what isn't used is not known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple

from .clocks import Unwrapper
from .transport_cc import REFERENCE, Feedback

LOG_SIZE = 4096
"""Packets whose feedback is waited for; a power of two."""
LATE = 0.04
"""Seconds of delay above the usual from which on a packet has waited in a queue; chosen."""
IDLE = 0.02
"""Seconds of delay above the usual up to which nothing waits; chosen."""
SHORTEST_TRAIN, LONGEST_TRAIN = 0.06, 0.5
"""Seconds of late packets that a rate is measured over: at least two pictures at 30 a second; chosen."""
DECREASE = 0.85
"""Share of the rate that the bottleneck turned out to have, as in libwebrtc; the rest empties its queue."""
DRAIN = 0.5
"""Seconds after which a queue must have become shorter, or the estimate comes down again; chosen."""
SHORTER = 0.8  # times the wait before, below which a queue has become shorter; chosen
LOWEST = 100_000  # bit/s; chosen
GROWTH = 0.3
"""Share of the estimate by which it goes up in a second; chosen."""
NO_LIMIT = 10_000_000
"""bit/s, the estimate where no limit shows; chosen."""
MEMORY = 30.0
"""Seconds for which a limit that has shown is remembered; chosen."""
HEADROOM = 1.5
"""Times what arrives, up to which the estimate goes up; as in libwebrtc."""
MAX_LOSS = 0.2
"""Share of packets lost from which on the way is full even if nothing waits; less is repaired; chosen."""
FEWEST_HOLES = 5  # losses with an arrival before each; chosen: fewer may be chance
RATE_WINDOW = 1.0  # seconds over which rate and loss are measured; chosen
USUAL_WINDOW = 10  # seconds, of which the best tells what delay is usual; chosen


class PacketResult(NamedTuple):
    """What became of one packet. Times in seconds; `arrival` by the peer's clock, None when it was lost."""

    sent: float
    size: int
    arrival: float | None


class _Arrival(NamedTuple):
    """When a packet of so many bytes came, and for how many seconds it had waited."""

    time: float
    size: int
    wait: float


@dataclass(slots=True)
class _Second:
    """The delays in one second of time."""

    number: int
    total: float = 0.0
    count: int = 0


class SentLog:
    """Numbers packets, and knows them again when the peer tells of them."""

    def __init__(self) -> None:
        self._next = 0
        self._total = self._told = 0
        self._sent: list[tuple[int, float, int, int]] = [(-1, 0.0, 0, 0)] * LOG_SIZE
        self._reference = Unwrapper(24)

    def add(self, size: int, now: float) -> int:
        """Return the transport-wide sequence number (16 bits) of a packet of `size` bytes sent at `now` seconds."""
        number = self._next
        self._next = (number + 1) & 0xFFFF
        self._total += size
        self._sent[number % LOG_SIZE] = number, now, size, self._total
        return number

    @property
    def in_flight(self) -> int:
        """How many bytes were sent after the latest packet that the peer has told of."""
        return self._total - self._told

    def take(self, feedback: Feedback) -> list[PacketResult]:
        """Return what a feedback packet tells of packets that are known, each arrival once."""
        start = self._reference(feedback.reference) * REFERENCE
        reports = []
        for number, arrival in enumerate(feedback.arrivals, feedback.base):
            known, sent, size, total = self._sent[number % LOG_SIZE]
            if known != number & 0xFFFF:
                continue
            self._told = max(self._told, total)
            if arrival is None:
                reports.append(PacketResult(sent, size, None))
            else:
                self._sent[number % LOG_SIZE] = -1, 0.0, 0, 0
                reports.append(PacketResult(sent, size, (start + arrival) * 1e-6))
        return reports


class BandwidthEstimator:
    """The estimate for one transport."""

    def __init__(self) -> None:
        self.bitrate: int | None = None
        """bit/s; None until there is feedback."""
        # As long as the log, whatever times a peer makes up.
        self._arrived: deque[_Arrival] = deque(maxlen=LOG_SIZE)
        self._train: deque[_Arrival] = deque(maxlen=LOG_SIZE)
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=LOG_SIZE)
        self._seconds: deque[_Second] = deque()
        self._updated: float | None = None
        self._limited = self._lowered = float("-inf")
        self._wait = 0.0

    def update(self, reports: Sequence[PacketResult], now: float) -> bool:
        """Take what a peer reports at `now` seconds; return whether the estimate has come down."""
        arrived = sorted((r.arrival, r.arrival - r.sent, r.size) for r in reports if r.arrival is not None)
        self._outcomes.extend((now, report.arrival is None) for report in reports)
        while self._outcomes and now - self._outcomes[0][0] > RATE_WINDOW:
            self._outcomes.popleft()
        if not arrived:
            return False
        delays = [delay for _, delay, _ in arrived]
        usual = self._usual(delays, now)
        wait = min(delays) - usual
        for arrival, delay, size in arrived:
            came = _Arrival(arrival, size, delay - usual)
            self._arrived.append(came)
            self._couple(came)
        elapsed = 0.0 if self._updated is None else now - self._updated
        self._updated = now
        limit = self._limit()
        if limit is not None:
            return self._lower(limit, wait, now)
        if wait < IDLE:
            self._raise(elapsed, now)
        return False

    def _couple(self, came: _Arrival) -> None:
        """Add a packet to the train of those that were sent while the one before still waited, or end it."""
        if came.wait < LATE or (self._train and came.time - self._train[-1].time > came.wait):
            self._train.clear()
        if came.wait >= LATE:
            self._train.append(came)

    def _usual(self, delays: Sequence[float], now: float) -> float:
        """Return the mean delay in the best second of late, clocks' difference included; jitter is in it."""
        second, known = int(now), self._seconds
        if not known or known[-1].number != second:
            known.append(_Second(second))
        known[-1].total += sum(delays)
        known[-1].count += len(delays)
        while known[0].number <= second - USUAL_WINDOW:
            known.popleft()
        means = [s.total / s.count for s in known]
        return min(means[:-1] or means)

    def _limit(self) -> int | None:
        """Return the rate of the bottleneck in bit/s, None when none shows."""
        train = _latest(self._train, LONGEST_TRAIN)
        if len(train) > 1 and train[-1].time - train[0].time >= SHORTEST_TRAIN:
            # While a queue gets shorter it lets others through besides, which are not known here: sound.
            shorter = train[-1].wait < SHORTER * max(packet.wait for packet in train)
            return None if shorter else _rate(train)
        if not self._loses():
            return None
        self._outcomes.clear()
        return self._rate()

    def _loses(self) -> bool:
        """Tell whether much is lost here and there; all of it at once is an outage."""
        outcomes = [lost for _, lost in self._outcomes]
        if sum(outcomes) < max(FEWEST_HOLES, MAX_LOSS * len(outcomes)):
            return False
        return sum(after and not before for before, after in pairwise(outcomes)) >= FEWEST_HOLES

    def _rate(self) -> int | None:
        """Return what has arrived in the last second, in bit/s."""
        recent = _latest(self._arrived, RATE_WINDOW)
        return _rate(recent) if recent[-1].time - recent[0].time > RATE_WINDOW / 2 else None

    def _lower(self, limit: int, wait: float, now: float) -> bool:
        self._limited = now
        lowered = round(DECREASE * limit)
        if self.bitrate is not None and self.bitrate <= lowered:
            if now - self._lowered < DRAIN:
                return False
            drains, self._lowered, self._wait = wait < SHORTER * self._wait, now, wait
            if drains:
                return False
            lowered = round(DECREASE * self.bitrate)
        self.bitrate, self._lowered, self._wait = max(LOWEST, lowered), now, wait
        return True

    def _raise(self, elapsed: float, now: float) -> None:
        if now - self._limited > MEMORY:
            self.bitrate = NO_LIMIT
            return
        rate, before = self._rate(), self.bitrate
        if rate is not None and before is not None:
            self.bitrate = max(before, min(round(HEADROOM * rate), round(before * (1 + GROWTH * elapsed))))


def _latest(arrivals: deque[_Arrival], seconds: float) -> deque[_Arrival]:
    """Forget all but the latest arrivals; one older one stays, so that they span the time."""
    while len(arrivals) > 2 and arrivals[-1].time - arrivals[1].time >= seconds:
        arrivals.popleft()
    return arrivals


def _rate(arrivals: deque[_Arrival]) -> int:
    """Return bit/s: what came after the first, in the time that it took."""
    size = sum(arrival.size for arrival in islice(arrivals, 1, None))
    return round(8 * size / (arrivals[-1].time - arrivals[0].time))
