"""The picture that is shown while there is nothing safe to show."""

from __future__ import annotations

import av
import cv2

from filters.base import new_frame

GROUND_LUMA = 38  # level of BT.601, 16 to 235: dark grey, chosen so that it tires nobody
FIGURE_LUMA = 62  # the same: a little lighter, so that the figure stands out


def placeholder(width: int, height: int) -> av.VideoFrame:
    """Return a grey figure on dark grey."""
    frame, (y, u, v) = new_frame(width, height)
    y[:] = GROUND_LUMA
    u[:] = v[:] = 128
    unit = min(width, height)
    head = (width // 2, round(height * 0.42))
    cv2.circle(y, head, max(1, round(unit * 0.13)), FIGURE_LUMA, cv2.FILLED, cv2.LINE_AA)
    shoulders = (max(1, round(unit * 0.25)), max(1, round(unit * 0.22)))
    centre = (width // 2, head[1] + round(unit * 0.4))
    cv2.ellipse(y, centre, shoulders, 0, 180, 360, FIGURE_LUMA, cv2.FILLED, cv2.LINE_AA)
    return frame
