"""A contact sheet: the frames with the greatest error, beside what is shown and where it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Plane

Picture = NDArray[np.uint8]

GREEN = (0, 180, 0)  # levels of blue, green and red behind what is shown; chosen
APART = 20  # frames; chosen
WIDTH = 320  # pixels of one picture; chosen


class Frame(NamedTuple):
    """A frame worth looking at: its clip, its index, its error and its three pictures side by side, BGR."""

    clip: str
    number: int
    error: float
    picture: Picture


class Sheet:
    """Keeps the worst frames of every clip, at least APART frames from each other."""

    def __init__(self, per_clip: int = 2) -> None:
        self._per_clip = per_clip
        self._frames: list[Frame] = []

    def add(
        self, clip: str, index: int, error: float, frame: av.VideoFrame, matte: Plane, truth: Plane | None
    ) -> None:
        """Offer a frame; it is kept if it is among the worst of its clip."""
        mine = [f for f in self._frames if f.clip == clip]
        near = [f for f in mine if abs(f.number - index) < APART]
        rivals = near or (mine if len(mine) >= self._per_clip else [])
        weakest = min(rivals, key=lambda f: f.error, default=None)
        if weakest and weakest.error >= error:
            return
        self._frames = [f for f in self._frames if f is not weakest]
        self._frames.append(Frame(clip, index, error, _panels(frame, matte, truth)))

    def write(self, path: Path) -> None:
        """Write the sheet, worst frames first, two to a row."""
        frames = sorted(self._frames, key=lambda f: -f.error)
        tiles = [_labelled(f) for f in frames]
        height = max(t.shape[0] for t in tiles)
        width = max(t.shape[1] for t in tiles)
        sheet = np.zeros(((len(tiles) + 1) // 2 * height, 2 * width, 3), np.uint8)
        for i, tile in enumerate(tiles):
            top, left = i // 2 * height, i % 2 * width
            sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        cv2.imwrite(str(path), sheet)


def _panels(frame: av.VideoFrame, matte: Plane, truth: Plane | None) -> Picture:
    image = frame.to_ndarray(format="bgr24").astype(np.float32)
    share = matte[..., None].astype(np.float32) / 255
    green = np.full_like(image, GREEN)
    panels: list[NDArray[np.float32]] = [image, (green + share * (image - green)).astype(np.float32)]
    if truth is not None:
        panels.append(_errors(matte, truth))
    size = (WIDTH, round(WIDTH * image.shape[0] / image.shape[1]))
    wide = cv2.resize(np.hstack(panels), (size[0] * len(panels), size[1]), interpolation=cv2.INTER_AREA)
    return wide.astype(np.uint8)


def _errors(matte: Plane, truth: Plane) -> NDArray[np.float32]:
    """Return the true person in dark green, room that is shown in red, person that is lost in blue."""
    error = matte.astype(np.float32) - truth
    return np.stack([(-error).clip(0), truth / np.float32(4), error.clip(0)], axis=-1)


def _labelled(frame: Frame) -> Picture:
    picture = frame.picture.copy()
    text = f"{frame.clip[:24]} {frame.number}: {frame.error:.1f}"
    cv2.putText(picture, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return picture
