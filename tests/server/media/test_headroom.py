"""What cameras can have of the machine: what they use and what is idle, less where frames wait all the same."""

from __future__ import annotations

import pytest

from server.media.headroom import ENTITLED, LEAST_OURS, ROUNDS, TRIM, WAITING, WANTED, Headroom, MachineLoad


def load(idle: float | None = 0.5, delay: float = 0.0, attainable: float | None = None) -> MachineLoad:
    return MachineLoad(2.0, idle, 0.2, {0: 1.0, 1: 1.0}, delay, attainable)


def test_cameras_can_have_what_they_use_and_what_is_idle() -> None:
    most, _ = Headroom().observe(load(), used=1.0, sending=0.1)
    assert most.cores == 1.5


def test_the_most_of_late_tells_what_is_too_much_and_the_mean_what_more_there_is() -> None:
    headroom = Headroom()
    for idle in (0.5, 0.1, 0.3):
        most, ample = headroom.observe(load(idle), used=1.0, sending=0.1)
    assert (most.cores, ample.cores) == pytest.approx((1.5, 1.3))


def test_a_part_of_the_cores_is_ours_whatever_else_runs() -> None:
    most, _ = Headroom().observe(load(idle=0.0), used=0.1, sending=0.1)
    assert most.cores == pytest.approx(ENTITLED * 2.0 - 0.1)


def test_what_the_scheduler_gives_is_ours_less_what_a_worker_needs_to_spare() -> None:
    most, ample = Headroom().observe(load(idle=0.0, attainable=1.2), used=0.7, sending=0.1)
    assert most.cores == ample.cores == pytest.approx(WANTED * 1.2 + 0.1)
    assert most.without(0.1).cores == pytest.approx(most.cores - 0.1 * 1.3)


def test_what_is_idle_counts_where_it_is_more_than_the_scheduler_gave() -> None:
    most, _ = Headroom().observe(load(idle=0.5, attainable=1.0), used=0.7, sending=0.1)
    assert most.cores == pytest.approx(1.2)
    assert most.without(0.1).cores == pytest.approx(1.2 - 0.1 * 2.0)


def test_frames_that_wait_take_from_what_the_scheduler_gives() -> None:
    headroom = Headroom()
    for now in range(200):
        headroom.heed_waiting(now, load(idle=0.0, delay=2 * WAITING), fits=True)
    most, _ = headroom.observe(load(idle=0.0, attainable=1.0), used=0.3, sending=0.1)
    assert most.cores == pytest.approx(LEAST_OURS * WANTED + 0.1)


def test_where_nothing_tells_what_is_idle_frames_that_wait_do() -> None:
    headroom = Headroom()
    before, _ = headroom.observe(load(idle=None), used=1.0, sending=0.1)
    for now in range(ROUNDS + 1):
        headroom.heed_waiting(now, load(idle=None, delay=2 * WAITING), fits=True)
    assert before.cores == pytest.approx(1.8)
    _, after = headroom.observe(load(idle=None), used=1.0, sending=0.1)
    assert after.cores == pytest.approx(1.8 * TRIM)


def test_frames_that_wait_count_for_nothing_while_cores_are_idle() -> None:
    headroom = Headroom()
    for now in range(20):
        headroom.heed_waiting(now, load(idle=0.5, delay=2 * WAITING), fits=True)
    most, _ = headroom.observe(load(idle=0.0), used=0.1, sending=0.1)
    assert most.cores == pytest.approx(ENTITLED * 2.0 - 0.1)


def test_a_busy_neighbour_leaves_us_a_part_of_what_is_ours() -> None:
    headroom = Headroom()
    for now in range(200):
        headroom.heed_waiting(now, load(idle=0.0, delay=2 * WAITING), fits=True)
    most, _ = headroom.observe(load(idle=0.0), used=0.0, sending=0.2)
    assert most.cores == pytest.approx(ENTITLED * LEAST_OURS * 2.0)
