"""A ring of samples with the teacher's mattes: making one costs more than a step with it, so each is used often."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.data.pictures import Floats, Plane
from models.training.data.samples import Draw, Sample
from models.training.teacher import Teacher

CHANNELS = 7
"""RGB, the true matte, where it is known, the teacher's matte, discs of key points."""

PICTURE, ALPHA, KNOWN, TEACHER, JOINTS = (np.s_[..., i] for i in (slice(3), 3, 4, 5, 6))

Bytes = NDArray[np.uint8]

Make = Callable[[int, tuple[int, int]], Bytes]
"""Makes a sample, (height, width, CHANNELS), of its number and shape."""


class Ring:
    """The newest samples of one shape (height, width)."""

    def __init__(self, shape: tuple[int, int], size: int, make: Make) -> None:
        self.shape = shape
        self.made = 0
        self._make = make
        self._samples = np.zeros((size, *shape, CHANNELS), np.uint8)
        self._sum = np.zeros(shape, np.int64)

    def add(self, first: int, count: int) -> None:
        """Make samples number `first` and on, in the place of the oldest."""
        for number in range(first, first + count):
            sample = self._make(number, self.shape)
            self._samples[self.made % len(self._samples)] = sample
            self._sum += sample[ALPHA]
            self.made += 1

    def mean_alpha(self) -> Floats:
        """Return the mean matte of all samples so far and their mirror images, float32 (height, width) in [0, 1]."""
        mean = (self._sum + self._sum[:, ::-1]) / (2 * 255 * max(1, self.made))
        return mean.astype(np.float32)

    def batch(self, count: int, rng: np.random.Generator) -> Bytes:
        """Return `count` samples, half of them mirrored, (count, height, width, CHANNELS)."""
        chosen = self._samples[rng.integers(0, min(self.made, len(self._samples)), count)]
        mirrored = rng.random(count) < 0.5
        chosen[mirrored] = chosen[mirrored][:, :, ::-1]
        return chosen


def with_teacher(draw: Draw, teacher: Teacher | None, seed: int, *, vote: bool = True) -> Make:
    """Return what makes a sample with the teacher's vote, or one look, on it; without a teacher, the truth."""

    def make(number: int, shape: tuple[int, int]) -> Bytes:
        sample = draw(seed + number, shape)
        return packed(sample, _taught(sample, teacher, vote))

    return make


def kept(make: Make, folder: Path) -> Make:
    """Return what takes a sample from the folder where it is there, and else makes it and leaves it there."""
    folder.mkdir(parents=True, exist_ok=True)

    def make_once(number: int, shape: tuple[int, int]) -> Bytes:
        path = folder / f"{number}_{shape[0]}x{shape[1]}.npy"
        if not path.exists():
            part = path.with_suffix(".part.npy")
            np.save(part, make(number, shape))
            part.replace(path)
        sample: Bytes = np.load(path)
        return sample

    return make_once


def _taught(sample: Sample, teacher: Teacher | None, vote: bool) -> Plane:
    if teacher is None:
        return sample.alpha
    matte = teacher.vote(sample.picture).alpha if vote else teacher.look(sample.picture)
    return (255 * np.clip(matte, 0, 1) + 0.5).astype(np.uint8)


def packed(sample: Sample, taught: Plane) -> Bytes:
    """Return a sample and the teacher's matte as one array (height, width, CHANNELS)."""
    out = np.empty((*sample.alpha.shape, CHANNELS), np.uint8)
    out[PICTURE], out[ALPHA], out[KNOWN], out[TEACHER] = sample.picture, sample.alpha, sample.known, taught
    out[JOINTS] = sample.joints
    return out
