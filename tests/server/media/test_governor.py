"""The governor on a simulated machine, whose cameras, event loop and neighbours share its cores."""

from __future__ import annotations

from itertools import pairwise
from statistics import mean

import pytest

from server.media.camera_request import CameraRequests
from server.media.governor import FULL, FULL_FRAME_RATE, QUALITIES, SHOW_AFTER, SHOW_FROM, Governor
from tests.support.simulated_machine import Moment, SimulatedMachine

WASTE = 0.1
"""Share of the cores that may be idle while anything is given up."""
EVEN = 0.8
"""Times of the mean frame rate that the worst may have."""
RIGHT_AFTER = 3.0  # seconds


def average(moments: list[Moment]) -> float:
    """Return the pictures a second of all cameras."""
    return mean(mean(moment.rates) for moment in moments)


def idle(moments: list[Moment]) -> float:
    return mean(moment.idle for moment in moments)


def expect_all_used(moments: list[Moment]) -> None:
    """Nothing much is idle, and nobody is worse off than others."""
    assert idle(moments) <= WASTE
    means = [mean(rates) for rates in zip(*(moment.rates for moment in moments), strict=True)]
    assert min(means) >= EVEN * mean(means)


def test_nothing_is_given_up_without_need() -> None:
    machine = SimulatedMachine(6)
    moments = machine.run(60)
    assert {moment.given_up for moment in moments} == {0}
    assert machine.governor.level == FULL


@pytest.mark.parametrize("cameras", [9, 11, 13, 16, 20])
def test_what_fits_is_set_within_three_seconds_and_held(cameras: int) -> None:
    machine = SimulatedMachine(cameras)
    machine.run(RIGHT_AFTER)
    moments = machine.run(60)
    assert moments[0].given_up > 0
    expect_all_used(moments)
    early, late = average(moments[:10]), average(moments[-20:])
    assert early == pytest.approx(late, rel=0.1)


def test_looks_and_bits_are_given_up_before_pictures() -> None:
    machine = SimulatedMachine(11)
    moments = machine.run(30)[6:]
    assert all(0 < moment.given_up < len(QUALITIES) for moment in moments)
    assert average(moments) > 29.5


@pytest.mark.slow
def test_frame_rates_are_what_fits_and_no_steps() -> None:
    rates = []
    for cameras in (15, 16, 17, 18, 20):
        machine = SimulatedMachine(cameras)
        machine.run(10)
        rates.append(average(machine.run(10)))
    assert all(before > after + 0.3 for before, after in pairwise(rates))


def test_a_neighbour_costs_what_it_takes_and_no_more() -> None:
    machine = SimulatedMachine(10)
    machine.run(10)
    before = average(machine.run(5))
    machine.others = lambda now: 0.75
    machine.run(RIGHT_AFTER)
    expect_all_used(disturbed := machine.run(2))
    assert average(disturbed) > 15
    machine.others = lambda now: 0.1
    machine.run(RIGHT_AFTER)
    after = machine.run(5)
    assert average(after) == pytest.approx(before, rel=0.03)


def test_a_join_storm_is_over_after_three_seconds() -> None:
    machine = SimulatedMachine(2)
    machine.run(5)
    for camera in SimulatedMachine(6).cameras:
        machine.cameras.append(camera)
    machine.loop = 0.9  # handshakes
    machine.run(2)
    machine.loop = 0.24
    machine.run(RIGHT_AFTER)
    assert average(machine.run(10)) > 29.5


def test_heavier_cameras_give_up_first() -> None:
    machine = SimulatedMachine(10, noise=0.02)
    hog = machine.cameras[1]
    hog.rest, hog.encode, hog.decode, hog.pixels = 8e-3, 8e-3, 2e-3, 1280 * 720
    machine.run(RIGHT_AFTER)
    moments = machine.run(20)
    assert idle(moments) <= WASTE
    rates = [mean(rates) for rates in zip(*(moment.rates for moment in moments), strict=True)]
    assert 5 < rates.pop(1) < 29
    assert min(rates) > 29.5
    assert machine.governor.held_back("1")
    assert machine.governor.heavy("1")
    assert not machine.governor.held_back("0")


def test_many_heavy_cameras_take_nothing_from_the_few_others() -> None:
    machine = SimulatedMachine(14, noise=0.02)
    for hog in machine.cameras[2:]:
        hog.rest, hog.encode, hog.decode, hog.pixels = 9e-3, 8e-3, 1e-3, 1920 * 1080
    machine.run(5)
    moments = machine.run(20)
    rates = [mean(rates) for rates in zip(*(moment.rates for moment in moments), strict=True)]
    assert min(rates[:2]) > 3 * max(rates[2:])


def test_cameras_that_are_alike_are_not_singled_out() -> None:
    machine = SimulatedMachine(16)
    for i, camera in enumerate(machine.cameras):
        camera.rest *= 0.85 + 0.02 * i
    machine.run(30)
    assert not any(machine.governor.held_back(str(i)) for i in range(16))


def test_a_worker_that_is_lost_takes_frames_along_and_brings_them_back() -> None:
    machine = SimulatedMachine(10)
    machine.run(10)
    before = average(machine.run(5))
    for camera in machine.cameras:
        camera.worker = 0
    machine.workers = {0: 1.0}
    machine.run(RIGHT_AFTER)
    lost = machine.run(5)
    assert 0.6 * before < average(lost) < before
    assert min(min(moment.rates) for moment in lost) > 0.8 * average(lost)
    for i, camera in enumerate(machine.cameras):
        camera.worker = i % 2
    machine.workers = {0: 1.0, 1: 1.0}
    machine.run(RIGHT_AFTER)
    assert average(machine.run(5)) == pytest.approx(before, rel=0.03)


def test_more_cores_than_workers_are_of_no_use() -> None:
    machine = SimulatedMachine(24, cores=8.0, workers=2)
    machine.loop = 0.2
    machine.run(5)
    moments = machine.run(20)
    for worker in range(2):
        mine = [c for c in machine.cameras if c.worker == worker]
        assert len(mine) == 12
    assert max(machine._queues.values()) < 0.05
    assert 15 < average(moments) < 29


@pytest.mark.slow
def test_the_event_loop_may_be_what_is_full() -> None:
    machine = SimulatedMachine(40, cores=16.0, workers=16)
    machine.loop = 0.2
    for camera in machine.cameras:
        camera.send = 1.2e-3
    machine.run(5)
    moments = machine.run(20)
    assert 12 < average(moments) < 16
    assert machine.governor.given_up == len(QUALITIES)


@pytest.mark.slow
def test_it_does_not_oscillate_for_an_hour() -> None:
    machine = SimulatedMachine(5)
    for camera in machine.cameras:
        camera.rest, camera.encode, camera.send = 3.5e-3, 4e-3, 1.5e-3
    machine.run(30)
    moments = machine.run(3600)
    assert idle(moments) <= WASTE or machine.governor.given_up == 0
    qualities = [moment.given_up for moment in moments]
    assert min(qualities) > 0
    assert sum(a != b for a, b in pairwise(qualities)) <= 6
    rates = [mean(moment.rates) for moment in moments]
    assert min(rates) > 0.9 * mean(rates)


@pytest.mark.slow
def test_a_neighbour_that_comes_and_goes_is_followed() -> None:
    machine = SimulatedMachine(12)
    machine.others = lambda now: 0.1 + 0.65 * (now % 20 < 5)
    machine.run(40)
    moments = machine.run(200)
    assert idle([m for m in moments if m.time % 5 > RIGHT_AFTER]) <= WASTE
    assert average(moments) > 20


@pytest.mark.slow
def test_cameras_that_are_asked_for_less_leave_more_for_what_is_shown_and_come_back() -> None:
    deaf, obedient = SimulatedMachine(18), SimulatedMachine(18)
    for camera in obedient.cameras:
        camera.requests = CameraRequests()
    rates = []
    for machine in (deaf, obedient):
        machine.run(20)
        moments = machine.run(300)
        expect_all_used(moments)
        settled = [mean(moment.rates) for moment in moments]
        assert min(settled) > 0.85 * mean(settled)
        rates.append(mean(settled))
    assert rates[1] > 1.1 * rates[0], rates
    del obedient.cameras[4:]
    obedient.run(RIGHT_AFTER + 1)
    assert average(obedient.run(5)) > 29.5


@pytest.mark.slow
def test_who_joins_while_cameras_are_asked_for_less_upsets_nobody() -> None:
    machine = SimulatedMachine(13)
    for camera in machine.cameras:
        camera.requests = CameraRequests()
    machine.run(20)
    for camera in SimulatedMachine(2).cameras:
        camera.requests = CameraRequests()
        machine.cameras.append(camera)
    machine.run(RIGHT_AFTER)
    rates = [mean(moment.rates) for moment in machine.run(60)]
    assert min(rates) > 0.85 * mean(rates)


@pytest.mark.slow
@pytest.mark.parametrize(("rivals", "least"), [(1, 25.0), (2, 16.0)])
def test_beside_greedy_programs_it_has_what_the_scheduler_gives(rivals: int, least: float) -> None:
    """They take whatever is left idle, so that waiting for idle time would leave them everything."""
    machine = SimulatedMachine(8)
    machine.run(20)
    machine.rivals = lambda now: rivals
    machine.run(RIGHT_AFTER)
    early, moments = average(machine.run(5)), machine.run(3600)
    rates = [mean(moment.rates) for moment in moments]
    assert mean(rates) > least
    assert early == pytest.approx(mean(rates), rel=0.1)
    assert min(rates) > 0.8 * mean(rates)
    assert max(moment.given_up for moment in moments) <= len(QUALITIES)
    assert sum(a.given_up != b.given_up for a, b in pairwise(moments)) <= 6
    machine.rivals = lambda now: 0
    machine.run(RIGHT_AFTER)
    assert average(machine.run(5)) > 29.5


def test_greedy_programs_of_higher_priority_have_all_blurred_only_while_too_little_is_left() -> None:
    few, many = SimulatedMachine(6), SimulatedMachine(12)
    for machine in (few, many):
        machine.weight = 3.0
        machine.rivals = lambda now: 2
        machine.run(20)
    assert not few.governor.level.full_blur
    assert many.governor.level.full_blur
    many.rivals = lambda now: 0
    many.run(RIGHT_AFTER)
    assert not many.governor.level.full_blur


@pytest.mark.slow
def test_people_do_not_come_and_go_with_a_neighbour() -> None:
    machine = SimulatedMachine(12)
    machine.weight = 3.0
    machine.rivals = lambda now: 2 * (now % 20 < 10)
    blurred = [moment.given_up > len(QUALITIES) for moment in machine.run(600)]
    assert 1 <= sum(a != b for a, b in pairwise(blurred)) <= 9
    machine.rivals = lambda now: 0
    machine.run(60)
    assert not machine.governor.level.full_blur


@pytest.mark.parametrize(("cameras", "tells_waiting"), [(12, True), (10, False)])
def test_a_neighbour_that_takes_everything_leaves_what_is_ours(cameras: int, *, tells_waiting: bool) -> None:
    """Nothing is idle then, and yet more than nearly nothing can be had, even if the scheduler tells nothing."""
    machine = SimulatedMachine(cameras)
    machine.tells_waiting = tells_waiting
    machine.others, machine.greedy = (lambda now: 1.0), True
    machine.run(10)
    assert 5 < average(machine.run(5)) < 20


def test_it_goes_without_a_clock_of_idle_time() -> None:
    machine = SimulatedMachine(14)
    machine.tells_idle = False
    machine.run(20)
    moments = machine.run(40)
    assert average(moments) > 18
    assert mean(m.rates[0] for m in moments) > 18
    assert sorted(machine._queues.values())[0] < 0.08


@pytest.mark.slow
def test_the_last_resort_is_a_full_blur_and_never_more() -> None:
    machine = SimulatedMachine(80, noise=0.0)
    machine.loop = 0.3
    machine.run(20)
    assert machine.governor.level.full_blur
    assert machine.governor.given_up == len(QUALITIES) + 1
    assert machine.governor.level.frame_rate > 0


@pytest.mark.slow
def test_a_cover_is_not_taken_off_for_a_moment() -> None:
    machine = SimulatedMachine(80, noise=0.0)
    machine.loop = 0.3
    machine.run(20)
    assert machine.governor.level.full_blur
    del machine.cameras[16:]
    moments = machine.run(SHOW_AFTER - 1)
    assert machine.governor.level.full_blur
    machine.run(RIGHT_AFTER)
    assert not machine.governor.level.full_blur
    assert len(moments) > 0
    assert average(machine.run(5)) > SHOW_FROM


def test_nobody_there_is_nothing_to_govern() -> None:
    machine = SimulatedMachine(0)
    machine.run(10)
    assert machine.governor.level.frame_rate == FULL_FRAME_RATE
    assert Governor().level == FULL
