"""The governor against a model of a machine whose load depends on the level."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from server.media.governor import COST, FULL_BLUR, LEVELS, LONGEST_BURST, Governor, Pace


def simulate(governor: Governor, demand: Callable[[float], float], seconds: float) -> list[int]:
    """Return the level's index at every half second; demand(t) is the utilisation at level 0."""
    levels = []
    for step in range(round(seconds * 2)):
        now = step / 2
        index = LEVELS.index(governor.level)
        load = demand(now) * COST[index]
        governor.observe(now, utilisation=min(1.0, load), delay=0.005 if load < 0.9 else 0.1 * load)
        levels.append(LEVELS.index(governor.level))
    return levels


def test_nothing_is_given_up_without_need() -> None:
    governor = Governor()
    assert set(simulate(governor, lambda _: 0.8, 60)) == {0}
    assert not governor.overloaded


def test_it_steps_down_until_the_load_fits_and_stays_there() -> None:
    levels = simulate(Governor(), lambda _: 1.6, 120)
    assert levels[20] >= 4
    settled = levels[40:]
    assert max(settled) - min(settled) <= 1
    changes = sum(a != b for a, b in pairwise(settled))
    assert changes <= 6


def test_it_recovers_by_itself() -> None:
    levels = simulate(Governor(), lambda t: 1.5 if t < 20 else 0.4, 80)
    assert max(levels[:40]) >= 3
    assert levels[-1] == 0


def test_the_last_resort_is_a_cover_and_never_more() -> None:
    governor = Governor()
    simulate(governor, lambda _: 100.0, 60)
    assert governor.level.full_blur
    assert governor.level is LEVELS[-1]


def test_far_too_much_is_met_by_two_levels_at_a_time_but_never_past_the_last_one_with_people() -> None:
    governor, levels = Governor(), list[int]()
    for step in range(24):
        levels.append(LEVELS.index(governor.observe(step / 2, utilisation=1.0, delay=0.4)))
    steps = sorted(set(levels))
    assert steps == [0, 2, 4, 6, 7, 8]
    assert levels.index(6) <= 6


def test_a_frame_may_wait_until_the_next_one_comes() -> None:
    governor = Governor()
    rates = [governor.observe(step / 2, utilisation=0.6, delay=0.045).frame_rate for step in range(60)]
    assert rates[0] == 30
    assert min(rates) == 20


def test_a_cover_is_not_taken_off_for_a_moment() -> None:
    governor = Governor()
    simulate(governor, lambda _: 100.0, 60)
    levels = []
    for step in range(120, 160):
        governor.observe(step / 2, utilisation=0.1, delay=0.0)
        levels.append(governor.level.full_blur)
    assert levels.index(False) >= 2 * FULL_BLUR


def test_the_frame_rate_falls_before_the_network_is_given_up() -> None:
    rates = [level.frame_rate for level in LEVELS]
    assert rates == sorted(rates, reverse=True)
    assert [level.full_blur for level in LEVELS] == [False] * 8 + [True]
    assert list(COST) == sorted(COST, reverse=True)


def test_frames_that_a_repair_releases_together_are_expected_one_after_the_other() -> None:
    pace = Pace(90_000)
    assert pace.smooth(0, 10.0) == 10.0
    burst = [pace.smooth(3_000 * i, 10.2) for i in range(1, 7)]
    assert burst == pytest.approx([10.2 + i / 60 for i in range(6)])
    regular = [pace.smooth(3_000 * i, 10.2 + (i - 6) / 30) for i in range(7, 20)]
    assert regular[-1] == 10.2 + 13 / 30


def test_frames_at_their_own_pace_are_expected_when_they_come() -> None:
    pace = Pace(90_000)
    assert [pace.smooth(3_000 * i, i / 30) for i in range(100)] == [i / 30 for i in range(100)]


def test_timestamps_from_the_future_hide_no_overload() -> None:
    pace = Pace(90_000)
    assert pace.smooth(0, 1.0) == 1.0
    assert pace.smooth(1 << 40, 1.1) == 1.1 + LONGEST_BURST


def test_the_rush_of_a_join_is_no_overload() -> None:
    governor = Governor()
    governor.settle(0.0)
    for step in range(6):
        governor.observe(step / 2, utilisation=1.0, delay=0.1)
    assert not governor.overloaded
    for step in range(6, 12):
        governor.observe(step / 2, utilisation=1.0, delay=0.1)
    assert governor.overloaded


def test_unbearable_delays_count_even_then() -> None:
    governor = Governor()
    governor.settle(0.0)
    for step in range(6):
        governor.observe(step / 2, utilisation=1.0, delay=0.5)
    assert governor.overloaded
