"""Attempts that fail are made less and less often."""

from __future__ import annotations

from server.media.retry_interval import LONGEST, Patience


def test_each_failed_attempt_doubles_the_wait() -> None:
    patience, waits = Patience(5.0), []
    for now in range(0, 1000, 100):
        patience.up(now)
        patience.down(now + 1)
        waits.append(patience.seconds)
    assert waits[:4] == [10, 20, 40, LONGEST]
    assert set(waits[4:]) == {LONGEST}


def test_an_attempt_that_lasted_has_not_failed() -> None:
    patience = Patience(5.0)
    patience.up(0)
    patience.down(1)
    patience.up(20)
    patience.down(41)
    assert patience.seconds == 5


def test_after_an_attempt_that_lasts_the_next_one_comes_soon() -> None:
    patience = Patience(5.0)
    patience.up(0)
    patience.down(1)
    assert patience.seconds == 10
    patience.up(20)
    assert patience.seconds == 10
    patience.up(30)
    assert patience.seconds == 5


def test_going_down_without_an_attempt_is_no_failure() -> None:
    patience = Patience(5.0)
    patience.down(0)
    patience.down(1)
    assert patience.seconds == 5
