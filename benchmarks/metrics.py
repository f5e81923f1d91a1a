"""Measures of a matte against the truth, frame by frame.

Mattes are uint8 (h, w), 255 is person. MAD, MSE and dtSSD are used as in Lin, Yang, Saleemi, Sengupta, "Robust
High-Resolution Video Matting with Temporal Guidance" (WACV 2022); dtSSD is by Erofeev, Gitman, Vatolin, Fedorov,
Wang (BMVC 2015), Grad by Rhemann, Rother, Wang, Gelautz, Kohli, Rott (CVPR 2009). Leak and lost are this
project's own: they count what a viewer gets to see.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Matte = NDArray[np.uint8]
Mask = NDArray[np.bool_]

SHOWN = 0.1  # of full opacity: above, room counts as shown; chosen
ROOM = 0.02  # of full opacity: below, the truth is room without a doubt; chosen
PERSON = 0.98  # of full opacity: above, the truth is person without a doubt; chosen
GRADIENT_SIGMA = 1.4
"""Pixels; Rhemann et al., "A perceptually motivated online benchmark for image matting", 2009."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The means of one clip; smaller is better for all but `iou`."""

    iou: float
    """Intersection over union at 0.5, over the frames that hold a person."""
    mad: float
    """Mean absolute difference × 1e3."""
    mse: float
    """Mean squared difference × 1e3."""
    grad: float
    """Sum of squared differences of the gradient magnitudes (Gaussian derivative, sigma 1.4) × 1e-3."""
    dtssd: float
    """Root mean square of the difference of the changes from frame to frame × 1e2."""
    leak: float
    """Per cent of the true room (alpha < 0.02) that is shown with more than 0.1, mean over the frames."""
    union: float
    """The same, gathered over the clip: what a patient viewer has seen in the end."""
    lost: float
    """Per cent of the true person (alpha > 0.98) that is shown with less than 0.5."""

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def mean_scores(scores: list[Scores]) -> Scores:
    """Return the mean over clips; a clip without a person has no IoU."""
    table = [s.as_dict() for s in scores]
    return Scores(**{key: float(np.nanmean([row[key] for row in table])) for key in table[0]})


@dataclass
class Meter:
    """Gathers the figures of one clip."""

    _sums: dict[str, list[float]] = field(default_factory=dict)
    _error: NDArray[np.float32] | None = None
    _leaked: Mask | None = None
    _room: Mask | None = None
    _person: int = 0
    _lost: int = 0

    def add(self, matte: Matte, truth: Matte) -> float:
        """Take the next frame; return its mean absolute difference × 1e3."""
        error: NDArray[np.float32] = (matte.astype(np.float32) - truth) / np.float32(255)
        mad = float(np.abs(error).mean() * 1e3)
        self._note("mad", mad)
        self._note("mse", float(np.square(error).mean() * 1e3))
        self._note("grad", gradient_error(matte, truth))
        if self._error is not None:
            self._note("dtssd", float(np.sqrt(np.square(error - self._error).mean()) * 1e2))
        self._error = error
        self._overlap(matte, truth)
        self._exposure(matte, truth)
        return mad

    def scores(self) -> Scores:
        means = {key: float(np.mean(values)) for key, values in self._sums.items()}
        seen = 0 if self._leaked is None else int(self._leaked.sum())
        room = 1 if self._room is None else int(self._room.sum())
        return Scores(
            iou=means.get("iou", float("nan")),
            mad=means["mad"],
            mse=means["mse"],
            grad=means["grad"],
            dtssd=means.get("dtssd", 0.0),
            leak=means["leak"],
            union=100 * seen / max(room, 1),
            lost=100 * self._lost / max(self._person, 1),
        )

    def _note(self, key: str, value: float) -> None:
        self._sums.setdefault(key, []).append(value)

    def _overlap(self, matte: Matte, truth: Matte) -> None:
        shown, person = matte > 127, truth > 127
        if person.any():
            self._note("iou", float((shown & person).sum() / (shown | person).sum()))

    def _exposure(self, matte: Matte, truth: Matte) -> None:
        room, person = truth < 255 * ROOM, truth > 255 * PERSON
        leaked = room & (matte > 255 * SHOWN)
        self._note("leak", 100 * float(leaked.sum() / max(int(room.sum()), 1)))
        self._leaked = leaked if self._leaked is None else self._leaked | leaked
        self._room = room if self._room is None else self._room | room
        self._person += int(person.sum())
        self._lost += int((person & (matte < 128)).sum())


def gradient_error(matte: Matte, truth: Matte) -> float:
    """Return Grad of one frame × 1e-3."""
    difference = _gradient(matte) - _gradient(truth)
    return float(np.square(difference).sum() * 1e-3)


def _gradient(matte: Matte) -> NDArray[np.float32]:
    x = np.arange(-4, 5, dtype=np.float64)
    bell = np.exp(-(x**2) / (2 * GRADIENT_SIGMA**2))
    slope = -x * bell
    norm = np.sqrt(np.square(np.outer(bell, slope)).sum())
    image = matte.astype(np.float32) / 255
    dx = cv2.sepFilter2D(image, cv2.CV_32F, slope / norm, bell)
    dy = cv2.sepFilter2D(image, cv2.CV_32F, bell / norm, slope)
    magnitude: Any = np.hypot(dx, dy)
    return magnitude  # type: ignore[no-any-return]
