"""The matte of a photo."""

import numpy as np
import pytest

from filters.base import Alpha, Planes
from filters.matting.photo import PhotoMatte
from filters.matting.segmenter import Box
from filters.planes import resized


class Doubtful:
    """Person where it is bright, but wrong in every third look."""

    def __init__(self) -> None:
        self.inferences = 0

    def __call__(self, planes: Planes, box: Box | None, pixels: int | None) -> Alpha:
        self.inferences += 1
        left, top, right, bottom = box or (0, 0, *planes.size)
        seen = resized(np.ascontiguousarray(planes.y[top:bottom, left:right]), (160, 160))
        alpha = ((seen.astype(np.float32) - 140) / 40).clip(0, 1)
        return 1 - alpha if self.inferences % 3 == 0 else alpha


def photo(size: tuple[int, int]) -> Planes:
    width, height = size
    y = np.full((height, width), 40, np.uint8)
    y[height // 4 :, width // 3 : 2 * width // 3] = 200
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return Planes(y, chroma, chroma)


@pytest.mark.parametrize("size", [(1080, 720), (333, 501), (64, 48)])
def test_most_looks_outvote_the_wrong_ones(size: tuple[int, int]) -> None:
    planes = photo(size)
    got = PhotoMatte(Doubtful()).alpha(planes)
    person = planes.y > 120
    assert got.shape == planes.y.shape
    assert ((got > 127) == person).mean() > 0.97


def test_an_empty_room_stays_empty() -> None:
    def nobody(planes: Planes, box: Box | None, pixels: int | None) -> Alpha:
        return np.zeros((64, 64), np.float32)

    assert PhotoMatte(nobody).alpha(photo((320, 240))).max() == 0
