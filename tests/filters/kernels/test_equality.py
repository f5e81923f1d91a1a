"""The kernels give what OpenCV and numpy give, for any size and layout."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import zip_longest
from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filters.backgrounds.blur import Blur
from filters.base import Alpha, Plane, Planes
from filters.compositor import composite, composite_crop
from filters.foreground import foreground
from filters.framing import CropBox
from filters.matting.edges import guided
from filters.matting.grid import Work, work_of
from filters.matting.motion import STILL, Tracker, warped
from filters.matting.room_model import RoomModel
from filters.matting.segmenter import Segmenter, load_card
from filters.matting.smoother import MatteSample, MotionAdaptive
from filters.matting.stillness import Stillness
from filters.matting.unmixing import unmixed
from filters.planes import doubled, to_plane
from server.config.options import DEFAULT_MODEL, MODELS
from tests.support.kernels import VARIANTS, compare, matte, noise, picture, smooth

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("variant", VARIANTS)]

sides = st.integers(1, 90)
seeds = st.integers(0, 2**32 - 9)
paddings = st.integers(0, 3)
mattes = st.sampled_from(
    [matte, noise, lambda *a: np.zeros(a[0], np.uint8), lambda *a: np.full(a[0], 255, np.uint8)]
)
fuzzed = settings(max_examples=40, deadline=None)

Make = Callable[[tuple[int, int], int, int], Plane]


@given(sides, sides, seeds, paddings, mattes)
@fuzzed
def test_composite(variant: str, width: int, height: int, seed: int, padding: int, make: Make) -> None:
    source, background = picture(width, height, seed, padding), picture(width, height, seed + 4, padding)
    alpha = make((height, width), seed, padding)

    def work() -> Planes:
        out = picture(width, height, 0, padding)
        composite(source, alpha, background, out)
        return out

    result = compare(variant, work)
    assert result.taken == {"composite"}
    result.check(far=0)


shares = st.floats(0, 1)


@given(sides, sides, seeds, paddings, mattes, st.builds(CropBox, shares, shares, shares))
@fuzzed
def test_composite_crop(
    variant: str, width: int, height: int, seed: int, padding: int, make: Make, crop: CropBox
) -> None:
    source, background = picture(width, height, seed, padding), picture(width, height, seed + 4, padding)
    alpha = make((height, width), seed, padding)

    def work() -> Plane:
        out = picture(width, height, 0, padding)
        shown = composite_crop(source, alpha, background, crop.within(), out)
        return np.concatenate([plane.ravel() for plane in (*out, shown)])

    result = compare(variant, work)
    assert result.taken == {"composite_crop"}
    result.check(far=3, share=0.1)


@given(sides, sides, seeds, paddings, mattes, st.sampled_from([1, 1, 9]))
@fuzzed
def test_own_colours(
    variant: str, width: int, height: int, seed: int, padding: int, make: Make, scale: int
) -> None:
    width, height = 2 * scale * width, 2 * scale * height
    source, alpha = picture(width, height, seed, padding), make((height, width), seed, padding)
    result = compare(variant, lambda: foreground(source, alpha))
    result.check(far=2, share=1e-4)


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (1280, 720), (480, 270), (8, 4)])
def test_own_colours_are_taken_for_usual_sizes(variant: str, size: tuple[int, int]) -> None:
    source, alpha = picture(*size, 5), matte((size[1], size[0]), 6)
    result = compare(variant, lambda: foreground(source, alpha))
    assert result.taken == {"own_colours"}
    result.check(far=1)


@given(sides, sides, seeds, paddings, mattes, st.sampled_from([(1.0, 0.0), (1.923, -157.6), (0.0, 0.0)]))
@fuzzed
def test_doubled(
    variant: str, width: int, height: int, seed: int, padding: int, make: Make, stretch: tuple[float, float]
) -> None:
    plane = make((height, width), seed, padding)
    result = compare(variant, lambda: doubled(plane, *stretch))
    assert result.taken == {"enlarge"}
    result.check(far=1)


@given(st.integers(2, 90), sides, seeds, st.sampled_from([1.0, 255.0]))
@fuzzed
def test_to_plane(variant: str, width: int, height: int, seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    values = (random.uniform(-0.2, 1.2, (height, width)) * 255 / scale).astype(np.float32)
    result = compare(variant, lambda: to_plane(values, scale))
    assert result.taken == {"quantize"}
    result.check(far=0)


def alpha(shape: tuple[int, int], seed: int) -> Alpha:
    values: Alpha = np.multiply(matte(shape, seed), np.float32(1 / 255))
    return values


@given(st.integers(16, 90), st.integers(16, 90), seeds)
@fuzzed
def test_smoother(variant: str, width: int, height: int, seed: int) -> None:
    frames = [
        MatteSample(alpha((height, width), seed + t), smooth((height, width), seed + t % 2)) for t in range(5)
    ]

    def work() -> Plane:
        smoother = MotionAdaptive()
        out = [smoother.smooth(*pair) for pair in zip_longest(frames, frames[1:])]
        return np.stack([to_plane(a, 255.0) for a in out])

    result = compare(variant, work)
    assert result.taken == {"smooth", "quantize"}
    result.check(far=1)


def work_grid(width: int, height: int, seed: int) -> Work:
    y, u, v = (smooth((height, width), seed + i) for i in range(3))
    return Work(y, u, v, y[::4, ::4].copy())


@given(st.integers(16, 90), st.integers(16, 90), seeds)
@fuzzed
def test_room_model(variant: str, width: int, height: int, seed: int) -> None:
    frames = [work_grid(width, height, seed + t % 2) for t in range(12)]

    def work() -> Plane:
        room = RoomModel()
        room.adopt(frames[0])
        random = np.random.default_rng(seed)
        seen = [matte((height, width), seed + int(random.integers(4))) for _ in frames]
        return np.stack([room.correct(f, frames[0], m) for f, m in zip(frames, seen, strict=True)])

    result = compare(variant, work)
    assert result.taken >= {"room_distance", "room_correct"}
    result.check(far=0)


@given(st.integers(4, 45), st.integers(4, 45), seeds)
@fuzzed
def test_guided(variant: str, width: int, height: int, seed: int) -> None:
    shape = (2 * height, 2 * width)
    alpha, luma = matte(shape, seed), smooth(shape, seed + 1)
    result = compare(variant, lambda: guided(alpha, luma))
    result.check(far=1)


@given(st.integers(4, 23), st.integers(4, 23), seeds)
@fuzzed
def test_unmixed(variant: str, width: int, height: int, seed: int) -> None:
    planes = picture(8 * width, 8 * height, seed)
    work = work_of(planes)
    shape = work.y.shape
    before, after = matte(shape, seed + 1), matte(shape, seed + 2)
    result = compare(variant, lambda: unmixed(before, after, work))
    assert result.taken == ({"unmix"} if shape[0] % 4 == 0 == shape[1] % 4 else set())
    result.check(far=1)


@cache
def segmenter() -> Segmenter:
    """Return a segmenter whose network takes what no network of ours does: means that are not 0."""
    found = Segmenter(load_card(DEFAULT_MODEL, MODELS))
    found._bias = np.array([0.1, -0.2, 0.3], np.float32)
    return found


@given(st.integers(1, 60), st.integers(1, 60), seeds, paddings)
@fuzzed
def test_network_input(variant: str, width: int, height: int, seed: int, padding: int) -> None:
    packed = np.concatenate([p.ravel() for p in picture(2 * width, 2 * height, seed, padding)])

    def work() -> NDArray[np.uint8]:
        blob = segmenter()._blob(packed.reshape(3 * height, 2 * width))
        return to_plane(blob.reshape(-1, 2 * width), 255.0)

    result = compare(variant, work)
    assert "to_network" in result.taken
    result.check(far=0)


@given(st.integers(1, 200), st.integers(1, 200), seeds, paddings, st.sampled_from(["soft", "strong"]))
@fuzzed
def test_blur(
    variant: str, width: int, height: int, seed: int, padding: int, strength: Literal["soft", "strong"]
) -> None:
    source, alpha = picture(width, height, seed, padding), matte((height, width), seed, padding)
    result = compare(variant, lambda: Planes(*(p.copy() for p in Blur(strength).paint(source, alpha, 0.0))))
    assert "fill" in result.taken
    # A cell that is rounded the other way is enlarged bicubically, which can make two of one: a sample in 10,000 or so.
    result.check(far=2, share=1e-3)


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (1280, 720), (641, 271)])
@pytest.mark.parametrize("strength", ["soft", "strong"])
def test_blur_of_usual_sizes(
    variant: str, size: tuple[int, int], strength: Literal["soft", "strong"]
) -> None:
    source, alpha = picture(*size, 5), matte((size[1], size[0]), 6)
    result = compare(variant, lambda: Planes(*(p.copy() for p in Blur(strength).paint(source, alpha, 0.0))))
    assert result.taken == {"cells", "fill"}
    result.check(far=1)


small_numbers = st.floats(-1, 1)


@given(st.integers(2, 90), st.integers(2, 60), seeds, st.tuples(*[small_numbers] * 4), mattes)
@fuzzed
def test_warped(
    variant: str, width: int, height: int, seed: int, moves: tuple[float, ...], make: Make
) -> None:
    grow, turn, right, down = moves
    motion = np.array(
        [[1 + 0.1 * grow, -0.1 * turn, 9 * right], [0.1 * turn, 1 + 0.1 * grow, 9 * down]], np.float32
    )
    plane = make((height, width), seed, 0)
    result = compare(variant, lambda: warped(plane, motion))
    assert result.taken == {"warp"}
    # OpenCV 4 rounds coordinates to 1/32 of a pixel.
    result.check(far=1 if cv2.__version__ >= "5" else 16)


@given(st.integers(20, 90), st.integers(20, 60), seeds, st.tuples(*[small_numbers] * 4))
@fuzzed
def test_tracker(variant: str, width: int, height: int, seed: int, moves: tuple[float, ...]) -> None:
    grow, turn, right, down = moves
    moved = np.array(
        [[1 + 0.01 * grow, -0.01 * turn, right], [0.01 * turn, 1 + 0.01 * grow, down]], np.float32
    )
    picture, weights = smooth((height, width), seed), matte((height, width), seed + 1)

    def work() -> NDArray[np.uint8]:
        # In hundredths of a pixel, at the far corner.
        motion = Tracker(picture).motion(warped(picture, moved), weights, np.inf)
        corner = np.array([width, height, 1], np.float32)
        levels: NDArray[np.uint8] = (
            ((motion - STILL) @ corner * 100 + 128).clip(0, 255).round().astype(np.uint8)
        )
        return levels

    result = compare(variant, work)
    assert "track" in result.taken
    result.check(far=1)


@given(st.integers(16, 90), st.integers(16, 60), seeds, st.tuples(*[small_numbers] * 2))
@fuzzed
def test_stillness(variant: str, width: int, height: int, seed: int, move: tuple[float, float]) -> None:
    luma, after = smooth((height, width), seed), smooth((height, width), seed + 1)
    motion = np.array([[1, 0, move[0]], [0, 1, move[1]]], np.float32)

    def work() -> NDArray[np.uint8]:
        stillness = Stillness()
        stillness.saw(luma, matte((height, width), seed + 2))
        pictures = (luma, after, warped(luma, motion))
        counts = [stillness._surprise(p, motion, STILL) for p in pictures]
        shares: NDArray[np.uint8] = (255 * np.array(counts) / luma.size).round().astype(np.uint8)
        return shares

    result = compare(variant, work)
    assert result.taken == {"warp", "surprise"}
    result.check(far=1)


def test_every_kernel_serves_a_usual_frame(variant: str) -> None:
    planes = picture(640, 360, 3)
    work, alpha = work_of(planes), matte((180, 320), 4)
    room = RoomModel()
    result = compare(variant, lambda: guided(room.correct(work, work, alpha), work.y))
    assert result.taken >= {"room_distance", "room_correct", "guide"}
