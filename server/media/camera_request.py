"""What a camera is asked for under load, so that what would not be shown is neither sent nor decoded.

Pure logic; time is passed in.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from server.media.camera_costs import USUAL_PICTURE
from server.media.governor import FULL_FRAME_RATE

SPARE: Final = 1  # pictures a second more than are shown, since cameras don't keep time
LEAST: Final = 5  # pictures a second, so that a keyframe is never far away
PAUSE: Final = 1.0  # seconds between two requests; chosen
LARGE: Final = 1.2  # times the pixels that were asked for; phones round sizes up
KEPT: Final = 30.0  # seconds without load until a camera may be large again


class CameraRequest(NamedTuple):
    """Pictures a second at most, and by how much width and height of the limits are to be divided."""

    frame_rate: int = int(FULL_FRAME_RATE)
    scale_down: float = 1.0


def scale_to(pixels: int, limits: int) -> float:
    """Return by how much width and height of a picture of `limits` px are to be divided for one of so many; or 1."""
    return round(math.sqrt(max(1.0, limits / pixels)), 3)


class CameraRequests:
    """What one camera has been asked for."""

    def __init__(self, limits: int = USUAL_PICTURE) -> None:
        """Ask for pictures of USUAL_PICTURE at first, and of `limits` px at most."""
        self.now = CameraRequest(scale_down=scale_to(USUAL_PICTURE, limits))
        self._limits = limits
        self._more = 1.0
        """By how much one was asked to divide them besides, who sent larger ones than that."""
        self._asked = float("-inf")
        self._pressed = float("-inf")

    def update(
        self,
        now: float,
        frame_rate: float,
        *,
        held_back: bool,
        pixels: int,
        pressed: bool,
        wanted: int = USUAL_PICTURE,
    ) -> bool:
        """Tell whether the request `now` is another one, at `now` in seconds.

        `frame_rate` is what is shown a second, `held_back` whether others have more pictures, `pixels` how large the
        pictures are that it sends, `wanted` how large they should be, `pressed` whether anything is given up.
        """
        if pressed:
            self._pressed = now
        more = self._divide_more(now, held_back, pixels / min(wanted, self._limits))
        scale_down = round(scale_to(wanted, self._limits) * more, 3)
        request = CameraRequest(self._frame_rate(frame_rate), scale_down)
        if request == self.now or now - self._asked < PAUSE:
            return False
        self.now, self._more, self._asked = request, more, now
        return True

    def _frame_rate(self, shown: float) -> int:
        full = int(FULL_FRAME_RATE)
        wanted = min(full, max(LEAST, math.ceil(shown) + SPARE))
        # A picture a second more or less is not worth a message, all of them are.
        return self.now.frame_rate if abs(wanted - self.now.frame_rate) <= 1 and wanted < full else wanted

    def _divide_more(self, now: float, held_back: bool, excess: float) -> float:
        if held_back and excess > LARGE:
            return self._more * math.sqrt(excess)
        return self._more if now - self._pressed < KEPT else 1.0
