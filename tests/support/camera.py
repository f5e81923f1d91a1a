"""A camera for tests: a real person who sways in front of a room with a marker painted on its wall."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, cached_property
from math import pi, sin
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.person import BUST_HEIGHT, FACE, Picture, cutout
from tests.support.room import LONG_SIDE, room

ALIKE = 0.7
"""Correlation from which on a face is the person's: measured .95 for sharp ones, under .5 for blurred ones."""
MAGENTA, GREEN, CYAN = (255, 0, 255), (0, 255, 0), (0, 255, 255)


class Box(NamedTuple):
    """A rectangle in pixels."""

    x: int
    y: int
    width: int
    height: int

    def of(self, picture: Picture) -> Picture:
        """Return a view of the part of `picture` that is in the box."""
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True)
class Marker:
    """Saturated vertical stripes at the top left of a width × height picture, where the person never is.

    Two stripes a period; the upper half is magenta and green, the lower magenta and cyan.
    """

    width: int
    height: int

    @property
    def period(self) -> int:
        """Pixels from a magenta stripe to the next; 16 in a picture of 640."""
        return max(4, 2 * round(8 * max(self.width, self.height) / LONG_SIDE))

    @property
    def box(self) -> Box:
        margin = self.period * 3 // 4
        return Box(margin, margin, self.period * 8, self.period * 6)

    @property
    def fits(self) -> bool:
        """Whether all of the stripes are in the picture."""
        x, y, width, height = self.box
        return x + width <= self.width and y + height <= self.height

    @cached_property
    def stripes(self) -> Picture:
        """The painted stripes, RGB, as large as `box`."""
        _, _, width, height = self.box
        odd = np.arange(width) // (self.period // 2) % 2 == 1
        picture = np.empty((height, width, 3), np.uint8)
        picture[: height // 2] = np.where(odd[:, None], GREEN, MAGENTA)
        picture[height // 2 :] = np.where(odd[:, None], CYAN, MAGENTA)
        return picture

    def contrast(self, picture: Picture) -> float:
        """Return how much of the stripes is left in `picture` (RGB, any size): 1 as painted, 0 none.

        It is the projection on the stripes' deviation from their row mean, so that no even colour counts.
        """
        if picture.shape[:2] != (self.height, self.width):
            size = (self.width, self.height)
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        stripes, seen = _deviation(self.stripes), _deviation(self.box.of(picture))
        return float((stripes * seen).sum() / (stripes * stripes).sum())


def _deviation(picture: Picture) -> NDArray[np.float32]:
    values = picture.astype(np.float32)
    return np.asarray(values - values.mean(axis=1, keepdims=True))


@dataclass(frozen=True)
class Camera:
    """Frames of width × height; frame `i` is the same every time, and frame `loop` is frame 0 again."""

    width: int = 640
    height: int = 360
    loop: int = 300
    noise: float = 2.5
    """Standard deviation of the sensor noise, in levels."""
    somebody: bool = True
    """False for an empty room."""
    marker: Marker = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "marker", Marker(self.width, self.height))

    def frame(self, i: int) -> Picture:
        """Return frame `i`, RGB, (height, width, 3)."""
        picture = self._wall.astype(np.float32)
        if self.somebody:
            person = self._warp(_premultiplied(), i)
            picture = picture * (1 - person[..., 3:]) + person[..., :3]
        return np.asarray(np.clip(picture + self._noise(i), 0, 255), np.uint8)

    def matte(self, i: int) -> NDArray[np.float32]:
        """Return the true matte of frame `i`, (height, width), in [0, 1]."""
        if not self.somebody:
            return np.zeros((self.height, self.width), np.float32)
        return self._warp(cutout()[1], i)

    def face(self, i: int) -> Box:
        """Return where the face is in frame `i`; every pixel of it is person."""
        x, y, width, height = FACE
        matrix = self._pose(i)
        corners = np.array([[x, y, 1], [x + width, y + height, 1]]) @ matrix.T
        (left, top), (right, bottom) = corners.round().astype(int).tolist()
        return Box(left, top, right - left, bottom - top)

    def face_is_in(self, picture: Picture) -> bool:
        """Tell whether a picture (RGB, any size) shows the person's face, sharp and unhidden."""
        face = np.ascontiguousarray(self.face(0).of(self.frame(0)))
        seen, wanted = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (picture, face))
        seen = cv2.resize(seen, (self.width, self.height))
        return float(cv2.matchTemplate(seen, wanted, cv2.TM_CCOEFF_NORMED).max()) > ALIKE

    def video_frames(self, n: int, rate: int = 30) -> list[av.VideoFrame]:
        """Return frames 0 to n - 1 as limited-range yuv420p with pts in units of 1 / rate."""
        return [self._video_frame(i, rate) for i in range(n)]

    def _video_frame(self, i: int, rate: int) -> av.VideoFrame:
        rgb = av.VideoFrame.from_ndarray(self.frame(i), format="rgb24")
        frame = rgb.reformat(format="yuv420p", threads=1)
        frame.pts, frame.time_base = i, Fraction(1, rate)
        return frame

    @cached_property
    def _wall(self) -> Picture:
        wall = room(self.width, self.height).copy()
        box = self.marker.box
        wall[box.y : box.y + box.height, box.x : box.x + box.width] = self.marker.stripes
        return wall

    @cached_property
    def _grain(self) -> NDArray[np.float32]:
        shape = (self.height + 64, self.width + 64, 3)
        return np.random.default_rng(7).standard_normal(shape, np.float32) * np.float32(self.noise)

    def _noise(self, i: int) -> NDArray[np.float32]:
        y, x = np.random.default_rng(i % self.loop).integers(0, 64, 2)
        return self._grain[y : y + self.height, x : x + self.width]

    def _pose(self, i: int) -> NDArray[np.float64]:
        """Return the 2 × 3 matrix from the photo to frame `i`: the person fills the frame and sways."""
        phase = 2 * pi * i / self.loop
        unit = max(self.width, self.height) / LONG_SIDE
        zoom = min(self.width / 400, self.height / 350) * (1 + 0.02 * sin(4 * phase))
        middle = self.width * 0.53 + unit * (22 * sin(3 * phase) + 4 * sin(11 * phase))
        bottom = self.height + unit * (14 + 5 * sin(7 * phase))
        # The photo's shoulders are centred on column 196; its last row stays below the frame's edge.
        turn = cv2.getRotationMatrix2D((196.0, float(BUST_HEIGHT)), 1.2 * sin(5 * phase), zoom)
        turn[:, 2] += np.array([middle - 196, bottom - BUST_HEIGHT])
        return np.asarray(turn, np.float64)

    def _warp(self, source: NDArray[np.float32], i: int) -> NDArray[np.float32]:
        # Photo pixels shrink by at most 2; the replicated border keeps the cut edge out of sight.
        size = (self.width, self.height)
        return cv2.warpAffine(source, self._pose(i), size, flags=cv2.INTER_LINEAR).astype(np.float32)


@cache
def _premultiplied() -> NDArray[np.float32]:
    """RGB times alpha, and alpha: (345, 512, 4)."""
    photo, alpha = cutout()
    return np.concatenate([photo * alpha[..., None], alpha[..., None]], axis=2).astype(np.float32)


def write_mjpeg(path: Path, camera: Camera, frames: int) -> None:
    """Write JPEGs one after another, which Chromium's --use-file-for-fake-video-capture plays 30 a second."""
    with path.open("wb") as file:
        for i in range(frames):
            bgr = np.ascontiguousarray(camera.frame(i)[..., ::-1])
            file.write(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())


def write_y4m(path: Path, camera: Camera, frames: int, rate: int = 30) -> None:
    """Write YUV4MPEG2, which Chromium takes as well, at `rate` a second."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{camera.width} H{camera.height} F{rate}:1 Ip A1:1 C420\n".encode())
        for frame in camera.video_frames(frames, rate):
            file.write(b"FRAME\n" + frame.to_ndarray().tobytes())


def pictures(frames: list[av.VideoFrame]) -> Iterator[Picture]:
    """Yield the frames as RGB."""
    for frame in frames:
        yield frame.to_ndarray(format="rgb24").astype(np.uint8)
