"""Who appears in the middle of the picture waits until several looks have found them."""

from __future__ import annotations

import numpy as np

from filters.base import Plane
from filters.matting.probation import LOOKS, Probation


def cells(*people: tuple[slice, slice]) -> Plane:
    """Return a matte on the grid of cells, of people in those places."""
    matte = np.zeros((45, 80), np.uint8)
    for place in people:
        matte[place] = 255
    return matte


FIRST = (slice(20, 45), slice(5, 25))
IN_THE_MIDDLE = (slice(10, 20), slice(50, 60))
AT_THE_SIDE = (slice(10, 45), slice(70, 80))


def test_who_is_there_from_the_beginning_is_shown() -> None:
    probation = Probation()
    for _ in range(3):
        assert not probation.hidden(cells(FIRST)).any()
        assert not probation.pending


def test_who_appears_in_the_middle_is_hidden_until_enough_looks_have_found_them() -> None:
    probation = Probation()
    probation.hidden(cells(FIRST))
    for _ in range(LOOKS - 1):
        hidden = probation.hidden(cells(FIRST, IN_THE_MIDDLE))
        assert hidden[IN_THE_MIDDLE].all()
        assert not hidden[FIRST].any()
        assert probation.pending
    assert not probation.hidden(cells(FIRST, IN_THE_MIDDLE)).any()
    assert not probation.pending


def test_who_is_gone_again_begins_anew() -> None:
    probation = Probation()
    probation.hidden(cells(FIRST))
    for _ in range(LOOKS - 1):
        probation.hidden(cells(FIRST, IN_THE_MIDDLE))
    assert not probation.hidden(cells(FIRST)).any()
    assert not probation.pending
    assert probation.hidden(cells(FIRST, IN_THE_MIDDLE))[IN_THE_MIDDLE].all()


def test_who_comes_in_from_the_side_is_shown_at_once() -> None:
    probation = Probation()
    probation.hidden(cells(FIRST))
    assert not probation.hidden(cells(FIRST, AT_THE_SIDE)).any()
