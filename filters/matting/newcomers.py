"""Who wasn't there before is shown only where looks from near, from far and in the mirror agree.

What a network takes for a person in an empty room, a towel or a curtain at the border, depends on the view; a person
doesn't. So every look has to find it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias, cast

import cv2
import numpy as np

from filters.base import Plane
from filters.matting import components
from filters.matting.grid import cell_size
from filters.matting.region import MOVED_CELLS, PADDING
from filters.planes import above, both, dilated, resized


class View(NamedTuple):
    """How somebody is looked at."""

    padding: float
    """Around them, as a share of their longer side."""
    mirrored: bool = False


# Chosen with 200 empty rooms and 120 composed clips: of 49 islands in the former that the first look finds again, these
# refuse 37, and of 201 people in the latter, 4, who are still coming in.
ALONE: Final = (
    View(PADDING),
    View(PADDING, mirrored=True),
    View(0.5),
    View(1.0),
    View(1.0, mirrored=True),
)
BESIDE_OTHERS: Final = ALONE[:2]
"""A look from far would show the others, beside whom the networks miss people."""

COMING: Final = 0.5  # share of what moves: where newcomers have more of it, somebody comes; chosen

Look: TypeAlias = Callable[[Plane, View], Plane]
"""Gives the network's matte (work grid) of a box around a mask of cells."""


class Newcomers:
    """Confirms one stream's newcomers, on the grid of cells."""

    def __init__(self) -> None:
        self._refused: Plane = np.zeros((0, 0), np.uint8)

    def confirmed(self, alpha: Plane, before: Plane, moved: Plane, look: Look) -> Plane:
        """Return the matte (uint8, work grid) with those who weren't there before only where all looks agree.

        `before` is the last matte on the grid of cells, and `moved` is 255 where a cell has changed since; both are
        empty at the beginning. Where newcomers are what moves, one look is enough: of who comes in only a part is seen,
        while things don't appear by moving.
        """
        new = components.newcomers(resized(alpha, cell_size((alpha.shape[1], alpha.shape[0]))), before)
        others = above(before, components.VISIBLE) if before.size else np.zeros_like(new)
        refused = np.zeros_like(new)
        for number, view in enumerate(BESIDE_OTHERS if others.any() else ALONE):
            if number == 1 and moved.size:
                new = self._unexplained(new, both(moved, ~dilated(others, 3)))
            if not new.any():
                break
            doubtful = components.unconfirmed(new, alpha, look(new, view))
            alpha = components.without(alpha, doubtful)
            new = cast(Plane, cv2.subtract(new, doubtful))
            refused = np.maximum(refused, doubtful)
        self._refused = refused
        return alpha

    def _unexplained(self, new: Plane, moved: Plane) -> Plane:
        """Return the islands that nobody's coming explains: nothing moves there, or the last looks refused them."""
        count = np.count_nonzero(moved)
        if count < MOVED_CELLS or np.count_nonzero(both(moved, new)) < COMING * count:
            return new
        unmoved = components.apart(new, moved)
        if self._refused.shape != new.shape:
            return unmoved
        again = cv2.subtract(new, components.apart(new, self._refused))
        return cast(Plane, cv2.max(unmoved, again))
