"""The teacher: the shipped network, alone or as a vote of several looks at the same picture."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

import cv2
import numpy as np
import onnxruntime

from models.training.data.pictures import Floats, Picture

MULTIPLE = 16  # of height and width in pixels: by which the teacher's encoder divides them
VOTES = ((1.0, False), (1.0, True), (0.8, False), (1.2, True))
"""The looks that vote: scale of the picture's own size, and whether it is mirrored."""

LABELS = tuple((scale, mirrored) for scale in (0.75, 0.9, 1.0, 1.15) for mirrored in (False, True))
"""The looks that label a photo, once and for all: more of them."""


class Vote(NamedTuple):
    """The median of several looks, and the share of looks that agree with it at 0.5; float32 (height, width)."""

    alpha: Floats
    agreement: Floats


class Teacher:
    """A network on one thread; (1, 3, H, W) RGB in [0, 1] gives (1, 1, H, W)."""

    def __init__(self, path: Path, scale: float = 1.0) -> None:
        """Load a network that looks at every picture `scale` times enlarged."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._scale = scale
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def look(self, picture: Picture, scale: float = 1.0) -> Floats:
        """Return the matte of a picture looked at at `scale`, at the picture's size."""
        height, width = picture.shape[:2]
        scale *= self._scale
        size = tuple(max(4, round(side * scale / MULTIPLE)) * MULTIPLE for side in (width, height))
        how = cv2.INTER_AREA if size[0] < width else cv2.INTER_LINEAR
        small = picture if size == (width, height) else cv2.resize(picture, size, interpolation=how)
        blob = np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        (alpha,) = self._session.run(None, {self._session.get_inputs()[0].name: blob})
        return cast(Floats, cv2.resize(alpha[0, 0], (width, height)))

    def vote(self, picture: Picture, looks: tuple[tuple[float, bool], ...] = VOTES) -> Vote:
        """Return what looks at several scales and both mirror images agree on."""
        mirrored = cast(Picture, np.ascontiguousarray(picture[:, ::-1]))
        stack = np.stack(
            [
                self.look(mirrored, scale)[:, ::-1] if mirror else self.look(picture, scale)
                for scale, mirror in looks
            ]
        )
        alpha = np.median(stack, axis=0).astype(np.float32)
        agreement = ((stack > 0.5) == (alpha > 0.5)).mean(axis=0).astype(np.float32)
        return Vote(alpha, agreement)
