"""Who wasn't there before, and which looks have to agree on them."""

import numpy as np
import pytest

from filters.base import Plane
from filters.matting.newcomers import ALONE, BESIDE_OTHERS, Newcomers, View
from filters.matting.region import PADDING

NOTHING = np.zeros((0, 0), np.uint8)
NOBODY = np.zeros((45, 80), np.uint8)


def matte(*people: slice) -> Plane:
    alpha = np.zeros((180, 320), np.uint8)
    for columns in people:
        alpha[80:, columns] = 255
    return alpha


def cells(*people: slice) -> Plane:
    return matte(*people)[::4, ::4].copy()


SOMEBODY = slice(40, 80)
ELSEWHERE = slice(200, 240)


class Looks:
    """Looks that show what they are given, except those that are framed as those of `blind`."""

    def __init__(self, alpha: Plane, blind: tuple[View, ...] = ()) -> None:
        self.taken = list[View]()
        self.masks = list[Plane]()
        self._alpha, self._blind = alpha, blind

    def __call__(self, new: Plane, view: View) -> Plane:
        self.taken.append(view)
        self.masks.append(new)
        return np.zeros_like(self._alpha) if view in self._blind else self._alpha


def test_at_the_beginning_all_looks_agree_on_who_is_shown() -> None:
    alpha = matte(SOMEBODY)
    looks = Looks(alpha)
    assert np.array_equal(Newcomers().confirmed(alpha, NOTHING, NOTHING, looks), alpha)
    assert looks.taken == list(ALONE)


@pytest.mark.parametrize("blind", ALONE)
def test_whom_one_look_does_not_show_is_nobody_and_the_others_are_spared(blind: View) -> None:
    alpha = matte(SOMEBODY)
    looks = Looks(alpha, (blind,))
    assert Newcomers().confirmed(alpha, NOTHING, NOTHING, looks).max() == 0
    assert looks.taken[-1] == blind


def test_an_empty_room_needs_no_look() -> None:
    looks = Looks(matte())
    assert Newcomers().confirmed(matte(), NOBODY, NOBODY, looks).max() == 0
    assert not looks.taken


def test_who_was_there_before_needs_none() -> None:
    alpha = matte(SOMEBODY)
    looks = Looks(matte())
    assert np.array_equal(Newcomers().confirmed(alpha, cells(SOMEBODY), NOBODY, looks), alpha)
    assert not looks.taken


def test_beside_others_only_looks_from_near_count_and_at_the_newcomer_only() -> None:
    alpha = matte(SOMEBODY, ELSEWHERE)
    looks = Looks(alpha, (View(0.5), View(1.0), View(1.0, mirrored=True)))
    assert np.array_equal(Newcomers().confirmed(alpha, cells(SOMEBODY), NOBODY, looks), alpha)
    assert looks.taken == list(BESIDE_OTHERS)
    assert all(mask[:, :25].max() == 0 and mask[30, 55] == 255 for mask in looks.masks)


def test_who_alone_moves_needs_one_look_because_half_of_them_is_still_out_of_sight() -> None:
    alpha = matte(SOMEBODY)
    looks = Looks(alpha, ALONE[1:])
    assert np.array_equal(Newcomers().confirmed(alpha, NOBODY, cells(SOMEBODY), looks), alpha)
    assert looks.taken == [View(PADDING)]


def test_where_the_camera_moves_everything_does_and_all_looks_must_agree() -> None:
    alpha = matte(SOMEBODY)
    looks = Looks(alpha, (View(1.0),))
    assert Newcomers().confirmed(alpha, NOBODY, np.full_like(NOBODY, 255), looks).max() == 0


def test_what_has_been_refused_is_so_until_all_looks_agree() -> None:
    alpha = matte(SOMEBODY)
    newcomers = Newcomers()
    blind = Looks(alpha, (View(0.5),))
    assert newcomers.confirmed(alpha, NOTHING, NOTHING, blind).max() == 0
    for _ in range(3):
        assert newcomers.confirmed(alpha, NOBODY, cells(SOMEBODY), blind).max() == 0
    assert np.array_equal(newcomers.confirmed(alpha, NOBODY, cells(SOMEBODY), Looks(alpha)), alpha)


def test_the_motion_of_those_who_are_there_explains_nobody_new() -> None:
    alpha = matte(SOMEBODY, ELSEWHERE)
    looks = Looks(alpha, (View(PADDING, mirrored=True),))
    shown = Newcomers().confirmed(alpha, cells(SOMEBODY), cells(SOMEBODY), looks)
    assert np.array_equal(shown, matte(SOMEBODY))
