"""What counts as a person."""

import numpy as np

from filters.base import Plane
from filters.matting.components import keep_people, missing, newcomers, unconfirmed


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


def test_a_newcomer_touches_nothing_of_the_matte_before() -> None:
    before = np.zeros((45, 80), np.uint8)
    before[10:, 20:40] = 255
    now = before.copy()
    now[10:, 15:20] = 255
    assert newcomers(now, before).max() == 0
    now[20:, 60:70] = 255
    new = newcomers(now, before)
    assert new[30, 65] == 255
    assert new[:, :50].max() == 0
    assert newcomers(now, np.zeros((0, 0), np.uint8))[30, 30] == 255


def test_only_islands_that_a_second_look_shows_are_confirmed() -> None:
    alpha, seen = picture(), picture()
    alpha[80:, 40:80] = alpha[80:, 200:240] = 255
    seen[80:, 40:80] = 250
    islands = np.zeros((45, 80), np.uint8)
    islands[20:, 10:20] = islands[20:, 50:60] = 255
    doubtful = unconfirmed(islands, alpha, seen)
    assert doubtful[30, 15] == 0
    assert doubtful[30, 55] == 255


def test_missing_is_whom_a_look_that_shows_others_does_not_show_or_too_faintly() -> None:
    before = np.zeros((45, 80), np.uint8)
    before[20:, 5:15] = before[20:, 30:40] = before[20:, 60:70] = 250
    now = picture()
    now[80:, 120:160] = 150
    assert missing(before, now).max() == 0
    now[80:, 16:56] = 240
    gone = missing(before, now)
    assert gone[:, :20].max() == 0
    assert gone[30, 35] == gone[30, 65] == 255


def test_tiny_pictures() -> None:
    for shape in ((16, 16), (17, 320)):
        assert keep_people(np.zeros(shape, np.uint8)).shape == shape
