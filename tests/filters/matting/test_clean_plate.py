"""A clean plate."""

import numpy as np
import pytest
from numpy.typing import NDArray

from filters.base import Alpha, Plane, Planes
from filters.matting.clean_plate import MOST, Plate, PlateCapture
from filters.matting.matte import Matte
from filters.matting.probation import LOOKS
from filters.matting.segmenter import Box
from filters.planes import resized

SIZE = (320, 192)


def room(seed: int = 0, size: tuple[int, int] = SIZE) -> Planes:
    """Return a wall of tiles, luma 60 to 140, with a little colour."""
    width, height = size
    rng = np.random.default_rng(seed)
    y = np.kron(
        rng.integers(60, 140, (height // 16 + 1, width // 16 + 1), np.uint8), np.ones((16, 16), np.uint8)
    )
    u = np.kron(
        rng.integers(120, 136, (height // 16 + 1, width // 16 + 1), np.uint8), np.ones((8, 8), np.uint8)
    )
    half = ((height + 1) // 2, (width + 1) // 2)
    return Planes(_cut(y, (height, width)), _cut(u, half), _cut(u[:, ::-1], half))


def _cut(plane: Plane, shape: tuple[int, int]) -> Plane:
    return np.ascontiguousarray(plane[: shape[0], : shape[1]])


def truth(size: tuple[int, int] = SIZE) -> Alpha:
    """Return a matte with an upright edge four pixels wide on either side of a person."""
    x = np.arange(size[0], dtype=np.float32)
    row = np.minimum((x - size[0] * 0.3) / 4, (size[0] * 0.7 - x) / 4).clip(0, 1)
    return np.tile(row, (size[1], 1)).astype(np.float32)


def blend(alpha: Alpha, back: Planes) -> Planes:
    """Return a bright, bluish person in front of a room."""
    small = resized((255 * alpha).astype(np.uint8), (back.u.shape[1], back.u.shape[0]))
    half: Alpha = (small / 255).astype(np.float32)
    shares: list[NDArray[np.float32]] = [alpha, half, half]
    parts = zip(shares, (210, 150, 110), back, strict=True)
    return Planes(*((a * colour + (1 - a) * plane).astype(np.uint8) for a, colour, plane in parts))


def smeared() -> Plane:
    """Return what a network might make of it: the same edge, twice as wide."""
    x = np.arange(SIZE[0], dtype=np.float32)
    row = np.minimum((x - SIZE[0] * 0.3 + 3) / 9, (SIZE[0] * 0.7 - x + 3) / 9).clip(0, 1)
    return np.tile((255 * row).astype(np.uint8), (SIZE[1], 1))


def error(matte: Plane) -> float:
    return float(np.abs(matte.astype(np.float32) - 255 * truth()).mean())


def test_the_edge_is_solved_anew() -> None:
    got = Plate(room(), 0.0).refine(blend(truth(), room()), smeared(), (0, 0, 0), 1.5)
    assert error(got) < 0.7 * error(smeared())


def test_the_light_may_have_changed() -> None:
    darker = Planes(room().y - np.uint8(25), room().u, room().v)
    got = Plate(room(), 0.0).refine(blend(truth(), darker), smeared(), (-25, 0, 0), 1.5)
    assert error(got) < 0.7 * error(smeared())


def test_a_certain_matte_is_left_alone() -> None:
    certain = np.where(truth() > 0.5, 255, 0).astype(np.uint8)
    plate = Plate(room(), 0.0)
    assert np.array_equal(
        plate.refine(blend(truth(), room()), np.zeros_like(certain), (0, 0, 0), 1.5), 0 * certain
    )


def test_only_the_worst_patches_are_touched() -> None:
    size = (1280, 768)
    noisy = np.random.default_rng(0).integers(100, 156, (size[1], size[0]), np.uint8)
    noisy[:, :600] = 255
    got = Plate(room(0, size), 0.0).refine(blend(truth(size), room(0, size)), noisy, (0, 0, 0), 1.5)
    touched = (got != noisy).reshape(48, 16, 80, 16).any(axis=(1, 3))
    assert 0 < touched.sum() <= MOST


@pytest.mark.parametrize("size", [(640, 360), (641, 359), (270, 480), (33, 35), (16, 16)])
def test_any_frame_size(size: tuple[int, int]) -> None:
    matte = (255 * truth(size)).astype(np.uint8)
    got = Plate(room(), 0.2).refine(blend(truth(size), room(1, size)), matte, (0, 0, 0), 1.5)
    assert got.shape == matte.shape


def test_a_recording_is_the_mean_of_its_frames() -> None:
    recording = PlateCapture(3)
    frames = [Planes(*(plane + np.uint8(step) for plane in room())) for step in (0, 1, 2)]
    assert recording.add(frames[0]) is None
    assert recording.add(frames[1]) is None
    plate = recording.add(frames[2])
    assert plate is not None
    assert np.array_equal(plate.y, room().y + 1)


def bright(planes: Planes, box: Box | None, pixels: int | None) -> Alpha:
    left, top, right, bottom = box or (0, 0, *planes.size)
    seen = resized(np.ascontiguousarray(planes.y[top:bottom, left:right]), (96, 64))
    return ((seen.astype(np.float32) - 150) / 40).clip(0, 1)


def test_a_plate_that_fits_is_used_and_another_room_is_not() -> None:
    for seed, fits in ((0, True), (5, False)):
        matte = Matte(bright)
        matte.use_plate(room(seed))
        for _ in range(4):
            matte.push(blend(truth(), room()))
        assert matte.has_plate is fits


def test_a_plate_is_recorded_once_the_person_has_stepped_aside() -> None:
    matte = Matte(bright)
    matte.record_plate(frames=4)
    for _ in range(6):
        matte.push(blend(truth(), room()))
    assert matte.recording
    for _ in range(5):
        matte.push(room())
    assert not matte.recording
    assert matte.has_plate
    matte.use_plate(None)
    assert not matte.has_plate


def test_nobody_who_is_still_to_be_confirmed_gets_into_a_plate() -> None:
    """Somebody who comes out of a door in the middle, and goes back before they would be shown."""
    matte = Matte(bright)
    for _ in range(4):
        matte.push(room())
    matte.record_plate(frames=12)
    for step in range(LOOKS - 1):
        visitor = room()
        visitor.y[48:150, 100 + 8 * step : 150 + 8 * step] = 210
        matte.push(visitor)
    for _ in range(13):
        matte.push(room())
    assert matte._plate is not None
    assert np.array_equal(matte._plate.planes.y, room().y)
