"""The lines of the bad network, without the network."""

from __future__ import annotations

from itertools import groupby

import pytest

from benchmarks.impairment import HELD_BACK, Impairment, Line


def through(line: Line, count: int, interval: float = 0.01, size: int = 1000) -> list[tuple[int, float]]:
    """Send numbered packets; return which came when, in order."""
    came = []
    for i in range(count):
        line.put(i.to_bytes(4, "big") * (size // 4), i * interval)
    while (due := line.next_due) is not None:
        came += [(int.from_bytes(packet[:4], "big"), due) for packet in line.take(due)]
    return came


def test_a_good_line_only_delays() -> None:
    came = through(Line(Impairment(delay=0.05)), 10)
    assert [number for number, _ in came] == list(range(10))
    assert [at for _, at in came] == pytest.approx([i * 0.01 + 0.05 for i in range(10)])


def test_jitter_keeps_the_order() -> None:
    came = through(Line(Impairment(delay=0.05, jitter=0.03)), 500)
    assert [number for number, _ in came] == list(range(500))
    late = [at - 0.01 * number for number, at in came]
    assert min(late) >= 0.02 - 1e-9
    assert max(late) <= 0.08 + 1e-9
    assert max(late) - min(late) > 0.03


@pytest.mark.parametrize("burst", [1.0, 4.0])
@pytest.mark.slow
def test_loss_has_its_share_and_its_bursts(burst: float) -> None:
    came = {number for number, _ in through(Line(Impairment(loss=0.05, burst=burst)), 20_000)}
    runs = [len(list(run)) for lost, run in groupby(range(20_000), lambda i: i not in came) if lost]
    assert sum(runs) / 20_000 == pytest.approx(0.05, rel=0.2)
    assert sum(runs) / len(runs) == pytest.approx(burst, rel=0.2)


def test_held_back_packets_are_overtaken() -> None:
    came = through(Line(Impairment(reorder=0.1)), 1000)
    late = [number for number, at in came if at == pytest.approx(number * 0.01 + HELD_BACK)]
    assert 50 < len(late) < 150
    assert sorted(number for number, _ in came) == list(range(1000))
    assert [number for number, _ in came] != list(range(1000))


def test_duplicates_come_twice() -> None:
    came = through(Line(Impairment(duplicate=1.0)), 10)
    assert [number for number, _ in came] == [i for i in range(10) for _ in range(2)]


def test_a_rate_spaces_packets_and_drops_what_the_queue_does_not_hold() -> None:
    line = Line(Impairment(rate=80_000, queue=0.5))  # 1000 bytes take 0.1 s
    came = through(line, 20, interval=0.0)
    assert [at for _, at in came] == pytest.approx([0.1 * (i + 1) for i in range(6)])
    assert line.dropped == 14


def test_nothing_comes_through_a_blackout() -> None:
    line = Line(Impairment(loss=1.0))
    assert through(line, 10) == []
    line.impairment = Impairment()
    assert len(through(line, 10)) == 10
