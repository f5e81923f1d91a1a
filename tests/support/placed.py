"""The astronaut at any place and size in front of a room, with the true matte; and a Matting that knows it."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import av
import cv2
import numpy as np

from filters.base import Plane, Planes
from filters.matting.follow import FollowState, Target
from filters.matting.matting import MatteFrame, PlateState
from tests.support.camera import Marker
from tests.support.person import BUST_HEIGHT, cutout
from tests.support.room import room

MIDDLE = 196.0  # column of the photo that the shoulders are centred on


class Place(NamedTuple):
    """Where somebody is: the middle, as a share of the frame's width, and how much of its height is filled."""

    middle: float
    height: float


def matte_at(place: Place, width: int = 640, height: int = 360) -> Plane:
    """Return the matte, uint8, of somebody who stands on the frame's lower border."""
    alpha: Plane = (255 * _warped(cutout()[1], place, width, height)).round().astype(np.uint8)
    return alpha


def frame_at(
    place: Place, index: int, *, light: float = 1.0, width: int = 640, height: int = 360
) -> av.VideoFrame:
    """Return frame `index` of 30 a second, in a room with a marker; the person has `light` of the photo's light."""
    photo, alpha = cutout()
    share = _warped(alpha, place, width, height)[..., None]
    marker = Marker(width, height)
    wall = room(width, height).copy()
    marker.box.of(wall)[:] = marker.stripes
    person = _warped(photo.astype(np.float32), place, width, height)
    mixed = light * person * share + wall * (1 - share)
    frame = av.VideoFrame.from_ndarray(mixed.clip(0, 255).astype(np.uint8), format="rgb24")
    frame = frame.reformat(format="yuv420p", threads=1)
    frame.pts, frame.time_base = index, Fraction(1, 30)
    return frame


def _warped(
    source: np.ndarray[tuple[int, ...], np.dtype[np.float32]], place: Place, width: int, height: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    zoom = place.height * height / (BUST_HEIGHT - 16)  # the hair begins in row 16
    matrix = np.array(
        [[zoom, 0, place.middle * width - zoom * MIDDLE], [0, zoom, height - zoom * BUST_HEIGHT]]
    )
    return cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_LINEAR).astype(np.float32)


def strong(planes: Planes) -> int:
    """Return how many samples of chroma are far from grey in both planes, as only the marker's stripes are."""
    far = [np.abs(plane.astype(int) - 128) > 48 for plane in (planes.u, planes.v)]
    return int((far[0] & far[1]).sum())


class KnownMattes:
    """A Matting that is told the mattes of the frames to come, and gives them without delay."""

    delay = 0
    network_interval = 1.0
    plate: PlateState = "none"
    followed: FollowState = "off"

    def __init__(self, mattes: list[Plane]) -> None:
        self._mattes = list(mattes)
        self.target: Target | None = None

    def push(self, planes: Planes) -> MatteFrame:
        return MatteFrame(planes, self._mattes.pop(0))

    def flush(self) -> None:
        pass

    def reset(self) -> None:
        pass

    def record_plate(self) -> None:
        pass

    def follow(self, target: Target | None) -> None:
        """Remember the target."""
        self.target = target

    def use_plate(self, planes: Planes | None) -> None:
        pass
