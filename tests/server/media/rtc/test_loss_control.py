"""The limit that loss puts on a sender."""

from __future__ import annotations

from server.media.rtc.loss_control import MIN_LIMIT, NO_LIMIT, LossControl
from server.media.rtc.receive_buffer import BufferCounters


class Sender:
    """Sends 100 packets a second, at a bitrate that follows the limit."""

    def __init__(self, bitrate: int) -> None:
        self.counters = BufferCounters()
        self.control = LossControl(self.counters)
        self.bitrate = bitrate
        self.now = 0.0

    def second(self, *, repaired: int = 0, lost: int = 0) -> int | None:
        self.now += 1.0
        self.counters.packets += 100 - lost
        self.counters.repaired += repaired
        self.counters.lost += lost
        self.counters.bytes += self.bitrate // 8
        limit = self.control.update(self.now)
        self.bitrate = min(self.bitrate, limit or NO_LIMIT)
        return limit


def test_little_loss_is_no_reason() -> None:
    sender = Sender(600_000)
    assert [sender.second(repaired=repaired) for repaired in (0, 3, 8)] == [None] * 3


def test_high_loss_lowers_the_rate_step_by_step_to_a_floor() -> None:
    sender = Sender(600_000)
    limits = [sender.second(repaired=8, lost=2) for _ in range(8)]
    assert limits[:3] == [480_000, 384_000, 307_200]
    assert limits[-1] == MIN_LIMIT


def test_a_limit_is_repeated_in_between_and_lifted_without_loss() -> None:
    sender = Sender(1_000_000)
    assert [sender.second(repaired=repaired) for repaired in (20, 6, 6)] == [800_000] * 3
    limits = [sender.second() for _ in range(40)]
    assert limits == sorted(limits, key=lambda limit: limit or NO_LIMIT + 1)
    assert 8 < limits.index(NO_LIMIT) < 15
    assert limits[-1] is None


def test_a_few_packets_say_nothing() -> None:
    sender = Sender(1_000_000)
    sender.counters.packets, sender.counters.repaired = 10, 5
    assert sender.control.update(5.0) is None


def test_a_ceiling_is_told_and_lifted_without_any_loss() -> None:
    counters = BufferCounters()
    control = LossControl(counters)
    told = []
    for second in range(1, 7):
        counters.packets += 100
        counters.bytes += 100_000
        control.ceiling = 400_000 if second in (2, 3) else NO_LIMIT
        told.append(control.update(float(second)))
    assert told == [None, 400_000, 400_000, NO_LIMIT, None, None]
