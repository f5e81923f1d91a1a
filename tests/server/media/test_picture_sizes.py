"""How large pictures are, on a simulated machine whose cameras obey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import mean

import pytest

from server.media.camera_costs import SMALL_PICTURE
from server.media.camera_request import CameraRequests, small_scale
from server.media.picture_sizes import LARGE_AFTER
from tests.support.simulated_machine import Moment, SimulatedCamera, SimulatedMachine

LARGE = 1280 * 720
SOON = 3.0  # seconds
AGAIN = 2 * LARGE_AFTER + 6.0  # seconds: twice as long after the first time that it did not last


def camera(room: str = "") -> SimulatedCamera:
    """Return a camera that costs what was measured."""
    return SimulatedCamera(
        decode=0.74e-3,
        look=2.8e-3,
        rest=1.7e-3,
        encode=1.1e-3,
        room=room,
        captures=LARGE,
        requests=CameraRequests(small_scale(1280, 720)),
    )


def machine(
    cameras: Sequence[SimulatedCamera], *, cores: float = 2.0, noise: float = 0.05
) -> SimulatedMachine:
    made = SimulatedMachine(0, cores, int(cores), noise=noise, large=LARGE)
    made.loop = 0.0
    for each in cameras:
        place(made, each)
    return made


def place(simulated: SimulatedMachine, each: SimulatedCamera) -> None:
    """Have a camera come, and with it what the event loop does besides sending."""
    each.worker = len(simulated.cameras) % len(simulated.workers)
    simulated.cameras.append(each)
    simulated.loop += 0.05


def join(simulated: SimulatedMachine, count: int, room: str = "") -> None:
    for _ in range(count):
        place(simulated, camera(room))


def leave(simulated: SimulatedMachine, count: int) -> None:
    del simulated.cameras[-count:]
    simulated.loop -= 0.05 * count


def all_are(size: int) -> Callable[[Moment], bool]:
    return lambda moment: all(abs(each - size) < 0.1 * size for each in moment.sizes)


def changes(moments: Sequence[Moment]) -> int:
    return sum(a.sizes != b.sizes for a, b in pairwise(moments))


@pytest.mark.parametrize("people", [1, 2, 3])
def test_a_few_people_are_large_after_a_few_seconds(people: int) -> None:
    simulated = machine([camera() for _ in range(people)])
    begin = simulated.run(LARGE_AFTER)
    assert all(map(all_are(SMALL_PICTURE), begin))
    simulated.run(AGAIN)
    moments = simulated.run(600)
    assert all(map(all_are(LARGE), moments))
    assert min(mean(m.rates) for m in moments) > 29


@pytest.mark.parametrize("come", [3, 4])
def test_more_people_make_all_small_within_three_seconds_and_large_again_when_they_leave(come: int) -> None:
    simulated = machine([camera() for _ in range(2)])
    simulated.run(30)
    assert all_are(LARGE)(simulated.run(1)[-1])
    join(simulated, come)
    assert all_are(SMALL_PICTURE)(simulated.run(SOON)[-1])
    assert all(map(all_are(SMALL_PICTURE), simulated.run(120)))
    leave(simulated, come)
    assert all_are(LARGE)(simulated.run(AGAIN)[-1])


def test_large_pictures_go_before_any_picture_does() -> None:
    simulated = machine([camera() for _ in range(3)])
    simulated.run(30)
    simulated.others = lambda now: 1.0
    moments = simulated.run(30)
    assert all_are(SMALL_PICTURE)(moments[-1])
    assert min(mean(m.rates) for m in moments[4:]) > 28
    simulated.others = lambda now: 0.1
    assert all_are(LARGE)(simulated.run(2 * AGAIN)[-1])


@pytest.mark.parametrize(("people", "dearer"), [(2, 1.3), (3, 1.0), (3, 1.3), (4, 0.9), (5, 1.0)])
def test_sizes_do_not_oscillate_for_an_hour(people: int, dearer: float) -> None:
    """Not even where large pictures cost more than is foretold, or less."""
    simulated = machine([camera() for _ in range(people)])
    for each in simulated.cameras:
        each.dearer = dearer
    simulated.run(120)
    assert changes(simulated.run(3600)) == 0


def test_what_large_pictures_cost_is_learned() -> None:
    simulated = machine([camera() for _ in range(3)])
    for each in simulated.cameras:
        each.dearer = 1.8
    simulated.run(300)
    assert changes(simulated.run(3600)) == 0


def test_a_neighbour_that_comes_and_goes_is_given_up_on() -> None:
    """After each time that large pictures had to be taken back, they wait for longer."""
    simulated = machine([camera() for _ in range(3)])
    simulated.others = lambda now: 0.1 + 0.9 * (now % 30 < 10)
    simulated.run(120)
    assert changes(simulated.run(600)) <= 2


def test_the_smallest_rooms_come_first_and_all_in_a_room_are_alike() -> None:
    simulated = machine([camera("crowd") for _ in range(5)])
    simulated.run(30)
    join(simulated, 1, "alone")
    moments = simulated.run(60)
    assert {size == SMALL_PICTURE for size in moments[-1].sizes[:5]} == {True}
    assert moments[-1].sizes[5] == LARGE


def test_a_machine_with_many_cores_stays_large_while_people_come() -> None:
    simulated = machine([camera() for _ in range(4)], cores=16.0)
    simulated.run(30)
    for _ in range(4):
        join(simulated, 1)
        assert all_are(LARGE)(Moment(0, [], 0, 0, simulated.run(0.5)[-1].sizes[:-1]))
        assert simulated.cameras[-1].pixels == SMALL_PICTURE
        assert all_are(LARGE)(simulated.run(AGAIN)[-1])


def test_a_join_storm_is_small() -> None:
    simulated = machine([])
    for _ in range(8):
        join(simulated, 1)
        assert all_are(SMALL_PICTURE)(simulated.run(0.5)[-1])
    assert mean(simulated.run(10)[-1].rates) > 29


def test_a_camera_that_can_not_be_asked_counts_as_it_is() -> None:
    simulated = machine([camera() for _ in range(3)])
    foreign = simulated.cameras[0]
    foreign.requests, foreign.pixels = None, LARGE
    moments = simulated.run(60)
    assert all_are(LARGE)(moments[-1])
    join(simulated, 3)
    simulated.run(SOON)
    assert {each.pixels for each in simulated.cameras[1:]} == {SMALL_PICTURE}
    assert foreign.pixels == LARGE


def test_a_phone_that_stays_small_leaves_room_for_others() -> None:
    simulated = machine([camera() for _ in range(3)])
    for phone in simulated.cameras[1:]:
        phone.captures = SMALL_PICTURE
        phone.requests = CameraRequests()
    moments = simulated.run(60)
    assert moments[-1].sizes == [LARGE, SMALL_PICTURE, SMALL_PICTURE]
    join(simulated, 1)
    assert simulated.run(60)[-1].sizes == [LARGE, SMALL_PICTURE, SMALL_PICTURE, LARGE]


def test_nothing_is_large_where_the_limits_are_small() -> None:
    simulated = SimulatedMachine(2)
    simulated.run(60)
    assert not simulated.governor.large("0")
