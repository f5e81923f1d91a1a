"""Alpha solved from the colours on both sides of an edge."""

from __future__ import annotations

import numpy as np

from filters.base import Plane
from filters.matting.grid import Work
from filters.matting.unmixing import TRUST, unmixed


def edge(width: float) -> Plane:
    """Return a matte, uint8 (64, 96), that rises from room to person over `width` pixels around column 48."""
    across = np.arange(96, dtype=np.float32)
    ramp = np.clip(0.5 + (across - 47.5) / width, 0, 1)
    return np.tile(np.rint(255 * ramp).astype(np.uint8), (64, 1))


def picture(truth: Plane, room: tuple[int, int, int], person: tuple[int, int, int]) -> Work:
    """Return a picture of two flat colours (Y, U, V), blended by the true matte."""
    share = truth / 255
    y, u, v = (np.rint(b + share * (f - b)).astype(np.uint8) for b, f in zip(room, person, strict=True))
    return Work(y, u, v, y[::4, ::4])


def test_a_soft_matte_moves_to_where_the_colours_change() -> None:
    truth, soft = edge(2), edge(8)
    got = unmixed(soft, soft, picture(truth, (60, 128, 128), (180, 110, 150)))
    before, after = (np.abs(matte.astype(int) - truth).mean() for matte in (soft, got))
    assert after < before * (1 - TRUST / 2)


def test_colour_alone_is_enough() -> None:
    truth, soft = edge(2), edge(8)
    got = unmixed(soft, soft, picture(truth, (100, 100, 128), (100, 150, 128)))
    assert np.abs(got.astype(int) - truth).mean() < np.abs(soft.astype(int) - truth).mean()


def test_where_person_and_room_look_alike_the_matte_stays() -> None:
    soft = edge(8)
    got = unmixed(soft, soft, picture(edge(2), (100, 128, 128), (101, 128, 128)))
    assert np.abs(got.astype(int) - soft).max() <= 2


def test_without_certain_room_the_matte_stays() -> None:
    half = np.full((64, 96), 128, np.uint8)
    assert np.array_equal(unmixed(half, half, picture(edge(2), (60, 128, 128), (180, 110, 150))), half)


def test_what_is_certain_stays() -> None:
    hard = edge(1)
    got = unmixed(hard, hard, picture(edge(30), (60, 128, 128), (180, 110, 150)))
    certain = (hard == 0) | (hard == 255)
    assert np.array_equal(got[certain], hard[certain])
