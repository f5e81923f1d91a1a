"""The person's own colours at the edge."""

import cv2
import numpy as np
import pytest

from filters.base import Plane, Planes
from filters.foreground import cut_out, foreground

SIZE = (320, 192)
PERSON, ROOM = (90, 140, 110), (220, 100, 160)


def soft_edge(size: tuple[int, int] = SIZE) -> Plane:
    row = ((np.arange(size[0]) - size[0] / 2) / 8 + 0.5).clip(0, 1)
    return np.tile(np.round(255 * row).astype(np.uint8), (size[1], 1))


def blended(alpha: Plane) -> Planes:
    """Return a plain person in front of a plain room."""
    height, width = alpha.shape
    half = alpha[::2, ::2][: (height + 1) // 2, : (width + 1) // 2].astype(np.float32) / 255
    shares = (alpha.astype(np.float32) / 255, half, half)
    parts = zip(shares, PERSON, ROOM, strict=True)
    return Planes(*((a * front + (1 - a) * back).astype(np.uint8) for a, front, back in parts))


def test_no_rim_of_the_old_room_is_left() -> None:
    alpha = soft_edge()
    before = blended(alpha)
    after = foreground(before, alpha)
    edge = (alpha > 40) & (alpha < 250)
    for old, new, colour in zip(before, after, PERSON, strict=True):
        seen = edge if old.shape == edge.shape else edge[::2, ::2]
        tint = np.abs(old[seen].astype(int) - colour).mean()
        assert np.abs(new[seen].astype(int) - colour).mean() < 0.35 * tint


def test_the_person_and_what_was_given_stay_as_they_are() -> None:
    alpha = soft_edge()
    rng = np.random.default_rng(0)
    before = Planes(*(rng.integers(0, 255, plane.shape, np.uint8) for plane in blended(alpha)))
    copy = [plane.copy() for plane in before]
    after = foreground(before, alpha)
    inside = cv2.erode(alpha, np.ones((7, 7), np.uint8)) == 255
    assert np.array_equal(after.y[inside], before.y[inside])
    for plane, same in zip(before, copy, strict=True):
        assert np.array_equal(plane, same)


@pytest.mark.parametrize("value", [0, 255])
def test_a_certain_matte_costs_nothing(value: int) -> None:
    alpha = np.full((SIZE[1], SIZE[0]), value, np.uint8)
    planes = blended(soft_edge())
    assert foreground(planes, alpha) is planes


@pytest.mark.parametrize("size", [(640, 360), (641, 359), (270, 480), (17, 33), (16, 16), (3, 3), (1, 1)])
def test_any_frame_size(size: tuple[int, int]) -> None:
    alpha = soft_edge(size)
    alpha[0, 0] = 100
    planes = blended(alpha)
    for old, new in zip(planes, foreground(planes, alpha), strict=True):
        assert old.shape == new.shape


def test_behind_transparency_there_is_no_more_of_the_room_than_is_shown() -> None:
    room, person = 40, 200
    alpha = np.tile(np.linspace(0, 255, 96).round().astype(np.uint8), (64, 1))
    alpha[:, 90:] = 255
    picture = np.full((64, 96, 3), room, np.uint8)
    picture[:, 90:] = person
    bgra = cut_out(picture, alpha)
    assert np.array_equal(bgra[..., 3], alpha)
    assert (bgra[:, 90:, :3] == person).all()
    assert not bgra[alpha == 0].any()
    left = (person - bgra[..., :3].astype(float)) / (person - room)
    assert (left[alpha > 0] <= alpha[alpha > 0][:, None] / 255 + 0.01).all()


def test_a_photo_of_nobody_is_cut_out_to_nothing() -> None:
    assert not cut_out(np.full((20, 30, 3), 90, np.uint8), np.zeros((20, 30), np.uint8)).any()
