"""When the network needn't run."""

import cv2
import numpy as np
import pytest

from filters.base import Plane
from filters.matting.motion import warped
from filters.matting.stillness import MAX_SKIPPED, SCENE, Stillness, scene_cells

SHAPE = (45, 80)


def person() -> Plane:
    matte = np.zeros(SHAPE, np.uint8)
    matte[12:, 24:56] = 255
    return cv2.blur(matte, (3, 3))  # type: ignore[return-value]


def texture(seed: int, low: int, high: int) -> Plane:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random(SHAPE), (0, 0), 4)
    return np.uint8(low + (high - low) * (noise - noise.min()) / (noise.max() - noise.min()))  # type: ignore[return-value]


def picture(shift: tuple[float, float] = (0, 0), camera: tuple[float, float] = (0, 0)) -> Plane:
    """Return a person in a room, each moved by so many cells."""
    moved = [np.array([[1, 0, x], [0, 1, y]], np.float32) for x, y in (shift, camera)]
    share = warped(person(), moved[0]).astype(np.float32) / 255
    front, back = warped(texture(1, 100, 180), moved[0]), warped(texture(2, 60, 120), moved[1])
    return (share * front + (1 - share) * back).astype(np.uint8)


def watching() -> Stillness:
    stillness = Stillness()
    stillness.saw(picture(), person())
    return stillness


def test_nothing_holds_before_the_network_has_seen_a_frame() -> None:
    assert Stillness().motion(picture()) is None


def test_a_still_picture_holds_for_a_limited_time() -> None:
    stillness = watching()
    held = [stillness.motion(picture()) is not None for _ in range(MAX_SKIPPED + 1)]
    assert held == [True] * MAX_SKIPPED + [False]


def test_speech_inside_the_person_changes_nothing() -> None:
    frame = picture()
    frame[25:30, 35:45] //= 2
    assert watching().motion(frame) is not None


def test_noise_and_a_small_change_outside_change_nothing() -> None:
    frame = picture() + np.random.default_rng(0).integers(0, 4, SHAPE, np.uint8)
    frame[3, 70:72] = 180
    assert watching().motion(frame) is not None


@pytest.mark.parametrize("shift", [(0.4, 0.0), (0.0, -0.4), (-0.3, 0.3)])
def test_a_swaying_person_takes_the_matte_along(shift: tuple[float, float]) -> None:
    motion = watching().motion(picture(shift))
    assert motion is not None
    middle = motion @ np.array([40, 30, 1], np.float32) - (40, 30)
    assert np.abs(middle - shift).max() < 0.2


def test_a_hand_held_camera_moves_the_room_alone() -> None:
    motion = watching().motion(picture(camera=(0.4, 0.2)))
    assert motion is not None
    assert np.abs(motion @ np.array([40, 30, 1], np.float32) - (40, 30)).max() < 0.15


def test_an_arm_at_the_edge_makes_the_network_run() -> None:
    frame = picture()
    frame[20:40, 18:25] = 230
    assert watching().motion(frame) is None


def test_somebody_new_outside_makes_the_network_run() -> None:
    frame = picture()
    frame[20:40, 74:80] = 200
    assert watching().motion(frame) is None


def test_somebody_new_in_an_empty_room_makes_the_network_run() -> None:
    stillness = Stillness()
    empty = texture(2, 20, 120)
    stillness.saw(empty, np.zeros(SHAPE, np.uint8))
    assert stillness.motion(empty) is not None
    entered = empty.copy()
    entered[20:40, :3] = 200
    assert stillness.motion(entered) is None


def test_a_dark_picture_is_watched_more_closely() -> None:
    dark = Stillness()
    dark.saw(picture() // 6, person())
    frame = picture()
    frame[20:40, 18:25] = 230
    assert dark.motion(frame // 6) is None


def test_a_new_size_is_looked_at() -> None:
    assert watching().motion(np.zeros((20, 20), np.uint8)) is None


@pytest.mark.parametrize(
    ("interval", "runs"), [(1.0, {1}), (1.25, {1, 2}), (1.5, {1, 2}), (2.5, {2, 3}), (4.0, {4})]
)
def test_looks_are_so_many_frames_apart_on_average(interval: float, runs: set[int]) -> None:
    stillness, looks = watching(), [0]
    for frame in range(1, 101):
        moved = picture()
        moved[2:6, 4 * (frame % 19) : 4 * (frame % 19) + 4] = 255  # somebody else, elsewhere in every frame
        if stillness.motion(moved, interval) is None:
            stillness.forget()  # as a matte does, until the look has succeeded
            stillness.saw(moved, person())
            looks.append(frame)
    apart = np.diff(looks)
    assert set(apart[1:]) == runs
    assert len(looks) - 1 == pytest.approx(100 / interval, abs=1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (3, 161), (361, 641)])
def test_a_scene_of_any_size_is_on_one_grid(shape: tuple[int, int]) -> None:
    cells = scene_cells(np.full(shape, 90, np.uint8))
    assert cells.shape == SCENE[::-1]
    assert np.all(cells == 90)
