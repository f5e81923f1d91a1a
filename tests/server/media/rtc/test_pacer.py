"""When pictures leave; times are simulated."""

from __future__ import annotations

import pytest

from server.media.rtc.pacer import LONGEST_DRAIN, SPEED, Pacer


def test_without_a_limit_everything_leaves_at_once() -> None:
    pacer = Pacer()
    assert [pacer.take(100_000, now) for now in (0.0, 0.0, 0.1)] == [0.0, 0.0, 0.1]
    assert pacer.wait(0.1) == 0
    assert not pacer.limited


def test_behind_a_limit_it_leaves_as_fast_as_the_line_carries_it() -> None:
    pacer = Pacer()
    pacer.limit(800_000, 0.0)
    assert pacer.limited
    dues = [pacer.take(10_000, 0.0) for _ in range(3)]
    assert dues == pytest.approx([0, 0.1 / SPEED, 0.2 / SPEED])
    assert pacer.wait(0.0) == pytest.approx(0.3 / SPEED)
    assert pacer.wait(1.0) == 0
    assert pacer.take(10_000, 1.0) == 1.0


def test_a_queue_is_empty_before_anything_else_leaves() -> None:
    pacer = Pacer()
    pacer.limit(800_000, 0.0, 20_000)
    assert pacer.take(1, 0.0) == pytest.approx(0.2 / SPEED)
    pacer.limit(800_000, 1.0, 1_000_000)  # most of it was lost
    assert pacer.take(1, 1.0) == pytest.approx(1 + LONGEST_DRAIN)


def test_what_waits_goes_when_the_limit_does() -> None:
    pacer = Pacer()
    pacer.limit(100_000, 0.0, 100_000)
    assert pacer.wait(0.0) > 0
    pacer.limit(None, 0.1)
    assert pacer.wait(0.1) == 0
    assert pacer.take(10_000, 0.1) == 0.1
