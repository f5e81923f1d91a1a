"""How large pictures are, on a simulated machine whose cameras obey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import mean

import pytest

from server.media.camera_costs import USUAL_PICTURE
from server.media.camera_request import CameraRequests
from server.media.picture_sizes import CROWD, CROWD_PICTURE, LARGER_AFTER
from tests.support.simulated_machine import Moment, SimulatedCamera, SimulatedMachine

LARGE = 1280 * 720
SOON = 3.0  # seconds
AGAIN = 2 * LARGER_AFTER + 6.0  # seconds: twice as long after the first time that it did not last


class Deaf(CameraRequests):
    """Of a program that takes messages and does nothing about them."""

    def update(self, *_: object, **__: object) -> bool:
        """Ask for what was asked for first."""
        return False


def camera(room: str = "") -> SimulatedCamera:
    """Return a camera that costs what was measured."""
    return SimulatedCamera(
        decode=0.74e-3,
        look=2.8e-3,
        rest=1.7e-3,
        encode=1.1e-3,
        room=room,
        captures=LARGE,
        requests=CameraRequests(LARGE),
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


@pytest.mark.slow
@pytest.mark.parametrize("people", [1, 2, 3])
def test_a_few_people_are_large_after_a_few_seconds(people: int) -> None:
    simulated = machine([camera() for _ in range(people)])
    begin = simulated.run(LARGER_AFTER)
    assert all(map(all_are(USUAL_PICTURE), begin))
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
    assert all_are(USUAL_PICTURE)(simulated.run(SOON)[-1])
    assert all(map(all_are(USUAL_PICTURE), simulated.run(120)))
    leave(simulated, come)
    assert all_are(LARGE)(simulated.run(AGAIN)[-1])


def test_large_pictures_go_before_any_picture_does() -> None:
    simulated = machine([camera() for _ in range(3)])
    simulated.run(30)
    simulated.others = lambda now: 1.0
    moments = simulated.run(30)
    assert all_are(USUAL_PICTURE)(moments[-1])
    assert min(mean(m.rates) for m in moments[4:]) > 28
    simulated.others = lambda now: 0.1
    assert all_are(LARGE)(simulated.run(2 * AGAIN)[-1])


@pytest.mark.slow
@pytest.mark.parametrize(("people", "dearer"), [(2, 1.3), (3, 1.0), (3, 1.3), (4, 0.9), (5, 1.0)])
def test_sizes_do_not_oscillate_for_an_hour(people: int, dearer: float) -> None:
    """Not even where large pictures cost more than is foretold, or less."""
    simulated = machine([camera() for _ in range(people)])
    for each in simulated.cameras:
        each.dearer = dearer
    simulated.run(120)
    assert changes(simulated.run(3600)) == 0


@pytest.mark.slow
def test_what_large_pictures_cost_is_learned() -> None:
    simulated = machine([camera() for _ in range(3)])
    for each in simulated.cameras:
        each.dearer = 1.8
    simulated.run(300)
    assert changes(simulated.run(3600)) == 0


@pytest.mark.slow
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
    assert {size == USUAL_PICTURE for size in moments[-1].sizes[:5]} == {True}
    assert moments[-1].sizes[5] == LARGE


@pytest.mark.slow
def test_a_machine_with_many_cores_stays_large_while_people_come() -> None:
    simulated = machine([camera() for _ in range(4)], cores=16.0)
    simulated.run(30)
    for _ in range(4):
        join(simulated, 1)
        assert all_are(LARGE)(Moment(0, [], 0, 0, simulated.run(0.5)[-1].sizes[:-1]))
        assert simulated.cameras[-1].pixels == USUAL_PICTURE
        assert all_are(LARGE)(simulated.run(AGAIN)[-1])


def test_a_join_storm_is_small() -> None:
    simulated = machine([])
    for _ in range(8):
        join(simulated, 1)
        assert all_are(USUAL_PICTURE)(simulated.run(0.5)[-1])
    assert mean(simulated.run(10)[-1].rates) > 29


def test_a_camera_that_can_not_be_asked_counts_as_it_is() -> None:
    simulated = machine([camera() for _ in range(3)])
    foreign = simulated.cameras[0]
    foreign.requests, foreign.pixels = None, LARGE
    moments = simulated.run(60)
    assert all_are(LARGE)(moments[-1])
    join(simulated, 3)
    simulated.run(SOON)
    assert {each.pixels for each in simulated.cameras[1:]} == {USUAL_PICTURE}
    assert foreign.pixels == LARGE


def test_a_phone_that_stays_small_leaves_room_for_others() -> None:
    simulated = machine([camera() for _ in range(3)])
    for phone in simulated.cameras[1:]:
        phone.captures = USUAL_PICTURE
        phone.requests = CameraRequests()
    moments = simulated.run(60)
    assert moments[-1].sizes == [LARGE, USUAL_PICTURE, USUAL_PICTURE]
    join(simulated, 1)
    assert simulated.run(60)[-1].sizes == [LARGE, USUAL_PICTURE, USUAL_PICTURE, LARGE]


def test_a_crowd_has_small_pictures_within_three_seconds_before_any_is_given_up() -> None:
    simulated = machine([camera() for _ in range(8)])
    simulated.run(30)
    join(simulated, 3)
    assert all_are(CROWD_PICTURE)(simulated.run(SOON)[-1])
    moments = simulated.run(60)
    assert all(map(all_are(CROWD_PICTURE), moments))
    assert mean(mean(m.rates) for m in moments) > 29


def test_what_is_left_of_a_crowd_has_usual_pictures_at_once() -> None:
    simulated = machine([camera() for _ in range(CROWD + 2)])
    assert all_are(CROWD_PICTURE)(simulated.run(30)[-1])
    leave(simulated, 3)
    simulated.run(SOON)
    assert all(map(all_are(USUAL_PICTURE), simulated.run(60)))


def test_a_crowd_has_usual_pictures_again_when_they_fit() -> None:
    simulated = machine([camera() for _ in range(CROWD)], cores=3.0)
    simulated.others = lambda now: 1.0
    assert all_are(CROWD_PICTURE)(simulated.run(30)[-1])
    simulated.others = lambda now: 0.1
    simulated.run(AGAIN)
    assert all(map(all_are(USUAL_PICTURE), simulated.run(60)))


@pytest.mark.slow
@pytest.mark.parametrize(("people", "dearer"), [(10, 0.8), (12, 1.3)])
def test_a_crowd_s_size_does_not_oscillate_for_an_hour(people: int, dearer: float) -> None:
    simulated = machine([camera() for _ in range(people)])
    for each in simulated.cameras:
        each.dearer = dearer
    simulated.run(120)
    assert changes(simulated.run(3600)) == 0


def test_a_crowd_is_small_and_nobody_else() -> None:
    simulated = machine([camera("crowd") for _ in range(CROWD)])
    join(simulated, 4, "few")
    moments = simulated.run(60)
    assert [abs(size - CROWD_PICTURE) < 0.1 * CROWD_PICTURE for size in moments[-1].sizes] == (
        [True] * CROWD + [False] * 4
    )
    assert set(moments[-1].sizes[CROWD:]) == {USUAL_PICTURE}
    assert mean(moments[-1].rates) < 29


def test_a_few_people_are_never_as_small_as_a_crowd_s() -> None:
    simulated = machine([camera() for _ in range(CROWD - 1)])
    simulated.others = lambda now: 1.0
    moments = simulated.run(60)
    assert all(map(all_are(USUAL_PICTURE), moments))
    assert mean(moments[-1].rates) < 25


def test_whom_a_crowd_sees_large_is_not_small() -> None:
    simulated = machine([camera() for _ in range(CROWD + 2)])
    simulated.run(30)
    simulated.cameras[0].shown_large = True
    simulated.run(SOON)
    sizes = simulated.run(30)[-1].sizes
    assert sizes[0] == USUAL_PICTURE
    assert set(sizes[1:]) == {CROWD_PICTURE}
    simulated.cameras[0].shown_large = False
    assert all_are(CROWD_PICTURE)(simulated.run(SOON)[-1])


def test_who_is_in_the_lobby_makes_no_crowd_and_is_not_small() -> None:
    simulated = machine([camera() for _ in range(CROWD + 2)])
    lobby = simulated.cameras[-3:]
    for each in lobby:
        each.inside, each.shown_large = False, True
    assert all(map(all_are(USUAL_PICTURE), simulated.run(30)))
    lobby[0].inside, lobby[0].shown_large = True, False
    sizes = simulated.run(30)[-1].sizes
    assert [size < USUAL_PICTURE for size in sizes] == [True] * CROWD + [False] * 2


@pytest.mark.slow
def test_cameras_of_a_crowd_that_do_not_obey_stay_as_they_are() -> None:
    simulated = machine([camera() for _ in range(CROWD + 2)])
    deaf = simulated.cameras[:2]
    deaf[0].requests, deaf[1].requests = None, Deaf(LARGE)
    simulated.run(30)
    moments = simulated.run(300)
    assert {each.pixels for each in deaf} == {USUAL_PICTURE}
    assert changes(moments) == 0
    assert moments[-1].sizes[2:] == [moments[-1].sizes[2]] * CROWD
    assert moments[-1].sizes[2] < USUAL_PICTURE


def test_nothing_is_large_where_the_limits_are_small() -> None:
    simulated = SimulatedMachine(2)
    simulated.run(60)
    assert simulated.governor.pixels("0") == USUAL_PICTURE
