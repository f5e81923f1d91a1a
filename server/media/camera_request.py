"""What a camera is asked for under load, so that what would not be shown is neither sent nor decoded.

Pure logic; time is passed in.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from server.media.governor import FULL_FRAME_RATE

SPARE: Final = 1  # pictures a second more than are shown, since cameras don't keep time
LEAST: Final = 5  # pictures a second, so that a keyframe is never far away
PAUSE: Final = 1.0  # seconds between two requests; chosen
LARGE: Final = 1.2  # times the pixels that were asked for; phones round sizes up
KEPT: Final = 30.0  # seconds without load until a camera may be large again


class CameraRequest(NamedTuple):
    """Pictures a second at most, and by how much width and height are to be divided."""

    frame_rate: int = int(FULL_FRAME_RATE)
    scale_down: float = 1.0


class CameraRequests:
    """What one camera has been asked for."""

    def __init__(self) -> None:
        self.now = CameraRequest()
        self._asked = float("-inf")
        self._pressed = float("-inf")

    def update(self, now: float, frame_rate: float, *, held_back: bool, size: float, pressed: bool) -> bool:
        """Tell whether the request `now` is another one, at `now` in seconds.

        `frame_rate` is what is shown a second, `held_back` whether others have more pictures, `size` the pixels of a
        picture in times of those that were asked for at first, `pressed` whether anything is given up.
        """
        if pressed:
            self._pressed = now
        wanted = CameraRequest(self._frame_rate(frame_rate), self._scale_down(now, held_back, size))
        if wanted == self.now or now - self._asked < PAUSE:
            return False
        self.now, self._asked = wanted, now
        return True

    def _frame_rate(self, shown: float) -> int:
        full = int(FULL_FRAME_RATE)
        wanted = min(full, max(LEAST, math.ceil(shown) + SPARE))
        # A picture a second more or less is not worth a message, all of them are.
        return self.now.frame_rate if abs(wanted - self.now.frame_rate) <= 1 and wanted < full else wanted

    def _scale_down(self, now: float, held_back: bool, size: float) -> float:
        if held_back and size > LARGE:
            return round(self.now.scale_down * math.sqrt(size), 2)
        return self.now.scale_down if now - self._pressed < KEPT else 1.0
