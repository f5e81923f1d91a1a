"""The blend: exact where the matte is decided, nothing of the room where it says room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.base import FilterError, Plane, Planes
from filters.compositor import chroma_alpha, composite

SIZES = [(640, 360), (641, 271), (480, 270), (360, 640), (1, 1), (2, 1), (1, 3), (17, 2)]


def planes(width: int, height: int, seed: int) -> Planes:
    random = np.random.default_rng(seed)
    half = ((height + 1) // 2, (width + 1) // 2)
    return Planes(*(random.integers(0, 256, shape, np.uint8) for shape in ((height, width), half, half)))


def run(source: Planes, alpha: Plane, background: Planes) -> Planes:
    out = Planes(*(np.full_like(plane, 77) for plane in source))
    composite(source, alpha, background, out)
    return out


def equal(first: Planes, second: Planes) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_decided_mattes_copy_exactly(width: int, height: int) -> None:
    source, background = planes(width, height, 1), planes(width, height, 2)
    assert equal(run(source, np.full((height, width), 255, np.uint8), background), source)
    assert equal(run(source, np.zeros((height, width), np.uint8), background), background)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_pixel_is_person_or_background_under_a_binary_matte(width: int, height: int) -> None:
    source, background = planes(width, height, 3), planes(width, height, 4)
    alpha = np.random.default_rng(5).choice(np.array([0, 255], np.uint8), (height, width))
    out = run(source, alpha, background)
    assert np.array_equal(out.y, np.where(alpha, source.y, background.y))
    chroma = chroma_alpha(alpha)
    assert np.array_equal(out.u, np.where(chroma, source.u, background.u))
    assert np.array_equal(out.v, np.where(chroma, source.v, background.v))


def test_every_level_of_alpha_is_rounded_to_nearest() -> None:
    levels = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    alpha = levels.T.copy()
    half = np.zeros((128, 128), np.uint8)
    out = run(Planes(levels, half, half), alpha, Planes(np.zeros_like(levels), half, half))
    assert np.abs(out.y - levels * (alpha / 255.0)).max() <= 0.5 + 1e-9


def test_no_chroma_of_the_room_in_any_pixel_of_the_background() -> None:
    source, background = planes(64, 48, 6), planes(64, 48, 7)
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[::2, ::2] = 0  # one pixel of every four is room
    out = run(source, alpha, background)
    assert np.array_equal(out.u, background.u)
    assert np.array_equal(out.v, background.v)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_chroma_alpha_is_the_minimum_of_its_four_pixels(width: int, height: int, seed: int) -> None:
    alpha = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    padded = np.pad(alpha, ((0, height % 2), (0, width % 2)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2)
    assert np.array_equal(chroma_alpha(alpha), blocks.min(axis=(1, 3)))


def test_planes_with_a_stride_are_written_in_place() -> None:
    luma, chroma = np.zeros((48, 96), np.uint8), np.zeros((24, 80), np.uint8)
    out = Planes(luma[:, :63], chroma[:, :32], chroma[:, 40:72])
    source = planes(63, 48, 8)
    composite(source, np.full((48, 63), 255, np.uint8), planes(63, 48, 9), out)
    assert equal(out, source)
    assert not luma[:, 63:].any()


@pytest.mark.parametrize("which", ["source", "background", "out", "alpha"])
def test_a_size_that_does_not_fit_is_refused_and_nothing_is_written(which: str) -> None:
    parts = {name: planes(64, 48, 1) for name in ("source", "background", "out")}
    alpha = np.full((48, 64), 255, np.uint8)
    if which == "alpha":
        alpha = alpha[:-1]
    else:
        parts[which] = planes(64, 47 if which == "source" else 46, 1)
    before = [plane.copy() for plane in parts["out"]]
    with pytest.raises(FilterError, match="64x"):
        composite(parts["source"], alpha, parts["background"], parts["out"])
    assert all(np.array_equal(a, b) for a, b in zip(before, parts["out"], strict=True))
