"""Colours that tell people apart."""

import numpy as np
import pytest

from filters.base import Plane
from filters.matting.appearance import COLOURS, Appearance, coefficient, colours_of, histogram
from filters.matting.grid import Work

SIZE = (40, 20)


def of(y: int, u: int, v: int) -> Plane:
    """Return the numbers of an even colour."""
    y_, u_, v_ = (np.full((40, 80), level, np.uint8) for level in (y, u, v))
    return colours_of(Work(y_, u_, v_, y_), SIZE)


ALL = np.full((20, 40), 255, np.uint8)


@pytest.mark.parametrize("levels", [(0, 0, 0), (255, 255, 255), (16, 128, 128), (235, 90, 240)])
def test_every_colour_has_a_number(levels: tuple[int, int, int]) -> None:
    assert of(*levels).max() < COLOURS


def test_histograms_are_compared() -> None:
    grey, orange = histogram(of(60, 128, 128), ALL), histogram(of(140, 80, 190), ALL)
    assert grey.sum() == pytest.approx(1)
    assert coefficient(grey, grey) == pytest.approx(1)
    assert coefficient(grey, orange) == 0
    assert not histogram(of(60, 128, 128), np.zeros_like(ALL)).any()


def test_own_colours_are_likelier_than_unknown_ones_and_those_than_others() -> None:
    orange, blue, green = of(140, 80, 190), of(90, 180, 100), of(120, 90, 90)
    appearance = Appearance()
    assert not appearance.known
    appearance.learn(orange, ALL, 0.1)
    appearance.learn_others(blue, ALL, 0.1)
    own, unknown, other = (float(appearance.likelihood(c).mean()) for c in (orange, green, blue))
    assert own > 1 > unknown > other
    assert appearance.likeness(orange, ALL) == pytest.approx(1)
    assert appearance.likenesses(blue, ALL) == pytest.approx((0, 1))


def test_nothing_seen_teaches_nothing() -> None:
    appearance = Appearance()
    appearance.learn(of(140, 80, 190), ALL, 0.1)
    before = appearance.own.copy()
    appearance.learn(of(60, 128, 128), np.zeros_like(ALL), 0.5)
    assert np.array_equal(appearance.own, before)
