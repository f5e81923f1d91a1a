"""Two people before one camera: one stays, another walks past behind or before them, from one side to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Planes, planes_of
from tests.support.person import Picture, cutout
from tests.support.room import room

WIDTH, HEIGHT = 640, 360
CLOTHES_FROM = 190
"""Row of the cut-out at which the space suit begins."""

Mask = NDArray[np.bool_]
Walk = Callable[[int], float | None]
"""Where somebody is in a frame: px from the middle of the picture, None while they are away."""


class Scene(NamedTuple):
    """A frame, and who is seen where."""

    planes: Planes
    own: Mask
    other: Mask


def walks(start: int, begin: float, end: float, frames: int) -> Walk:
    """Return a walk from frame `start` on, from one place to another, that ends there."""

    def walk(i: int) -> float | None:
        return None if i < start else begin + (end - begin) * min(1.0, (i - start) / frames)

    return walk


def scenes(count: int, own: Walk, other: Walk, *, before: bool = False) -> Iterator[Scene]:
    """Yield frames of somebody in orange and somebody in blue, who walks behind them or `before` them."""
    for i in range(count):
        picture = room(WIDTH, HEIGHT).astype(np.float32)
        layers = [(_blue(), other(i), 0.75), (_orange(), own(i), 0.9)]
        seen = [np.zeros((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH), np.float32)]
        for who in (1, 0) if before else (0, 1):
            person, at, size = layers[who]
            if at is None:
                continue
            colours, alpha = _placed(person, at + 3 * np.sin(i / 5), size)
            picture = picture * (1 - alpha[..., None]) + colours * alpha[..., None]
            seen[1 - who] *= 1 - alpha
            seen[who] = alpha
        noise = np.random.default_rng(i).normal(0, 2.0, picture.shape)
        rgb = np.clip(picture + noise, 0, 255).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p", threads=1)
        planes = Planes(*(plane.copy() for plane in planes_of(frame)))
        yield Scene(planes, seen[1] > 0.98, seen[0] > 0.98)


@cache
def _orange() -> tuple[Picture, NDArray[np.float32]]:
    return cutout()


@cache
def _blue() -> tuple[Picture, NDArray[np.float32]]:
    """Return somebody else: the other way round, with dark hair, in blue."""
    photo, alpha = cutout()
    other = photo[:, ::-1].copy()
    other[CLOTHES_FROM:] = other[CLOTHES_FROM:, :, ::-1]
    hsv = cv2.cvtColor(other, cv2.COLOR_RGB2HSV)
    hair = (hsv[..., 2] < 120) & (np.arange(len(hsv)) < CLOTHES_FROM)[:, None]
    other[hair] //= 3
    return other, np.ascontiguousarray(alpha[:, ::-1])


def _placed(
    person: tuple[Picture, NDArray[np.float32]], at: float, size: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    photo, alpha = person
    # The photo's last row stays below the frame's edge.
    move = np.array(
        [
            [size, 0, WIDTH / 2 + at - size * photo.shape[1] / 2],
            [0, size, HEIGHT + 4 - size * (photo.shape[0] - 1)],
        ]
    )
    colours = cv2.warpAffine(photo, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return colours.astype(np.float32), cv2.warpAffine(alpha, move, (WIDTH, HEIGHT)).astype(np.float32)
