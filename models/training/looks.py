"""The looks that the whole filter takes at the clips of a suite: what its network is shown, and what is true there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import Alpha, Planes
from filters.matting.matte import Matte
from filters.matting.matting import mattes
from filters.matting.segmenter import Blob, Box, ModelCard, Segmenter, load_card
from filters.planes import to_plane
from models.training.data.pictures import Plane, read_plane
from models.training.evaluate import Clip, frames


class Look(NamedTuple):
    """One look, as uint8: 0 to 255 stands for 0 to 1."""

    picture: NDArray[np.uint8]
    """What the network was given, (3, height, width): a network whose mean is 0 and whose std is 1."""
    truth: Plane
    """The true matte of that region, (height, width)."""
    matte: Plane
    """What the network answered."""


class Recorder(Segmenter):
    """A network that keeps every so many of its looks."""

    def __init__(self, card: ModelCard, every: int) -> None:
        self.looks: list[Look] = []
        self._every, self._taken = every, 0
        self._box: Box = (0, 0, 0, 0)
        self._truth: Plane | None = None
        super().__init__(card)

    def watched(self, pictures: Iterable[Planes], truths: Iterable[Path]) -> Iterator[Planes]:
        """Yield the pictures; looks are taken at the last one, of which the truth beside it holds."""
        for planes, truth in zip(pictures, truths, strict=False):
            self._truth = read_plane(truth)
            yield planes

    def __call__(self, planes: Planes, box: Box | None = None, pixels: int | None = None) -> Alpha:
        """See Segmenter."""
        self._box = box or (0, 0, *planes.size)
        return super().__call__(planes, box, pixels)

    def _run(self, blob: Blob) -> Alpha:
        alpha = super()._run(blob)
        if self._truth is not None:
            if self._taken % self._every == 0:
                self.looks.append(self._look(blob, alpha, self._truth))
            self._taken += 1
        return alpha

    def _look(self, blob: Blob, alpha: Alpha, truth: Plane) -> Look:
        left, top, right, bottom = self._box
        size = (blob.shape[3], blob.shape[2])
        picture = to_plane(blob.reshape(-1, size[0]), 255.0)
        region = cv2.resize(truth[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
        return Look(picture.reshape(blob.shape[1:]), cast(Plane, region), to_plane(alpha, 255.0))


def looks_at(network: Path, clip: Clip, every: int) -> list[Look]:
    """Return every so many of the looks that the whole filter takes at a clip with a network, its card beside it."""
    recorder = Recorder(load_card(network.stem, network.parent), every)
    truths = sorted(clip.truth.glob("*.png"))
    for _ in mattes(Matte(recorder), recorder.watched(frames(clip), truths)):
        pass
    return recorder.looks
