"""The room, learned."""

import numpy as np
from numpy.typing import NDArray

from filters.base import Plane
from filters.matting.grid import Work
from filters.matting.room_model import RoomModel
from filters.planes import resized

SIZE = (160, 96)
UNSURE = 150


def room(seed: int = 0, shift: int = 0) -> NDArray[np.uint8]:
    """Return a textured wall, luma 60 to 180."""
    coarse = np.random.default_rng(seed).integers(60, 180, (12, 60), np.uint8)
    return np.ascontiguousarray(np.kron(coarse, np.ones((8, 8), np.uint8))[:, shift : shift + SIZE[0]])


def work(luma: Plane, noise: int = 0) -> Work:
    rng = np.random.default_rng(noise + 1)
    y = (luma + rng.integers(-2, 3, luma.shape)).clip(0, 255).astype(np.uint8)
    flat = np.full_like(y, 128)
    return Work(y, flat, flat, resized(y, (SIZE[0] // 4, SIZE[1] // 4)))


EMPTY = np.zeros((SIZE[1], SIZE[0]), np.uint8)


def learned(frames: int = 40) -> RoomModel:
    model = RoomModel()
    for t in range(frames):
        model.correct(work(room(), t), work(room(), t - 1), EMPTY)
    return model


def unsure_block() -> Plane:
    """Return a matte that takes a part of the room for a person."""
    matte = EMPTY.copy()
    matte[30:60, 40:80] = UNSURE
    return matte


def test_known_room_is_taken_off_the_matte() -> None:
    frame = work(room(), 100)
    corrected = learned().correct(frame, frame, unsure_block())
    assert corrected[35:55, 45:75].mean() < 0.3 * UNSURE


def test_a_person_in_front_of_the_known_room_stays() -> None:
    luma = room()
    luma[30:60, 40:80] = 240
    frame = work(luma, 100)
    matte = unsure_block()
    corrected = learned().correct(frame, frame, matte)
    assert corrected[34:56, 44:76].min() >= UNSURE - 4


def test_nothing_is_known_at_first() -> None:
    frame = work(room(), 1)
    corrected = RoomModel().correct(frame, frame, unsure_block())
    assert np.abs(corrected[35:55, 45:75].astype(int) - UNSURE).max() <= 4


def test_light_switched_is_followed_or_forgotten_and_relearned() -> None:
    model = learned()
    dark = (room() * 0.6).astype(np.uint8)
    for t in range(40):
        model.correct(work(dark, t), work(dark, t - 1), EMPTY)
    luma = dark.copy()
    luma[30:60, 40:80] = 240
    corrected = model.correct(work(luma, 99), work(luma, 98), unsure_block())
    assert corrected[34:56, 44:76].min() >= UNSURE - 4
    corrected = model.correct(work(dark, 99), work(dark, 98), unsure_block())
    assert corrected[35:55, 45:75].mean() < 0.3 * UNSURE


def test_a_moved_camera_makes_it_forget() -> None:
    model = learned()
    moved = work(room(shift=40), 50)
    model.correct(moved, moved, EMPTY)
    corrected = model.correct(moved, moved, unsure_block())
    assert model.resets == 1
    assert corrected[35:55, 45:75].min() >= UNSURE - 4


def test_a_slow_pan_makes_it_forget() -> None:
    model = learned()
    for step in range(8):
        moved = work(room(shift=1 + step // 2), step)
        model.correct(moved, moved, EMPTY)
    assert model.resets >= 1


def test_noise_is_no_pan() -> None:
    assert learned(80).resets == 0


def test_an_arm_that_the_network_doubts_is_a_person_before_the_known_room() -> None:
    luma = room()
    luma[30:60, 40:80] = 240
    frame = work(luma, 100)
    faint = EMPTY.copy()
    faint[28:62, 38:82] = 20
    model = learned()
    assert model.correct(frame, frame, faint)[36:54, 46:74].min() == 255
    assert model.correct(frame, frame, EMPTY).max() == 0


def test_a_shadow_is_no_person() -> None:
    luma = room()
    luma[30:60, 40:80] = (luma[30:60, 40:80] * 0.7).astype(np.uint8)
    frame = work(luma, 100)
    faint = EMPTY.copy()
    faint[28:62, 38:82] = 20
    assert learned().correct(frame, frame, faint).max() < 40


def test_where_the_person_always_was_nothing_is_known() -> None:
    model = RoomModel()
    matte = EMPTY.copy()
    matte[20:, 60:110] = 255
    for t in range(40):
        model.correct(work(room(), t), work(room(), t - 1), matte)
    frame = work(room(), 99)
    matte[40:60, 70:90] = UNSURE
    assert model.correct(frame, frame, matte)[42:58, 72:88].min() >= UNSURE - 4


def test_only_a_room_that_has_stood_still_for_a_while_is_familiar() -> None:
    cells = np.zeros((24, 40), np.uint8)
    assert RoomModel().familiar(cells).max() == 0
    assert learned(12).familiar(cells).max() == 0
    assert learned(60).familiar(cells).mean() > 200
