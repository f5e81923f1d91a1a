"""What every part of a video filter shares: the arrays, the protocol, the errors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.uint8]
"""One colour plane or an 8-bit matte: uint8, (height, width)."""

Alpha: TypeAlias = NDArray[np.float32]
"""A matte: float32, (height, width), in [0, 1]; 1 is person, 0 is room. Its size is the producer's own."""


class FilterError(Exception):
    """A frame could not be filtered. Whoever catches it must withhold the frame."""


class ModelError(FilterError):
    """A network, its card or its checksum is not what it should be."""


class Outcome(StrEnum):
    """What a filter made of a camera frame.

    The values are the names in receipts, metrics and messages. Two are older than the words of today, and stay:
    receipts that have been signed, and whoever reads metrics, know no others.
    """

    FILTERED = "filtered"
    FULL_BLUR = "covered"
    PLACEHOLDER = "slated"
    REPEATED = "repeated"


class Planes(NamedTuple):
    """A 4:2:0 picture: luma (h, w), chroma (ceil(h/2), ceil(w/2)), limited range, as WebRTC codecs carry it."""

    y: Plane
    u: Plane
    v: Plane

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the luma plane."""
        return self.y.shape[1], self.y.shape[0]


def view_of(plane: VideoPlane) -> Plane:
    """Return a view of one 8-bit plane of a frame, without a copy; writing to it writes to the frame."""
    rows: Plane = np.frombuffer(cast(Any, plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def planes_of(frame: av.VideoFrame) -> Planes:
    """Views of the frame's planes, without a copy; writing to them writes to the frame.

    Raises FilterError when the frame is not 8-bit 4:2:0.
    """
    if frame.format.name != "yuv420p":
        raise FilterError(f"expected a yuv420p frame, got {frame.format.name}")
    return Planes(*map(view_of, frame.planes))


def new_frame(width: int, height: int) -> tuple[av.VideoFrame, Planes]:
    """Return an uninitialised yuv420p frame and views of its planes; every pixel must be written before use."""
    frame = av.VideoFrame(width, height, "yuv420p")
    return frame, planes_of(frame)


@dataclass(frozen=True, slots=True)
class FilteredFrame:
    """A frame that may be shown.

    Only a VideoFilter makes one, and encoders take nothing else, so that sending a camera frame is a type
    error. `safe` is True where the picture holds nothing of the camera at all (placeholder, repeated frame).
    """

    frame: av.VideoFrame
    safe: bool = False


class VideoFilter(Protocol):
    """Camera frames in, showable frames out, in order; it may lag behind by a constant number of frames.

    `filter` never raises for bad pixels and never returns the source: what can't be filtered is replaced.
    One instance serves one stream and is not thread-safe.
    """

    def filter(self, frame: av.VideoFrame) -> FilteredFrame | None:
        """Take the next camera frame; return the next showable one, or None while the delay line fills."""
        ...

    def hide(self, frame: av.VideoFrame) -> FilteredFrame | None:
        """Take a frame in place of a picture that could not be decoded; only its size and time are looked at.

        Returns as `filter` does. Frames held back are replaced, too, and what was learned is forgotten.
        """
        ...

    def distrust(self) -> None:
        """Replace the frames held back and forget what was learned: it may not have been the camera's."""
        ...

    def flush(self) -> list[FilteredFrame]:
        """Return the frames still held back and reset to the state before the first frame."""
        ...

    def reset(self) -> None:
        """Forget the stream: what comes next is replaced until there is something safe to show again."""
        ...
