"""Connected components of a matte: what is too small or too faint to be a person is not shown."""

from __future__ import annotations

import cv2
import numpy as np

from filters.base import Plane
from filters.matting.grid import cell_size
from filters.planes import above, dilated, enlarged, resized

# Levels are of 255. Chosen with benchmarks.quality on nine clips (docs/benchmarks.md), the stage as a whole.
VISIBLE = 26  # level: alpha above .1, which is what benchmarks.quality counts as shown
SOLID = 191  # level: alpha above .75
MIN_AREA = 0.0012  # share of the picture's cells
MIN_SOLID_CELLS = 6  # cells
MIN_SOLID = 0.15  # share of an island's cells
AGREEMENT = 0.5  # share of the sum of alpha in an island: another look must find half of the first


def keep_people(alpha: Plane) -> Plane:
    """Return the matte (uint8, work grid) without the islands that no person is.

    An island is kept if it covers MIN_AREA of the picture and enough of it is solid. This also decides
    presence: a network that is unsure about an empty room leaves faint islands only.
    """
    height, width = alpha.shape
    cells = resized(alpha, cell_size((width, height)))
    mask = above(cells, VISIBLE)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count <= 1:
        return alpha
    if count == 2 and cv2.countNonZero(above(cells, SOLID)) >= MIN_SOLID * cells.size:
        return alpha
    solid = np.bincount(labels[cells > SOLID].astype(np.intp), minlength=count)
    area = stats[:, cv2.CC_STAT_AREA]
    drop = (area < MIN_AREA * cells.size) | (solid < np.maximum(MIN_SOLID_CELLS, MIN_SOLID * area))
    drop[0] = False
    if not drop.any():
        return alpha
    dropped = np.where(drop, 255, 0).astype(np.uint8)[labels]
    kept = np.where(drop, 0, 255).astype(np.uint8)
    kept[0] = 0
    dropped = dilated(dropped, 3)
    dropped[kept[labels] > 0] = 0
    clean = alpha.copy()
    clean[cv2.resize(dropped, (width, height), interpolation=cv2.INTER_NEAREST) > 0] = 0
    return clean


def newcomers(cells: Plane, before: Plane) -> Plane:
    """Return the mask of the islands of a matte that touch nothing of the matte before; uint8, cells."""
    mask = above(cells, VISIBLE)
    if before.shape == cells.shape:
        mask = apart(mask, dilated(above(before, VISIBLE), 3))
    return dilated(mask, 3)


def apart(islands: Plane, others: Plane) -> Plane:
    """Return the islands of a mask that another mask covers nothing of."""
    count, labels = cv2.connectedComponents(islands, connectivity=8)
    kept = np.full(count, 255, np.uint8)
    kept[0] = 0
    kept[labels[others > 0]] = 0
    left: Plane = kept[labels]
    return left


def unconfirmed(islands: Plane, alpha: Plane, seen: Plane) -> Plane:
    """Return the islands (mask of cells) of which another look shows less than AGREEMENT of the first matte."""
    count, labels = cv2.connectedComponents(islands, connectivity=8)
    size = (islands.shape[1], islands.shape[0])
    where = labels.ravel().astype(np.intp)
    first, second = (
        np.bincount(where, resized(matte, size).ravel(), minlength=count) for matte in (alpha, seen)
    )
    drop = np.where(second < AGREEMENT * first, 255, 0).astype(np.uint8)
    drop[0] = 0
    dropped: Plane = drop[labels]
    return dropped


def missing(before: Plane, alpha: Plane) -> Plane:
    """Return the mask of the islands of the last matte (cells) of which the next (work grid) keeps less than AGREEMENT.

    It is empty where the next shows nobody else: then they are gone.
    """
    kept = keep_people(alpha)
    gone = unconfirmed(above(before, VISIBLE), before, kept)
    others = newcomers(resized(kept, (before.shape[1], before.shape[0])), gone)
    return gone if others.any() else np.zeros_like(gone)


def without(alpha: Plane, cells: Plane) -> Plane:
    """Return the matte with nothing of what a mask of cells covers."""
    if not cells.any():
        return alpha
    return np.where(enlarged(cells, (alpha.shape[1], alpha.shape[0])) > 0, np.uint8(0), alpha)
