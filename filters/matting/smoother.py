"""Temporal smoothing of mattes.

The network sees single frames, so its matte flickers. A smoother removes that. An exponential mean trails
behind a moving person and uncovers a strip of the room at every step, which raises the room seen over a clip
by a third. The one-frame delay (OFD) of MODNet (Ke et al., AAAI 2022, section 3.4) repairs a flicker without
ever moving an edge. The default uses the same delay, and the luma, to average in both directions of time
wherever nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import cv2
import numpy as np

from filters import kernels
from filters.base import Alpha, Plane
from filters.planes import box_mean, difference


class TemporalSmoother(Protocol):
    """Mattes in, the same number of mattes out, in order, each `delay` calls after it went in.

    `push` returns None only while the delay line fills; `flush` returns what is left and resets the state.
    All mattes of a stream have one shape; a caller whose shape changes flushes first.
    `luma` is the picture that the matte is of, of the same shape.
    """

    delay: int

    def push(self, alpha: Alpha, luma: Plane) -> Alpha | None:
        """Take matte and luma of the newest frame; return the matte of the frame `delay` frames ago."""
        ...

    def flush(self) -> list[Alpha]:
        """Return the mattes still held, oldest first."""
        ...


class NoSmoothing:
    """The network's own mattes."""

    delay = 0

    def push(self, alpha: Alpha, luma: Plane) -> Alpha | None:
        return alpha

    def flush(self) -> list[Alpha]:
        return []


class Exponential:
    """a(t) = a(t-1) + weight * (alpha(t) - a(t-1)); for comparison, because it trails."""

    delay = 0

    def __init__(self, weight: float = 0.6) -> None:
        self._weight = weight
        self._mean: Alpha | None = None

    def push(self, alpha: Alpha, luma: Plane) -> Alpha | None:
        mean = self._mean
        self._mean = alpha if mean is None else mean + np.float32(self._weight) * (alpha - mean)
        return self._mean

    def flush(self) -> list[Alpha]:
        self._mean = None
        return []


class OneFrameDelay:
    """OFD: a pixel that leaves its two agreeing neighbours in time is replaced by their mean.

    Pixel i of frame t becomes (a(t-1) + a(t+1)) / 2 where |a(t-1) - a(t+1)| <= xi and both
    |a(t) - a(t-1)| > xi and |a(t) - a(t+1)| > xi; else it stays. The first and the last frame of a stream
    have one neighbour and stay.
    """

    delay = 1

    def __init__(self, xi: float = 0.1) -> None:
        self._xi = xi
        self._before: Alpha | None = None
        self._current: Alpha | None = None

    def push(self, alpha: Alpha, luma: Plane) -> Alpha | None:
        before, current = self._before, self._current
        self._before, self._current = current, alpha
        if before is None or current is None:
            return current
        return self._steady(before, current, alpha)

    def _steady(self, before: Alpha, current: Alpha, after: Alpha) -> Alpha:
        flicker = cv2.absdiff(before, after) <= self._xi
        flicker &= cv2.absdiff(current, before) > self._xi
        flicker &= cv2.absdiff(current, after) > self._xi
        if not flicker.any():
            return current
        steadied = current.copy()
        steadied[flicker] = (before[flicker] + after[flicker]) * np.float32(0.5)
        return steadied

    def flush(self) -> list[Alpha]:
        left = [] if self._current is None else [self._current]
        self._before = self._current = None
        return left


class MotionAdaptive:
    """A mean over past and future, weighted by how still the picture is: it trails nowhere.

    A(t) = (p A(t-1) + alpha(t) + f alpha(t+1)) / (p + 1 + f), where p is `past` and f `future` times a ramp
    that falls from 1 to 0 while the mean difference of the two lumas around a pixel, against the frame before
    or after, grows from `still` to `moving` levels.
    """

    delay = 1

    def __init__(
        self, past: float = 3.5, future: float = 1.5, still: float = 3.0, moving: float = 10.0
    ) -> None:
        self._stillness = ((moving - np.arange(256)) / (moving - still)).clip(0, 1).astype(np.float32)
        self._weights = (past, future, still, moving)
        self._past, self._future = np.float32(past), np.float32(future)
        self._held: tuple[Alpha, Plane] | None = None
        self._mean: Alpha | None = None
        self._still: Alpha | None = None

    def push(self, alpha: Alpha, luma: Plane) -> Alpha | None:
        held, self._held = self._held, (alpha, luma)
        if held is None:
            return None
        current, at = held
        if self._mean is None or self._still is None:
            self._mean, self._still = np.zeros_like(current), np.zeros_like(current)
        out, still = np.empty_like(current), np.empty_like(current)
        past = (self._mean, self._still)
        if not kernels.native.smooth(current, alpha, at, luma, *past, *self._weights, out, still):
            out, still = self._smooth(current, alpha, at, luma)
        self._mean, self._still = out, still
        return out

    def _smooth(self, current: Alpha, after: Alpha, at: Plane, luma: Plane) -> tuple[Alpha, Alpha]:
        """Return the mean and how still each pixel is."""
        still = cast(Alpha, cv2.LUT(box_mean(difference(luma, at), 5), self._stillness))
        weight: Alpha = self._future * still
        return self._with_past(current + weight * after, 1 + weight), still

    def _with_past(self, total: Alpha, weights: Alpha) -> Alpha:
        if self._mean is None or self._still is None:
            return total / weights
        weight: Alpha = self._past * self._still
        mean: Alpha = (total + weight * self._mean) / (weights + weight)
        return mean

    def flush(self) -> list[Alpha]:
        held, self._held = self._held, None
        left = [] if held is None else [self._with_past(held[0], np.ones_like(held[0]))]
        self._mean = self._still = None
        return left


SMOOTHERS: dict[str, Callable[[], TemporalSmoother]] = {
    "adaptive": MotionAdaptive,
    "ofd": OneFrameDelay,
    "ema": Exponential,
    "none": NoSmoothing,
}
