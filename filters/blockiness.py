"""How blocky a picture is: what codecs leave visible, and what is left of a picture that refers to a wrong one."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import cv2

from filters.base import Plane

MACROBLOCK: Final = 16  # px; RFC 6386, section 2, and ITU-T H.264, 3.88
FLOOR: Final = 1.0  # levels of 255, added to both steps; chosen: an even picture has no blocks
FACTOR: Final = 1.4
"""Times the blockiness of the pictures before, from which on one is doubted. Of 301 streams that go on as another one,
at random, no picture below it shows a hundredth of the room's marker; of 102 runs of 17 people's clips at 40 to 200
kbit/s two have pictures above it, two at most."""
MEMORY: Final = 0.9  # of blockiness, from picture to picture; chosen
RISE: Final = 1.05  # times from picture to picture; chosen: what drifts into rubbish must not become usual

MAX_DOUBTED: Final = 10
"""Pictures in a row, after which only one that refers to no other is believed; chosen: those after a keyframe may be
coarse where much moves."""


class BlockWatch:
    """Follows the pictures of one stream, and doubts those whose blocks may have been moved in a wrong reference."""

    def __init__(self) -> None:
        self._usual = 0.0

    def doubts(self, luma: Plane, *, anew: bool) -> bool:
        """Take the next picture; `anew` where it need not be like the one before it, as a keyframe and the first."""
        value = blockiness(luma)
        if anew:
            self._usual = value
        elif value > FACTOR * self._usual:
            return True
        self._usual = min(max(value, MEMORY * self._usual), RISE * self._usual)
        return False


def blockiness(luma: Plane) -> float:
    """Return how much larger the steps across macroblocks' lower borders are than those beside them.

    About 1 for pictures that decode as they should, 2 and more where blocks come from anywhere. It is the measure of
    Wang, Sheikh and Bovik (2002) without activity, and of rows only, which lie in one piece.
    """
    count = (len(luma) - 2) // MACROBLOCK
    if count <= 0:
        return 1.0
    # The four rows around each border, of all borders one after the other.
    around = [luma[i : i + MACROBLOCK * count : MACROBLOCK] for i in range(MACROBLOCK - 2, MACROBLOCK + 2)]
    before, across, after = (cv2.norm(a, b, cv2.NORM_L1) / a.size for a, b in pairwise(around))
    return (across + FLOOR) / ((before + after) / 2 + FLOOR)
