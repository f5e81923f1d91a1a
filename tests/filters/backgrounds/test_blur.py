"""The blurred room: unreadable, without the person's colours, steady, at any size."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
import pytest

from filters.backgrounds.blur import Blur, Strength
from filters.base import Plane, Planes

SIZES = [(640, 360), (641, 271), (480, 270), (360, 640), (1280, 720)]
STRENGTHS: tuple[Strength, ...] = get_args(Strength)
both = pytest.mark.parametrize("strength", STRENGTHS)


def flat(width: int, height: int, y: int, u: int = 128, v: int = 128) -> Planes:
    half = ((height + 1) // 2, (width + 1) // 2)
    return Planes(
        np.full((height, width), y, np.uint8), np.full(half, u, np.uint8), np.full(half, v, np.uint8)
    )


def nobody(room: Planes) -> Plane:
    return np.zeros_like(room.y)


def stripes(plane: Plane, period: float, low: int, high: int) -> None:
    phase = np.arange(plane.shape[1]) // (period / 2) % 2
    plane[:] = np.where(phase == 0, low, high)


def bust(width: int, height: int) -> Plane:
    """Return the matte of a person with a soft edge."""
    alpha = np.zeros((height, width), np.uint8)
    cv2.ellipse(alpha, (width // 2, height), (width // 4, height // 2), 0, 0, 360, 255, -1)
    cv2.circle(alpha, (width // 2, height // 2), height // 6, 255, -1)
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1.5), np.uint8)


@both
@pytest.mark.parametrize("period", [8, 10, 12, 14, 16])
def test_saturated_stripes_lose_98_percent_of_their_contrast(strength: Strength, period: int) -> None:
    room = flat(640, 360, 0)
    for plane, step in ((room.y, period), (room.u, period / 2), (room.v, period / 2)):
        stripes(plane, step, 40, 220)
    for before, after in zip(room, Blur(strength).paint(room, nobody(room), 0), strict=True):
        assert after.std() < 0.02 * before.std()
        assert np.ptp(after) < 0.02 * np.ptp(before)


@both
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_striped_marker_in_the_corner_is_one_patch(strength: Strength, width: int, height: int) -> None:
    period = min(width, height) // 90 * 4
    marked, plain = flat(width, height, 130), flat(width, height, 130)
    for line, (striped, even) in enumerate(zip(marked, plain, strict=True)):
        part = np.s_[: striped.shape[0] // 2, : striped.shape[1] // 2]
        stripes(striped[part], period if line == 0 else period / 2, 40, 220)
        even[part] = np.rint(striped[part].mean())
    blur, other = Blur(strength), Blur(strength)
    pairs = zip(blur.paint(marked, nobody(marked), 0), other.paint(plain, nobody(plain), 0), strict=True)
    for with_stripes, without in pairs:
        inside = np.s_[: without.shape[0] // 4, : without.shape[1] // 4]
        assert np.abs(with_stripes.astype(int) - without)[inside].max() < 0.02 * 180


@both
def test_text_cannot_be_read(strength: Strength) -> None:
    room = flat(640, 360, 230)
    for line in range(9):
        cv2.putText(
            room.y, "Meet me at 8, pier 47", (10, 36 + 38 * line), cv2.FONT_HERSHEY_SIMPLEX, 1.05, 20, 3
        )
    painted = Blur(strength).paint(room, nobody(room), 0).y

    def letters(plane: Plane) -> float:
        """Return the contrast of what is no larger than a letter, away from the edge of the frame."""
        fine = plane.astype(np.float32)
        return float((fine - cv2.GaussianBlur(fine, (0, 0), 12))[40:320, 40:600].std())

    assert letters(painted) < 0.02 * letters(room.y)


@both
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_room_keeps_its_size_light_and_colour(strength: Strength, width: int, height: int) -> None:
    room = flat(width, height, 90, 100, 150)
    painted = Blur(strength).paint(room, nobody(room), 0)
    assert [plane.shape for plane in painted] == [plane.shape for plane in room]
    for before, after in zip(room, painted, strict=True):
        assert np.abs(after.astype(int) - before).max() <= 1


@both
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_of_the_person_gets_into_the_room(strength: Strength, width: int, height: int) -> None:
    room, alpha = flat(width, height, 120), bust(width, height)
    person = alpha > 0
    half = cv2.resize(person.astype(np.uint8), room.u.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    room.y[person], room.u[half], room.v[half] = 81, 90, 240
    painted = Blur(strength).paint(room, alpha, 0)
    for plane, grey in zip(painted, (120, 128, 128), strict=True):
        assert np.abs(plane.astype(int) - grey).max() <= 1


@both
def test_a_frame_full_of_person_gives_a_neutral_grey(strength: Strength) -> None:
    person = flat(640, 360, 81, 90, 240)
    painted = Blur(strength).paint(person, np.full_like(person.y, 255), 0)
    assert all(np.ptp(plane) == 0 for plane in painted)
    assert (painted.u[0, 0], painted.v[0, 0]) == (128, 128)


@both
def test_noise_and_a_nervous_matte_do_not_flicker(strength: Strength) -> None:
    random = np.random.default_rng(0)
    calm = flat(640, 360, 0)
    calm.y[:] = np.linspace(60, 190, 640).astype(np.uint8)
    alpha, blur, seen = bust(640, 360), Blur(strength), []
    for shift in random.integers(-2, 3, 12):
        noise = random.normal(0, 4, calm.y.shape)
        noisy = Planes(np.clip(calm.y + noise, 0, 255).astype(np.uint8), calm.u, calm.v)
        seen.append(blur.paint(noisy, np.roll(alpha, shift, axis=1), 0).y.copy())
    outside = alpha == 0
    assert np.std(np.array(seen, np.float32), axis=0)[outside].max() < 1.5
    assert np.std(np.array(seen, np.float32), axis=0)[outside].mean() < 0.3


@both
@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (2, 1), (1, 3), (3, 3), (16, 2), (5, 200), (2, 400), (643, 13)]
)
def test_tiny_and_narrow_frames(strength: Strength, width: int, height: int) -> None:
    room = flat(width, height, 90, 100, 150)
    painted = Blur(strength).paint(room, np.full_like(room.y, 128), 0)
    assert [plane.shape for plane in painted] == [plane.shape for plane in room]


def test_the_size_may_change_between_frames() -> None:
    blur = Blur("soft")
    for width, height in SIZES:
        room = flat(width, height, 90)
        assert blur.paint(room, nobody(room), 0).size == (width, height)


def test_strong_leaves_less_than_soft() -> None:
    room = flat(640, 360, 60)
    room.y[:, 290:350] = 200
    soft, strong = (Blur(strength).paint(room, nobody(room), 0).y for strength in STRENGTHS)
    assert 0 < np.ptp(strong) < 0.6 * np.ptp(soft)


def test_what_could_not_be_painted_is_painted_anew_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The buffer of a new size is memory that may have held another camera's picture."""

    def fail(*_: object) -> None:
        raise MemoryError

    blur, small, large = Blur(), flat(320, 180, 60), flat(640, 360, 200)
    blur.paint(small, nobody(small), 0.0)
    with monkeypatch.context() as patch:
        patch.setattr("filters.backgrounds.blur._fill", fail)
        with pytest.raises(MemoryError):
            blur.paint(large, nobody(large), 0.03)
    for painted, wanted in zip(blur.paint(large, nobody(large), 0.07), large, strict=True):
        np.testing.assert_array_equal(painted, wanted)
