"""Who is one person in a matte of several: islands, and where one outline holds two heads, the halves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Plane
from filters.matting.components import SOLID
from filters.planes import above, both

# Chosen on eleven clips of two people (docs/follow.md), following as a whole.
VALLEY: Final = 0.06  # share of a head's height by which the outline falls and rises between two heads


def island_over(mask: Plane, place: Plane) -> Plane:
    """Return the island of a mask (0 or 255) that covers most of a place; nothing where none does."""
    covered = both(mask, place)
    if not cv2.countNonZero(covered):
        return np.zeros_like(mask)
    y, x = divmod(int(covered.argmax()), mask.shape[1])
    island = _filled(mask, x, y)
    if 2 * cv2.countNonZero(both(covered, island)) > cv2.countNonZero(covered):
        return island
    _, labels = cv2.connectedComponents(mask, connectivity=4)
    return _island(labels, int(np.bincount(labels[covered > 0].astype(np.intp)).argmax()))


def island_near(mask: Plane, x: float, y: float, reach: float) -> tuple[Plane, int]:
    """Return the island nearest to a pixel and the column of it that is; nothing where none is within reach."""
    ys, xs = np.nonzero(mask)
    far = np.hypot(xs - x, ys - y)
    if not len(far) or far.min() > reach:
        return np.zeros_like(mask), 0
    nearest = int(far.argmin())
    _, labels = cv2.connectedComponents(mask, connectivity=4)
    return _island(labels, int(labels[ys[nearest], xs[nearest]])), int(xs[nearest])


def centre_column(mask: Plane) -> int:
    """Return the column of a mask's centre."""
    weights = cv2.reduce(mask, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F).ravel()
    return int(weights @ np.arange(len(weights)) / max(1.0, float(weights.sum())))


def person_at(island: Plane, matte: Plane, column: int) -> Plane:
    """Return who is at a column of an island: where its outline falls and rises again, somebody else begins.

    The outline is that of what is solid in the matte; what networks see between two heads is less so.
    """
    solid = both(island, above(matte, SOLID))
    top = np.where(solid.any(axis=0), solid.argmax(axis=0), len(solid))
    outline = cv2.blur((len(solid) - top).astype(np.float32)[None], (3, 1))[0].tolist()
    first, last = column - _valley(outline[column::-1]), column + _valley(outline[column:])
    person = np.zeros_like(island)
    person[:, first : last + 1] = island[:, first : last + 1]
    return person


def everybody(people: Plane, matte: Plane, least: float) -> Iterator[Plane]:
    """Yield each person of at least so many pixels."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(people, connectivity=4)
    for number in range(1, count):
        if stats[number, cv2.CC_STAT_AREA] < least:
            continue
        island = _island(labels, number)
        while cv2.countNonZero(island) >= least:
            person = person_at(island, matte, int(island.any(axis=0).argmax()))
            if cv2.countNonZero(person) >= least:
                yield person
            island &= ~person


def _filled(mask: Plane, x: int, y: int) -> Plane:
    """Return the island of a pixel of a mask: sooner done than all islands are told apart."""
    rest = mask.copy()
    cv2.floodFill(rest, None, (x, y), (0,))
    return cast(Plane, cv2.bitwise_xor(mask, rest))


def _island(labels: object, number: int) -> Plane:
    return cast(Plane, cv2.compare(cast(NDArray[np.int32], labels), cast(Any, float(number)), cv2.CMP_EQ))


def _valley(outline: list[float]) -> int:
    """Return where an outline is lowest between its first head and the next, or its end."""
    peak = least = outline[0]
    valley = 0
    for at, height in enumerate(outline):
        rise = VALLEY * peak
        if height > peak and least >= peak - rise:
            peak = least = height
        if height <= least:
            least, valley = height, at
        elif least < peak - rise and height > least + rise:
            return valley
    return len(outline) - 1
