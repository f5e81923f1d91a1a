"""Sizes, times and formats of av.VideoFrames."""

from __future__ import annotations

import av

from filters.base import Plane, new_frame, planes_of, view_of


def to_yuv420p(frame: av.VideoFrame) -> av.VideoFrame:
    """Return the frame in 8-bit 4:2:0: itself where it is that."""
    return frame if frame.format.name == "yuv420p" else frame.reformat(format="yuv420p", threads=1)


def luma_of(frame: av.VideoFrame) -> Plane:
    """Return the luma of a frame of any format, without a copy where it is 8-bit 4:2:0."""
    plain = frame if frame.format.name == "yuv420p" else frame.reformat(format="gray", threads=1)
    return view_of(plain.planes[0])


def part_of(frame: av.VideoFrame, left: int, top: int, width: int, height: int) -> av.VideoFrame:
    """Return a part of a yuv420p frame, without its time; from an odd corner chroma begins half a sample early."""
    part, planes = new_frame(width, height)
    for plane, source, step in zip(planes, planes_of(frame), (1, 2, 2), strict=True):
        rows, columns = plane.shape
        plane[:] = source[top // step :, left // step :][:rows, :columns]
    return part


def size_of(frame: av.VideoFrame) -> tuple[int, int]:
    """Return (width, height)."""
    return frame.width, frame.height


def seconds_of(frame: av.VideoFrame) -> float:
    """Return when a frame is shown, in seconds of its stream."""
    pts, base = frame.pts, frame.time_base
    if pts is None or base is None:
        return 0.0
    return pts * base.numerator / base.denominator


def stamp(out: av.VideoFrame, source: av.VideoFrame) -> None:
    """Give a frame the time of another."""
    out.pts = source.pts
    if source.time_base is not None:
        out.time_base = source.time_base
