"""The estimate on links that are simulated: a rate, a queue, what else holds packets back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from server.media.rtc.bandwidth_estimator import (
    DECREASE,
    LOG_SIZE,
    LOWEST,
    MEMORY,
    NO_LIMIT,
    BandwidthEstimator,
    PacketResult,
    SentLog,
)
from server.media.rtc.transport_cc import ArrivalLog, read_feedback

SIZE = 1000
OFFSET = 1234.5
"""Seconds by which the peer's clock differs."""
FEEDBACK = 0.05
Rate = Callable[[float], float]


class Link:
    """A bottleneck of `capacity(t)` bit/s with a queue in seconds, and a peer that reports every 50 ms."""

    def __init__(self, capacity: Rate, *, queue: float = 0.3, loss: float = 0.0, delay: float = 0.02) -> None:
        self.estimator = BandwidthEstimator()
        self.estimates: list[tuple[float, int | None]] = []
        self.lowered: list[float] = []
        self._capacity, self._queue, self._loss, self._delay = capacity, queue, loss, delay
        self._random = random.Random(1)
        self._free = 0.0
        self._flying: list[PacketResult] = []
        self._reported = 0.0

    def run(
        self, rate: Rate, start: float, end: float, stall: Callable[[float], float] = lambda t: t
    ) -> None:
        """Send at `rate(t)` bit/s; `stall` says when a packet that would come at a time comes."""
        now = start
        while now < end:
            self._send(now, stall)
            now += SIZE * 8 / rate(now)
            while now - self._reported >= FEEDBACK:
                self._reported += FEEDBACK
                self._report(self._reported)

    def estimate(self, start: float, end: float) -> list[int]:
        """Return the estimates of a time."""
        return [bitrate for now, bitrate in self.estimates if start <= now < end and bitrate is not None]

    def _send(self, now: float, stall: Callable[[float], float]) -> None:
        if self._free - now > self._queue or self._random.random() < self._loss:
            self._flying.append(PacketResult(now, SIZE, None))
            return
        self._free = max(self._free, now) + SIZE * 8 / self._capacity(now)
        self._flying.append(PacketResult(now, SIZE, stall(self._free + self._delay) + OFFSET))

    def _report(self, now: float) -> None:
        seen = [r for r in self._flying if (r.arrival or r.sent + self._delay + OFFSET) < now + OFFSET]
        self._flying = [r for r in self._flying if r not in seen]
        if seen and self.estimator.update(seen, now):
            self.lowered.append(now)
        self.estimates.append((now, self.estimator.bitrate))


def test_where_no_limit_shows_there_is_none() -> None:
    link = Link(lambda t: 1e8)
    link.run(lambda t: 3e6, 0, 5)
    assert set(link.estimate(1, 5)) == {NO_LIMIT}
    assert link.lowered == []


@pytest.mark.parametrize("capacity", [600_000, 900_000, 1_500_000, 2_000_000])
def test_a_sudden_limit_is_found_within_a_quarter_of_a_second(capacity: int) -> None:
    link = Link(lambda t: 1e8 if t < 3 else capacity)
    link.run(lambda t: 3e6, 0, 3.3)
    assert 3 < link.lowered[0] < 3.25
    found = link.estimate(3.2, 3.3)[-1]
    assert 0.7 * DECREASE * capacity < found <= 1.05 * DECREASE * capacity


def test_a_queue_that_does_not_empty_lowers_it_again() -> None:
    link = Link(lambda t: 1e6)
    link.run(lambda t: 2e6, 0, 3)
    assert link.estimate(0.5, 3)[-1] < 0.6 * DECREASE * 1e6
    link.run(lambda t: 2e6, 3, 9)
    assert min(link.estimate(3, 9)) >= LOWEST


def test_what_comes_while_a_queue_gets_shorter_is_no_limit() -> None:
    """Little is sent then, and between it come others' packets, which are not known here."""

    def others(t: float) -> float:
        return t + max(0.0, 0.28 - 0.6 * (t - 3.7))

    link = Link(lambda t: 1e8 if t < 3 else 600_000)
    link.run(lambda t: 3e6, 0, 3.2)
    found = link.estimate(3.15, 3.3)[-1]
    link._capacity, link._free = lambda t: 1e8, 0.0
    link.run(lambda t: 100_000, 3.7, 4.3, stall=others)
    assert link.estimate(4.2, 4.3)[-1] > 0.9 * found


def test_it_follows_what_is_used_up_again_and_forgets_the_limit() -> None:
    link = Link(lambda t: 1e8 if not 2 < t < 4 else 1e6)
    link.run(lambda t: 2e6 if t < 2.2 else 700_000, 0, 20)
    after = link.estimate(5, 20)
    assert after == sorted(after)
    assert 1_000_000 < after[-1] < 1_150_000  # half as much again as what is sent
    link.run(lambda t: 700_000, 20, 4 + MEMORY)
    assert link.estimator.bitrate == NO_LIMIT


def test_stalls_of_the_peer_or_the_air_are_no_limit() -> None:
    def held(t: float) -> float:
        """Every half second nothing gets through for 150 ms, then all at once."""
        return t if t % 0.5 > 0.15 else t - t % 0.5 + 0.15

    link = Link(lambda t: 1e8)
    link.run(lambda t: 3e6, 0, 10, stall=held)
    assert link.lowered == []


@pytest.mark.parametrize("jitter", [0.03, 0.08])
def test_jitter_is_no_limit(jitter: float) -> None:
    chance, last = random.Random(2), 0.0

    def late(t: float) -> float:
        """In order, as most networks keep it: a late packet holds up the next ones."""
        nonlocal last
        last = max(last, t + chance.uniform(0, jitter))
        return last

    link = Link(lambda t: 1e8)
    link.run(lambda t: 1e6, 0, 20, stall=late)
    assert link.lowered == []
    assert link.estimator.bitrate == NO_LIMIT


def test_loss_that_can_be_repaired_is_no_limit_and_much_loss_is_one() -> None:
    link = Link(lambda t: 1e8, loss=0.1)
    link.run(lambda t: 2e6, 0, 5)
    assert link.lowered == []
    policed = Link(lambda t: 1e6, queue=0.01)
    policed.run(lambda t: 2e6, 0, 3)
    assert policed.lowered
    assert policed.estimate(2, 3)[-1] < 1.1e6


def test_an_outage_is_no_limit() -> None:
    link = Link(lambda t: 1e8)
    link.run(lambda t: 2e6, 0, 3)
    gone = Link(lambda t: 1e8, loss=1.0)
    gone.estimator, gone._reported = link.estimator, link._reported
    gone.run(lambda t: 2e6, 3, 5)
    link._reported = gone._reported
    link.run(lambda t: 2e6, 5, 8)
    assert link.lowered == gone.lowered == []
    assert link.estimator.bitrate == NO_LIMIT


def test_a_usual_delay_that_grows_is_learned() -> None:
    link = Link(lambda t: 1e8)
    link.run(lambda t: 1e6, 0, 60, stall=lambda t: t + 1e-3 * t)  # a clock 0.1 % off
    assert link.lowered == []


def test_a_peer_that_makes_up_times_costs_no_memory() -> None:
    estimator = BandwidthEstimator()
    for i in range(10_000):
        estimator.update(
            [PacketResult(i / 1000, SIZE, -i * 1e-6), PacketResult(i / 1000, SIZE, None)], i / 1000
        )
    kept = (estimator._arrived, estimator._train, estimator._outcomes, estimator._seconds)
    assert max(len(deque) for deque in kept) <= LOG_SIZE


def test_silence_and_a_single_packet_are_nothing_to_go_by() -> None:
    estimator = BandwidthEstimator()
    assert not estimator.update([], 0.0)
    assert estimator.bitrate is None
    assert not estimator.update([PacketResult(0.0, SIZE, None)], 0.1)
    assert not estimator.update([PacketResult(0.1, SIZE, 5.0)], 0.2)
    assert estimator.bitrate == NO_LIMIT


def numbers(log: SentLog, count: int) -> Iterator[int]:
    for i in range(count):
        yield log.add(100 + i % 50, i * 0.001)


def test_packets_are_known_again_across_the_wrap_and_once_only() -> None:
    log, arrivals = SentLog(), ArrivalLog(1)
    sent = list(numbers(log, 70_000))
    assert sent[65_536:65_539] == [0, 1, 2]
    for i in range(69_900, 70_000):
        if i != 69_950:
            arrivals.add(sent[i], 1_000_000 + i * 1000, 2)
    (packet,) = arrivals.feedback()
    feedback = read_feedback(packet)
    reports = log.take(feedback)
    assert [round(r.sent * 1000) for r in reports] == list(range(69_900, 70_000))
    assert [r.size for r in reports[:3]] == [100, 101, 102]
    assert [i for i, r in enumerate(reports) if r.arrival is None] == [50]
    times = [r.arrival for r in reports if r.arrival is not None]
    assert times[-1] - times[0] == pytest.approx(0.099, abs=3e-4)
    assert [r.arrival for r in log.take(feedback)] == [None]


def test_what_is_in_flight_was_sent_after_the_latest_packet_that_the_peer_tells_of() -> None:
    log, arrivals = SentLog(), ArrivalLog(1)
    sent = [log.add(100, i * 0.001) for i in range(10)]
    assert log.in_flight == 1000
    for i in (0, 1, 2, 4):
        arrivals.add(sent[i], 1_000_000 + i * 1000, 2)
    for packet in arrivals.feedback():
        log.take(read_feedback(packet))
    assert log.in_flight == 500


def test_what_was_never_sent_or_is_long_gone_is_not_reported() -> None:
    log, arrivals = SentLog(), ArrivalLog(1)
    list(numbers(log, LOG_SIZE + 10))
    for number in (*range(10), 60_000):
        arrivals.add(number, 1_000_000, 2)
    assert [r for packet in arrivals.feedback() for r in log.take(read_feedback(packet))] == []
