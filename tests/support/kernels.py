"""Runs the filter's kernels and what they stand for, one beside the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from filters import kernels
from filters.base import Plane, Planes

T = TypeVar("T")

VARIANTS = ("avx2", "baseline")


class Calls(kernels.Kernels):
    """Kernels that remember which of them were taken."""

    def __init__(self, chosen: kernels.Kernels) -> None:
        super().__init__(None)
        self.variant = chosen.variant
        self.taken: list[str] = []
        for name in kernels.NAMES:
            setattr(self, name, self._watched(name, getattr(chosen, name)))

    def _watched(self, name: str, kernel: kernels.Kernel) -> kernels.Kernel:
        def call(*arguments: object) -> bool:
            done = kernel(*arguments)
            if done:
                self.taken.append(name)
            return done

        return call


def variant(name: str) -> kernels.Kernels:
    """Return the kernels of a variant; skips the test where the library isn't built or the processor can't run it."""
    chosen = kernels.load(name)
    if chosen.variant != name:
        pytest.skip(f"{name}: {chosen.reason}")
    return chosen


class Both(NamedTuple):
    """What the same work gives with the kernels and without, and which kernels were taken."""

    kernels: NDArray[np.uint8]
    opencv: NDArray[np.uint8]
    taken: set[str]

    def check(self, far: int, share: float = 0.0) -> None:
        """Fail where a level differs by more than `far`, or more than a share of them by more than 1."""
        difference = np.abs(self.kernels.astype(int) - self.opencv)
        assert self.kernels.shape == self.opencv.shape
        assert difference.max(initial=0) <= far
        assert (difference > 1).sum() <= share * difference.size


def compare(name: str, work: Callable[[], NDArray[np.uint8] | Planes]) -> Both:
    """Run `work` with the kernels of a variant and with none of them."""
    before, calls = kernels.native, Calls(variant(name))
    try:
        kernels.native = calls
        mine = work()
        kernels.native = kernels.Kernels(None)
        return Both(flat(mine), flat(work()), set(calls.taken))
    finally:
        kernels.native = kernels.load(before.variant) if before.variant != "none" else before


def flat(result: NDArray[np.uint8] | Planes) -> NDArray[np.uint8]:
    return np.concatenate([p.ravel() for p in result]) if isinstance(result, tuple) else result.ravel()


def noise(shape: tuple[int, int], seed: int, padding: int = 0) -> Plane:
    """Return random levels whose rows lie `padding` bytes apart."""
    height, width = shape
    wide: Plane = np.random.default_rng(seed).integers(0, 256, (height, width + padding), np.uint8)
    return wide[:, :width]


def picture(width: int, height: int, seed: int, padding: int = 0) -> Planes:
    """Return a smooth random picture with some noise."""
    half = ((height + 1) // 2, (width + 1) // 2)
    return Planes(*(smooth(s, seed + i, padding) for i, s in enumerate(((height, width), half, half))))


def smooth(shape: tuple[int, int], seed: int, padding: int = 0) -> Plane:
    """Return a wave over the plane, with noise of 4 levels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1] + padding]
    fx, fy, phase = random.uniform(0.01, 0.3, 3)
    wave = 128 + 120 * np.sin(x * fx + y * fy + 6 * phase) + random.normal(0, 4, x.shape)
    plane: Plane = wave.clip(0, 255).astype(np.uint8)
    return plane[:, : shape[1]]


def matte(shape: tuple[int, int], seed: int, padding: int = 0) -> Plane:
    """Return a soft-edged disc somewhere; 0 and 255 where it is certain."""
    random = np.random.default_rng(seed)
    height, width = shape
    y, x = np.mgrid[:height, : width + padding]
    cx, cy, radius, soft = (*random.uniform(0, 1, 2), random.uniform(0.1, 0.6), random.uniform(0.5, 12))
    distance = radius * max(shape) - np.hypot(x - cx * width, y - cy * height)
    plane: Plane = (255 * (distance / soft + 0.5).clip(0, 1)).round().astype(np.uint8)
    return plane[:, :width]
