"""Temporal smoothing of mattes.

The network sees single frames, so its matte flickers. A smoother removes that. An exponential mean trails
behind a moving person and uncovers a strip of the room at every step, which raises the room seen over a clip
by a third. The one-frame delay (OFD) of MODNet (Ke et al., AAAI 2022, section 3.4) repairs a flicker without
ever moving an edge. The default uses the same delay, and the luma, to average in both directions of time
wherever nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

import cv2
import numpy as np

from filters import kernels
from filters.base import Alpha, Plane
from filters.planes import box_mean, difference


class MatteSample(NamedTuple):
    """What the network made of one frame, and the luma that it was made of, of the same shape."""

    alpha: Alpha
    luma: Plane


class TemporalSmoother(Protocol):
    """Steadies the mattes of one stream, one after another.

    All mattes of a stream have one shape; a caller whose shape changes resets first.
    """

    delay: int
    """How many frames after a frame are looked at: 0 or 1."""

    def smooth(self, current: MatteSample, after: MatteSample | None) -> Alpha:
        """Return the matte of the next frame of the stream; `after` is None for the last one, and without delay."""
        ...

    def reset(self) -> None:
        """Forget the stream."""
        ...


class NoSmoothing:
    """The network's own mattes."""

    delay = 0

    def smooth(self, current: MatteSample, after: MatteSample | None) -> Alpha:
        return current.alpha

    def reset(self) -> None:
        pass


class Exponential:
    """a(t) = a(t-1) + weight * (alpha(t) - a(t-1)); for comparison, because it trails."""

    delay = 0

    def __init__(self, weight: float = 0.6) -> None:
        self._weight = weight
        self._mean: Alpha | None = None

    def smooth(self, current: MatteSample, after: MatteSample | None) -> Alpha:
        mean, alpha = self._mean, current.alpha
        self._mean = alpha if mean is None else mean + np.float32(self._weight) * (alpha - mean)
        return self._mean

    def reset(self) -> None:
        self._mean = None


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

    def smooth(self, current: MatteSample, after: MatteSample | None) -> Alpha:
        before, self._before = self._before, current.alpha
        if before is None or after is None:
            return current.alpha
        return self._steady(before, current.alpha, after.alpha)

    def _steady(self, before: Alpha, current: Alpha, after: Alpha) -> Alpha:
        flicker = cv2.absdiff(before, after) <= self._xi
        flicker &= cv2.absdiff(current, before) > self._xi
        flicker &= cv2.absdiff(current, after) > self._xi
        if not flicker.any():
            return current
        steadied = current.copy()
        steadied[flicker] = (before[flicker] + after[flicker]) * np.float32(0.5)
        return steadied

    def reset(self) -> None:
        self._before = None


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
        self._mean: Alpha | None = None
        self._still: Alpha | None = None

    def smooth(self, current: MatteSample, after: MatteSample | None) -> Alpha:
        alpha = current.alpha
        if after is None:
            return self._with_past(alpha, np.ones_like(alpha))
        if self._mean is None or self._still is None:
            self._mean, self._still = np.zeros_like(alpha), np.zeros_like(alpha)
        out, still = np.empty_like(alpha), np.empty_like(alpha)
        pictures, past = (alpha, after.alpha, current.luma, after.luma), (self._mean, self._still)
        if not kernels.native.smooth(*pictures, *past, *self._weights, out, still):
            out, still = self._smooth(current, after)
        self._mean, self._still = out, still
        return out

    def _smooth(self, current: MatteSample, after: MatteSample) -> tuple[Alpha, Alpha]:
        """Return the mean and how still each pixel is."""
        still = cast(Alpha, cv2.LUT(box_mean(difference(after.luma, current.luma), 5), self._stillness))
        weight: Alpha = self._future * still
        return self._with_past(current.alpha + weight * after.alpha, 1 + weight), still

    def _with_past(self, total: Alpha, weights: Alpha) -> Alpha:
        if self._mean is None or self._still is None:
            return total / weights
        weight: Alpha = self._past * self._still
        mean: Alpha = (total + weight * self._mean) / (weights + weight)
        return mean

    def reset(self) -> None:
        self._mean = self._still = None


SMOOTHERS: dict[str, Callable[[], TemporalSmoother]] = {
    "adaptive": MotionAdaptive,
    "ofd": OneFrameDelay,
    "ema": Exponential,
    "none": NoSmoothing,
}
