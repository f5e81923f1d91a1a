"""Who appears in the middle of the picture is shown once several looks in a row have found them.

People come in from the sides or rise from below. What a network takes for one in an empty room, or in the rubbish that
a decoder makes of a damaged stream, appears anywhere and is gone again with the next frames.
"""

from __future__ import annotations

from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Plane
from filters.matting.components import VISIBLE, newcomers
from filters.planes import above, below, both, dilated

LOOKS: Final = 10  # of the network; a third of a second, in which somebody at the door has made one step
MEMORY: Final = 255 // 30  # of where people have been lately, lost with each look: a second

# What was visible from the beginning is taken as it is: there is nothing that it could contradict.


class Probation:
    """Follows one stream's islands on the grid of cells."""

    def __init__(self) -> None:
        self._recent: Plane = np.zeros((0, 0), np.uint8)
        self._seen: Plane = np.zeros((0, 0), np.uint8)

    @property
    def pending(self) -> bool:
        """Whether somebody is still to be confirmed, so that the network must look at every frame."""
        return bool(self._seen.any())

    def hidden(self, cells: Plane) -> Plane:
        """Take the matte of the next look (uint8, cells); return the mask of what is not to be shown yet."""
        if self._recent.shape != cells.shape:
            self._recent, self._seen = above(cells, VISIBLE), np.zeros_like(cells)
            return np.zeros_like(cells)
        new = newcomers(cells, self._recent)
        hidden = self._unknown(new) if new.any() else new
        self._seen = both(self._seen, hidden)
        faded = cast(Plane, cv2.subtract(self._recent, np.full_like(cells, MEMORY)))
        self._recent = np.maximum(faded, both(above(cells, VISIBLE), ~hidden))
        return hidden

    def _unknown(self, new: Plane) -> Plane:
        """Count the looks that have found the islands of a mask; return those that too few have."""
        # Somebody who comes moves: the looks before count around where they were, too.
        looks = cv2.add(dilated(self._seen, 3), np.ones_like(new))
        self._seen = both(cast(Plane, looks), new)
        # An island is as well known as its best known part.
        _, labels = cv2.connectedComponents(new, connectivity=8)
        known = np.zeros(int(labels.max()) + 1, np.uint8)
        np.maximum.at(known, labels.ravel().astype(np.intp), self._seen.ravel())
        self._seen = both(cast(Plane, known[labels]), new)
        hidden = both(below(self._seen, LOOKS), new)
        hidden[np.isin(labels, _at_the_sides(cast(NDArray[np.int32], labels)))] = 0
        return hidden


def _at_the_sides(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the islands that touch the left, the right or the lower side of the picture."""
    return np.unique(np.concatenate([labels[:, 0], labels[:, -1], labels[-1]]))
