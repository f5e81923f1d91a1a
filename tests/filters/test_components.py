"""What counts as a person."""

import numpy as np

from filters.base import Plane
from filters.components import keep_people


def picture() -> Plane:
    return np.zeros((180, 320), np.uint8)


def test_a_person_stays_untouched() -> None:
    matte = picture()
    matte[40:, 100:200] = 255
    matte[40:, 90:100] = 90
    assert np.array_equal(keep_people(matte), matte)


def test_small_islands_go() -> None:
    matte = picture()
    matte[40:, 100:200] = 255
    person = matte.copy()
    matte[8:14, 8:14] = 255
    assert np.array_equal(keep_people(matte), person)


def test_an_empty_room_of_which_the_network_is_unsure_stays_covered() -> None:
    matte = picture()
    matte[40:140, 100:200] = 120
    matte[60:66, 120:130] = 255
    assert keep_people(matte).max() == 0


def test_two_people_both_stay() -> None:
    matte = picture()
    matte[60:, 20:80] = 255
    matte[80:, 200:260] = 250
    assert np.array_equal(keep_people(matte), matte)


def test_tiny_pictures() -> None:
    for shape in ((16, 16), (17, 320)):
        assert keep_people(np.zeros(shape, np.uint8)).shape == shape
