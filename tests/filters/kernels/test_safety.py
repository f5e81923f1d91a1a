"""No array that Python can make has the kernels read or write beyond it, and a refusal writes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filters import kernels
from filters.kernels import Kernel
from tests.support.kernels import VARIANTS, variant

TABLE = np.arange(256, dtype=np.uint8)
CANARY = 171

Signature = tuple[str, tuple[object, ...], int]

# What each kernel takes at 12 x 8 pixels: `B` and `f` for planes of bytes and floats, `c` for one of half the size, `d`
# for one of twice the size; `m` for a motion and `n` for
# three counts of floats, `t` for floats three times as high, `s` for
# cells, `g` for a Gaussian's taps; and how many of the last arrays it writes.
SIGNATURES: dict[str, Signature] = {
    "composite": ("BccB" + "Bcc" + "Bcc", (), 3),
    "composite_crop": ("BccB" + "Bcc" + "BccB", (0.5, 0.45, 0.8), 4),
    "own_colours": ("BccB" + "Bcc", (1,), 3),
    "enlarge": ("B" + "d", (1.5, -20.0), 1),
    "quantize": ("f" + "B", (255.0,), 1),
    "smooth": ("ffBBff" + "ff", (2.5, 1.0, 3.0, 9.0), 2),
    "room_distance": ("BBBBBB" + "BB", (), 2),
    "room_correct": ("BBBBBB" + "B", (TABLE, TABLE, TABLE, 24.0, 0.45, 8.0, 7, 2), 1),
    "guide": ("BB" + "B", (26.0,), 1),
    "unmix": ("BBBBB" + "B", (40.0, 215.0, 13.0, 242.0, 16.0, 0.5, 0.02, 4.0), 1),
    "track": ("BBB" + "m", (1e3, 0.1), 1),
    "warp": ("Bm" + "B", (), 1),
    "surprise": ("BBBmm" + "n", (5.0, 9.0, 12, 243), 1),
    "cells": ("B" + "s", (1, 2, 3), 1),
    "fill": ("BBBfg" + "BBB", (2e-3, 126.0, 128.0, 128.0, 1e-2), 3),
    "to_network": ("Bcc" + "t", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 1),
}
SHAPES = {
    "B": (8, 12),
    "f": (8, 12),
    "c": (4, 6),
    "d": (16, 24),
    "m": (2, 3),
    "n": (1, 3),
    "t": (24, 12),
    "s": (2, 3),
    "g": (1, 5),
}


def arguments(name: str, arrays: list[NDArray[np.generic]]) -> list[object]:
    """Return the arrays and numbers in the order in which the kernel takes them."""
    kinds, numbers, outputs = SIGNATURES[name]
    split = len(kinds) if name == "own_colours" else len(kinds) - outputs
    return [*arrays[:split], *numbers, *arrays[split:]]


def array(kind: str, shape: tuple[int, int] | None = None, margin: int = 0) -> NDArray[np.generic]:
    """Return an array inside another one that is larger by a margin on every side, all of CANARY."""
    height, width = shape or SHAPES[kind]
    dtype = np.float32 if kind in "fgmnt" else np.uint8
    around = np.full((height + 2 * margin, width + 2 * margin), CANARY, dtype)
    return around[margin : margin + height, margin : margin + width]


def valid(name: str, margin: int = 0) -> list[NDArray[np.generic]]:
    random = np.random.default_rng(3)
    arrays = [array(kind, margin=margin) for kind in SIGNATURES[name][0]]
    for filled in arrays[: -SIGNATURES[name][2]]:
        filled[:] = random.integers(0, 256, filled.shape) / (255 if filled.dtype == np.float32 else 1)
        if filled.shape == SHAPES["m"]:
            filled[:] = [[1.01, -0.02, 1.5], [0.02, 1.01, -0.7]]
    return arrays


@pytest.fixture(params=VARIANTS)
def chosen(request: pytest.FixtureRequest) -> kernels.Kernels:
    return variant(request.param)


@pytest.fixture(params=sorted(SIGNATURES))
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def kernel(chosen: kernels.Kernels, name: str) -> Kernel:
    found: Kernel = getattr(chosen, name)
    return found


def test_all_kernels_are_tried() -> None:
    assert set(SIGNATURES) == set(kernels.NAMES)


def test_only_the_outputs_are_written(kernel: Kernel, name: str) -> None:
    arrays = valid(name, margin=2)
    inputs = [a.copy() for a in arrays[: -SIGNATURES[name][2]]]
    assert kernel(*arguments(name, arrays)) is True
    for before, after in zip(inputs, arrays, strict=False):
        assert np.array_equal(before, after)
    for written in arrays[len(inputs) :]:
        whole = written.base
        assert whole is not None
        assert not (written == CANARY).all()
        written[:] = CANARY
        assert (np.asarray(whole) == CANARY).all()


def test_a_size_that_does_not_fit_is_refused(kernel: Kernel, name: str) -> None:
    for index, kind in enumerate(SIGNATURES[name][0]):
        if kind in "sg" or name == "cells":
            continue  # cells and taps may be more and fewer
        for more in ((1, 0), (0, 1), (-1, 0), (0, -1)):
            arrays = valid(name)
            height, width = SHAPES[kind]
            arrays[index] = array(kind, (height + more[0], width + more[1]))
            outputs = arrays[-SIGNATURES[name][2] :]
            with pytest.raises(ValueError, match="not"):
                kernel(*arguments(name, arrays))
            assert all((out == CANARY).all() for out in outputs)


def test_another_type_and_another_number_of_dimensions_are_refused(kernel: Kernel, name: str) -> None:
    for index, kind in enumerate(SIGNATURES[name][0]):
        good = array(kind)
        for bad in (good.astype(np.int8), good.astype(np.float64), good[0], good[None], None, "", b"12"):
            arrays: list[object] = [*valid(name)]
            arrays[index] = bad
            with pytest.raises((TypeError, BufferError)):
                kernel(*arguments(name, arrays))  # type: ignore[arg-type]


def test_what_may_not_be_written_is_not(kernel: Kernel, name: str) -> None:
    for index in range(1, SIGNATURES[name][2] + 1):
        arrays = valid(name)
        arrays[-index].flags.writeable = False
        with pytest.raises((ValueError, BufferError)):
            kernel(*arguments(name, arrays))
        assert (arrays[-index] == CANARY).all()


def test_rows_that_are_not_contiguous_are_left_to_opencv(kernel: Kernel, name: str) -> None:
    for index in range(len(SIGNATURES[name][0])):
        height, width = valid(name)[index].shape
        for layout in ("mirrored", "upside down", "transposed", "every other", "one row"):
            arrays = valid(name)
            kind = arrays[index].dtype
            arrays[index] = {
                "mirrored": np.full((height, width), CANARY, kind)[:, ::-1],
                "upside down": np.full((height, width), CANARY, kind)[::-1],
                "transposed": np.full((width, height), CANARY, kind).T,
                "every other": np.full((height, 2 * width), CANARY, kind)[:, ::2],
                "one row": np.lib.stride_tricks.as_strided(
                    np.full((1, width), CANARY, kind), (height, width), (0, np.dtype(kind).itemsize)
                ),
            }[layout]
            if arrays[index].shape[0] == 1 and layout in ("upside down", "transposed", "one row"):
                continue  # one row is one row
            assert kernel(*arguments(name, arrays)) is False, layout
            assert all((out == CANARY).all() for out in arrays[-SIGNATURES[name][2] :])


def test_an_output_that_is_an_input_is_left_to_opencv(kernel: Kernel, name: str) -> None:
    arrays = valid(name)
    kinds, _, outputs = SIGNATURES[name]
    for out in range(len(kinds) - outputs, len(kinds)):
        for index in range(len(kinds) - outputs):
            if kinds[index] == kinds[out]:
                shared = [*arrays]
                shared[out] = shared[index]
                assert kernel(*arguments(name, shared)) is False


def test_a_wrong_number_of_arguments_is_refused(kernel: Kernel, name: str) -> None:
    full = arguments(name, valid(name))
    for wrong in ([], full[:-1], [*full, full[-1]]):
        with pytest.raises(TypeError, match="arguments"):
            kernel(*wrong)


def test_numbers_that_are_none_are_refused(kernel: Kernel, name: str) -> None:
    for index, value in enumerate(arguments(name, valid(name))):
        if isinstance(value, (int, float)):
            wrong = arguments(name, valid(name))
            wrong[index] = "x"
            with pytest.raises(TypeError):
                kernel(*wrong)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30, -1.0])
def test_numbers_out_of_range_stay_inside_the_arrays(kernel: Kernel, name: str, value: float) -> None:
    for index, number in enumerate(arguments(name, valid(name))):
        if isinstance(number, float):
            arrays = valid(name, margin=2)
            wrong = arguments(name, arrays)
            wrong[index] = value
            assert kernel(*wrong) in (True, False)


@given(st.lists(st.floats(width=32), min_size=6, max_size=6), st.sampled_from(["warp", "surprise"]))
@settings(max_examples=300, deadline=None)
@pytest.mark.slow
def test_any_motion_stays_inside_the_arrays(numbers: list[float], name: str) -> None:
    arrays = valid(name, margin=2)
    for motion in arrays:
        if motion.shape == SHAPES["m"]:
            motion[:] = np.array(numbers, np.float32).reshape(2, 3)
    assert getattr(kernels.load(), name)(*arguments(name, arrays)) in (True, False)
    assert (np.asarray(arrays[-1].base)[:2] == CANARY).all()


@pytest.mark.slow
@given(
    st.integers(0, 15), st.integers(0, 20), st.integers(0, 7), st.tuples(st.integers(1, 9), st.integers(1, 9))
)
@settings(deadline=None)
def test_more_cells_than_there_are_pixels_are_none(
    halvings: int, cell: int, side: int, shape: tuple[int, int]
) -> None:
    out = array("B", shape, margin=2)
    done = kernels.load().cells(array("B"), halvings, cell, side, out)
    fits = all(n * cell <= length >> halvings for n, length in zip(shape, SHAPES["B"], strict=True))
    assert not done or (fits and side in (1, 3, 5))
    assert (np.asarray(out.base)[:2] == CANARY).all()


def test_a_table_of_another_length_is_refused(chosen: kernels.Kernels) -> None:
    for index in (6, 7, 8):
        wrong = arguments("room_correct", valid("room_correct"))
        wrong[index] = TABLE[:-1]
        with pytest.raises(ValueError, match="256"):
            chosen.room_correct(*wrong)


@given(st.data())
@settings(max_examples=300, deadline=None)
@pytest.mark.slow
def test_any_arrays_at_all(data: st.DataObject) -> None:
    library = kernels.load()
    if library.variant == "none":
        pytest.skip(library.reason)
    name = data.draw(st.sampled_from(sorted(SIGNATURES)))
    sides = st.sampled_from([0, 1, 2, 3, 7, 8, 12, 40])
    shape = data.draw(st.tuples(sides, sides))
    arrays = []
    for kind in SIGNATURES[name][0]:
        own = data.draw(st.sampled_from([shape, shape, shape, (shape[0] // 2, shape[1] // 2)]))
        step = data.draw(st.sampled_from([1, 1, 1, 2, -1]))
        arrays.append(array(kind, (own[0], own[1] * abs(step)))[:, ::step])
    try:
        done = library.__getattribute__(name)(*arguments(name, arrays))
    except (TypeError, ValueError, BufferError):
        done = False
    if not done:
        assert all((a == CANARY).all() for a in arrays)
