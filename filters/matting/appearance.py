"""What people look like: colour histograms, which tell one from another and know who has come back.

As in Pérez, Hue, Vermaak, Gangnet, "Color-Based Probabilistic Tracking", ECCV 2002: histograms of colours are compared
by their Bhattacharyya coefficient.
"""

from __future__ import annotations

from typing import Final, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Alpha, Plane
from filters.matting.grid import Work
from filters.planes import lookup, resized

# Chosen on eleven clips of two people (docs/follow.md), following as a whole.
LEVELS: Final = (7, 6, 6)
"""Levels of Y, U and V that are told apart: as many colours as a byte can name."""
COLOURS: Final = 252  # the product of LEVELS
CHROMA: Final = 32.0  # levels from grey, within which skin, hair and most clothes lie
COMMON: Final = 1 / COLOURS  # frequency at which a colour is half known
STRANGE: Final = 0.02  # what a colour counts that was never seen of the person
UNKNOWN: Final = 0.2  # the same of others
SAMPLE: Final = 2  # px, of which one is counted

Histogram: TypeAlias = NDArray[np.float32]
"""Frequencies of COLOURS, their sum 1, or all 0 while none has been seen."""


def _tables() -> list[NDArray[np.uint8]]:
    """Return what each level of Y, U and V adds to the number of a colour."""
    levels, (luma, blue, red) = np.arange(256), LEVELS
    y = ((levels - 16) * luma // 220).clip(0, luma - 1)  # limited range: 16 to 235
    u, v = (((levels - 128 + CHROMA) * n // (2 * CHROMA)).clip(0, n - 1) for n in (blue, red))
    return [table.astype(np.uint8) for table in (y * blue * red, u * red, v)]


TABLES: Final = _tables()


def colours_of(work: Work, size: tuple[int, int]) -> Plane:
    """Return the number of each pixel's colour, below COLOURS, at (width, height)."""
    y, u, v = (lookup(resized(plane, size), table) for plane, table in zip(work[:3], TABLES, strict=True))
    return cast(Plane, cv2.add(cv2.add(y, u), v))


def histogram(colours: Plane, mask: Plane) -> Histogram:
    """Return how frequent each colour is where the mask is 255."""
    sampled = [np.ascontiguousarray(plane[::SAMPLE, ::SAMPLE]) for plane in (colours, mask)]
    counts = cv2.calcHist(sampled[:1], [0], sampled[1], [COLOURS], [0, COLOURS]).ravel()
    return cast(Histogram, counts / np.float32(max(1.0, counts.sum())))


def coefficient(first: Histogram, second: Histogram) -> float:
    """Return the Bhattacharyya coefficient: 1 for equal histograms, 0 for those that share no colour."""
    return float(np.sqrt(first * second).sum())


def alike(colours: Plane, first: Plane, second: Plane) -> float:
    """Return how alike is what two masks cover, in [0, 1]."""
    return coefficient(histogram(colours, first), histogram(colours, second))


class Appearance:
    """What is known of one person's colours, and of others'."""

    def __init__(self) -> None:
        self.own: Histogram = np.zeros(COLOURS, np.float32)
        self.other: Histogram = np.zeros(COLOURS, np.float32)
        self._likely = np.zeros(256, np.float32)

    @property
    def known(self) -> bool:
        """Whether the person has been seen."""
        return bool(self.own.any())

    def learn(self, colours: Plane, mask: Plane, rate: float) -> None:
        """Take the person's colours, where the mask is 255, into the running mean."""
        self.own = _mixed(self.own, histogram(colours, mask), rate)
        self._weigh()

    def learn_others(self, colours: Plane, mask: Plane, rate: float) -> None:
        """Take others' colours."""
        self.other = _mixed(self.other, histogram(colours, mask), rate)
        self._weigh()

    def likeness(self, colours: Plane, mask: Plane) -> float:
        """Return how alike the person is what a mask covers, in [0, 1]."""
        return coefficient(histogram(colours, mask), self.own)

    def likenesses(self, colours: Plane, mask: Plane) -> tuple[float, float]:
        """Return how alike the person and others is what a mask covers."""
        seen = histogram(colours, mask)
        return coefficient(seen, self.own), coefficient(seen, self.other)

    def likelihood(self, colours: Plane) -> Alpha:
        """Return how much likelier each pixel's colour is the person's than others', the mean of its neighbours."""
        return cast(Alpha, cv2.blur(cv2.LUT(colours, self._likely), (3, 3)))

    def _weigh(self) -> None:
        own, other = (frequency / (frequency + np.float32(COMMON)) for frequency in (self.own, self.other))
        self._likely[:COLOURS] = (own + np.float32(STRANGE)) / (other + np.float32(UNKNOWN))


def _mixed(known: Histogram, new: Histogram, rate: float) -> Histogram:
    """Return the running mean, which begins with what is first seen; what is empty teaches nothing."""
    if not known.any():
        return new
    return known + np.float32(rate) * (new - known) if new.any() else known
