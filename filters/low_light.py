"""Low-light correction: a person in the dark is made lighter, and nothing else of the picture.

The curve is Schlick's rational one, g x / (1 + (g - 1) x) ("Quantization techniques for visualization of high dynamic
range pictures", Photorealistic Rendering Techniques, 1995): monotone, black stays black and white stays white, and no
level is raised more than g times, nor the noise on it.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Plane, Planes
from filters.compositor import composite
from filters.planes import lookup

BLACK: Final = 16  # level of BT.601
WHITE: Final = 235  # the same
SHARE: Final = 0.9
"""Of the person's pixels are darker than what is looked at: the light on the face, not the hair and the clothes."""
TARGET: Final = 120
"""Level that it is raised to, at most. Chosen: with nine cameras it was over 130 in good light, 80 to 105 in poor."""
MAX_GAIN: Final = 2.0  # times, of luma and its noise, at black; chosen by looking at a noisy camera
CHROMA: Final = 0.3  # power of the gain: half of what it does to a face in the dark; chosen by looking
SURE: Final = 250  # level of the matte from which nothing of the room is in a pixel
SPACING: Final = 4  # px between two that are looked at; chosen
LEAST: Final = 200  # of these, on which a histogram is built: a head at two metres in 640x360
SETTLING: Final = 2.0  # s: time constant of what is known of the light, so that nothing flickers; chosen
MAX_STEP: Final = 0.1  # s between two frames: after a gap the light comes no faster


class LowLight:
    """Follows the light on one stream's person. `time` is that of the stream, in seconds."""

    def __init__(self) -> None:
        self._levels: NDArray[np.float64] | None = None
        self._time = 0.0

    def look(self, luma: Plane, matte: Plane, time: float) -> float:
        """Return by how much the person of this frame is to be made lighter: the gain of `lighten`, 1 for not at all.

        `matte` is uint8, of luma's size, 255 is person.
        """
        step = min(max(time - self._time, 0.0), MAX_STEP)
        self._time = time
        of_person = luma[::SPACING, ::SPACING][matte[::SPACING, ::SPACING] >= SURE]
        if of_person.size >= LEAST:
            levels = np.bincount(of_person, minlength=256) / of_person.size
            if self._levels is None:
                self._levels = levels
            self._levels += (1 - math.exp(-step / SETTLING)) * (levels - self._levels)
        if self._levels is None:
            return 1.0
        return gain_for(float(np.interp(SHARE, np.cumsum(self._levels), np.arange(256))))


def lighten(planes: Planes, matte: Plane, gain: float) -> Planes:
    """Return the frame with the person lighter by a gain of 1 to MAX_GAIN; the planes given are left as they are.

    Towards the person's edge, where the room may be mixed in, there is less of it: as much as there is of the person.
    """
    out = Planes(*(plane.copy() for plane in planes))
    box = cv2.boundingRect(matte)
    if not box[2]:
        return out
    luma, chroma = luma_table(gain), chroma_table(gain**CHROMA)
    part, whole = _parts(*box)
    here = Planes(planes.y[whole], planes.u[part], planes.v[part])
    lit = Planes(lookup(here.y, luma), lookup(here.u, chroma), lookup(here.v, chroma))
    composite(lit, matte[whole], here, Planes(out.y[whole], out.u[part], out.v[part]))
    return out


def _parts(x: int, y: int, width: int, height: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return rows and columns of a box of luma's samples in chroma's, and the same in luma's."""
    box = [(first // 2, (first + length + 1) // 2) for first, length in ((y, height), (x, width))]
    rows, columns = (slice(*ends) for ends in box)
    double_rows, double_columns = (slice(2 * first, 2 * end) for first, end in box)
    return (rows, columns), (double_rows, double_columns)


def gain_for(level: float) -> float:
    """Return g of the curve that raises a level to TARGET, or as far as MAX_GAIN goes; 1 for what is as light."""
    if level >= TARGET:
        return 1.0
    here, there = _share(level), _share(TARGET)
    return min(there * (1 - here) / (here * (1 - there)), MAX_GAIN)


def luma_table(gain: float) -> NDArray[np.uint8]:
    """Return the curve for luma: 256 levels, those below black and above white as they are."""
    table = np.arange(256, dtype=np.float64)
    inside = np.s_[BLACK : WHITE + 1]
    share = (table[inside] - BLACK) / (WHITE - BLACK)
    table[inside] = BLACK + (WHITE - BLACK) * gain * share / (1 + (gain - 1) * share)
    levels: NDArray[np.uint8] = np.rint(table).astype(np.uint8)
    return levels


def chroma_table(gain: float) -> NDArray[np.uint8]:
    """Return the table that moves chroma `gain` times as far from grey."""
    levels: NDArray[np.uint8] = np.rint(128 + gain * (np.arange(256) - 128.0)).clip(0, 255).astype(np.uint8)
    return levels


def _share(level: float) -> float:
    """Return how far a level is from black to white; a little over 0 for what is black."""
    return max(level - BLACK, 1.0) / (WHITE - BLACK)
