"""The whole filter over a film with all that disturbs its delay line: each frame comes out with its own matte."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from filters.backgrounds.background import Color
from filters.base import Alpha, FilteredFrame, FilterError, Planes, new_frame, planes_of
from filters.matting.segmenter import Box
from filters.matting.smoother import SMOOTHERS
from filters.person import PersonFilter
from filters.planes import resized

SIZE, OTHER_SIZE = (320, 180), (240, 320)
PERSON_LUMA = 200
BROKEN_LUMA = 235


class Bright:
    """Takes what is bright for a person, and breaks where everything is."""

    def __call__(self, planes: Planes, box: Box | None, pixels: int | None) -> Alpha:
        left, top, right, bottom = box or (0, 0, *planes.size)
        seen = resized(np.ascontiguousarray(planes.y[top:bottom, left:right]), (96, 64))
        if seen.min() == BROKEN_LUMA:
            raise FilterError("broken")
        return ((seen.astype(np.float32) - 140) / 40).clip(0, 1)


def person_at(index: int) -> float:
    """Return where the person begins in a frame, as a share of the width: a step of 8 px of 320 a frame."""
    return 0.1 + 0.025 * (index % 20)


def picture(index: int, size: tuple[int, int] = SIZE, luma: int = 40) -> av.VideoFrame:
    """Return a room with a person who stands somewhere else in every frame; a broken one has none."""
    frame, planes = new_frame(*size)
    planes.y[:] = luma
    planes.u[:], planes.v[:] = 110, 140
    left, width = int(person_at(index) * size[0]), size[0] // 3
    if luma != BROKEN_LUMA:
        planes.y[size[1] // 4 :, left : left + width] = PERSON_LUMA
    frame.pts, frame.time_base = index, Fraction(1, 30)
    return frame


class Run:
    """A filter, and the indices of the frames that it has given: all, and those replaced by a safe picture."""

    def __init__(self, smoother: str) -> None:
        self.person = PersonFilter(Bright(), Color(0, 120, 0), smoother=SMOOTHERS[smoother]())
        self.given: list[int] = []
        self.replaced: list[int] = []

    def film(self, indices: range, size: tuple[int, int] = SIZE, luma: int = 40) -> None:
        """Filter some frames of one size, in a room of one luma."""
        for index in indices:
            self.take(self.person.filter(picture(index, size, luma)))

    def flush(self) -> None:
        for shown in self.person.flush():
            self.take(shown)

    def take(self, shown: FilteredFrame | None) -> None:
        """Note what comes out; fail unless the person is where they are in this very frame, and nowhere else."""
        if shown is None:
            return
        index, y = shown.frame.pts or 0, planes_of(shown.frame).y
        self.given.append(index)
        if shown.safe:
            self.replaced.append(index)
            return
        left = int(person_at(index) * y.shape[1])
        columns = np.flatnonzero((y[-y.shape[0] // 4 :] > PERSON_LUMA - 30).mean(axis=0) > 0.5)
        assert columns[0] == pytest.approx(left, abs=4), index
        assert columns[-1] == pytest.approx(left + y.shape[1] // 3, abs=4), index


@pytest.mark.parametrize(
    ("smoother", "replaced"),
    [
        ("adaptive", [63, 64, 68, 71, 72, 73, 77, 78]),
        ("ofd", [63, 64, 68, 71, 72, 73, 77, 78]),
        ("none", [64, 72, 73, 78]),
    ],
)
def test_each_frame_comes_out_in_order_with_its_own_matte_or_replaced(
    smoother: str, replaced: list[int]
) -> None:
    """What is replaced: what was not decoded, is distrusted or breaks, and what waits for its matte just then."""
    run = Run(smoother)
    run.film(range(6))
    run.film(range(9, 13))  # after frames that were dropped on the way
    run.film(range(13, 17), luma=110)  # another scene
    run.film(range(17, 20), OTHER_SIZE)
    run.film(range(20, 23))
    run.film(range(60, 64))  # after a gap
    run.take(run.person.hide(picture(64)))
    run.film(range(65, 69))
    run.person.distrust()
    run.film(range(69, 72))
    run.film(range(72, 74), luma=BROKEN_LUMA)
    run.film(range(74, 78))
    run.film(range(78, 79), luma=BROKEN_LUMA)
    run.film(range(79, 82))
    run.flush()
    run.film(range(82, 85))
    run.flush()
    assert run.given == [*range(6), *range(9, 23), *range(60, 85)]
    assert run.replaced == replaced
