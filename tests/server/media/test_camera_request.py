"""What a camera is asked for."""

from __future__ import annotations

import pytest

from server.media.camera_costs import USUAL_PICTURE
from server.media.camera_request import KEPT, PAUSE, CameraRequest, CameraRequests, scale_to
from server.media.picture_sizes import CROWD_PICTURE

LARGE = 1280 * 720


def update(
    requests: CameraRequests,
    now: float,
    frame_rate: float,
    *,
    pixels: int = USUAL_PICTURE,
    held_back: bool = False,
    wanted: int = USUAL_PICTURE,
) -> bool:
    pressed = frame_rate < 30
    return requests.update(
        now, frame_rate, held_back=held_back, pixels=pixels, pressed=pressed, wanted=wanted
    )


def test_a_camera_is_asked_for_no_more_than_is_shown() -> None:
    requests = CameraRequests()
    assert not update(requests, 0.0, 30.0)
    assert update(requests, 1.0, 19.3)
    assert requests.now == CameraRequest(21)
    assert update(requests, 9.0, 30.0)
    assert requests.now == CameraRequest(30)


def test_small_changes_are_not_worth_a_message() -> None:
    requests = CameraRequests()
    update(requests, 0.0, 20.0)
    assert not any(update(requests, 5.0 + i, rate) for i, rate in enumerate((19.2, 20.9, 20.0)))
    assert update(requests, 9.0, 22.0)


def test_there_is_a_pause_between_two_requests() -> None:
    requests = CameraRequests()
    assert update(requests, 0.0, 10.0)
    assert not update(requests, PAUSE / 2, 20.0)
    assert update(requests, PAUSE, 20.0)


def test_somebody_s_keyframe_is_never_far_away() -> None:
    requests = CameraRequests()
    update(requests, 0.0, 2.0)
    assert requests.now.frame_rate == 5


def test_a_large_camera_that_costs_more_than_others_is_asked_to_be_smaller_until_there_is_room() -> None:
    requests = CameraRequests()
    assert update(requests, 0.0, 8.0, pixels=4 * USUAL_PICTURE, held_back=True)
    assert requests.now.scale_down == pytest.approx(2.0)
    update(requests, 5.0, 25.0)  # it is as small as was asked for
    assert requests.now.scale_down == pytest.approx(2.0)
    update(requests, 10.0, 30.0)
    assert requests.now == CameraRequest(30, 2.0)
    assert update(requests, 5.0 + KEPT, 30.0)
    assert requests.now == CameraRequest(30)


def test_a_camera_is_small_until_it_may_be_large() -> None:
    requests = CameraRequests(LARGE)
    assert requests.now == CameraRequest(30, 2.0)
    assert not update(requests, 0.0, 30.0)
    assert update(requests, 1.0, 30.0, wanted=LARGE)
    assert requests.now == CameraRequest(30, 1.0)
    assert not update(requests, 1.0 + PAUSE / 2, 30.0)
    assert update(requests, 1.0 + PAUSE, 30.0)
    assert requests.now == CameraRequest(30, 2.0)


def test_a_small_camera_that_is_larger_than_asked_and_held_back_is_asked_for_less_once() -> None:
    requests = CameraRequests(LARGE)
    assert update(requests, 0.0, 8.0, pixels=960 * 540, held_back=True)
    assert requests.now.scale_down == pytest.approx(3.0)
    for second in range(1, 5):
        update(requests, float(second), 8.0, held_back=True)
    assert requests.now.scale_down == pytest.approx(3.0)


def test_limits_that_are_small_leave_nothing_to_divide() -> None:
    assert scale_to(USUAL_PICTURE, USUAL_PICTURE) == scale_to(USUAL_PICTURE, 320 * 180) == 1.0
    assert scale_to(USUAL_PICTURE, 1920 * 1080) == 3.0


@pytest.mark.parametrize(("lines", "limits"), [(720, LARGE), (360, USUAL_PICTURE)])
def test_pictures_of_a_crowd_have_180_lines_whatever_the_limits(lines: int, limits: int) -> None:
    requests = CameraRequests(limits)
    assert update(requests, 0.0, 30.0, wanted=CROWD_PICTURE)
    assert round(lines / requests.now.scale_down) == 180
