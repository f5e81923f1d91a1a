"""A looping video file as a background."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import av
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from filters.backgrounds.base import Background
from filters.base import FilterError, Plane, Planes, planes_of
from filters.frames import part_of, size_of
from filters.opening import open_container

_log = logging.getLogger(__name__)

# Frames decoded for one picture at most. A clip that needs more plays slower; it doesn't cost more.
_MAX_STEPS: Final = 4
_DEFAULT_RATE: Final = 25  # frames/s where a file tells none; FFmpeg's default for raw video, too


class _Timed(NamedTuple):
    time: float
    """Seconds since the first frame was due, growing across loops."""
    frame: av.VideoFrame


class Clip(Background):
    """A video file played in a loop at the pace of the stream, cropped to cover the frame.

    It decodes forward only, when a picture is due, and holds two decoded frames. If the file turns out to
    be broken further on, the last good frame stays. Raises FilterError if there is no first frame.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._frames = _play(path)
        try:
            self._current = next(self._frames)
        except (av.FFmpegError, OSError, StopIteration) as error:
            raise FilterError(f"cannot play {path.name}: not a video that can be decoded") from error
        self._following = self._decode()
        self._origin: float | None = None  # the stream's time at which the first frame was due
        self._time = 0.0
        self._converter, self._scaler = VideoReformatter(), VideoReformatter()
        self._planes: Planes | None = None

    def paint(self, source: Planes, alpha: Plane, time: float) -> Planes:
        """Return the frame due at `time` (seconds) at the size of `source`."""
        self._advance(time)
        if self._planes is None or self._planes.size != source.size:
            self._planes = self._cover(*source.size)
        return self._planes

    def _advance(self, time: float) -> None:
        if self._origin is None or time < self._time:
            self._origin = time - self._current.time
        self._time = time
        for _ in range(_MAX_STEPS):
            if self._following is None or self._origin + self._following.time > time:
                return
            self._current, self._following = self._following, self._decode()
            self._planes = None
        self._origin = time - self._current.time

    def _decode(self) -> _Timed | None:
        try:
            return next(self._frames, None)
        except (av.FFmpegError, OSError) as error:
            _log.warning("a background clip is broken, holding its last frame: %s", type(error).__name__)
            return None

    def _cover(self, width: int, height: int) -> Planes:
        frame = self._current.frame
        scale = max(width / frame.width, height / frame.height)
        seen = (
            min(max(round(width / scale), 1), frame.width),
            min(max(round(height / scale), 1), frame.height),
        )
        if seen != size_of(frame):
            # Cut first: all that is not seen beside a long narrow frame would be hundreds of times as large.
            frame = _middle(_converted(self._converter, frame, *size_of(frame)), *seen)
        return planes_of(_converted(self._scaler, frame, width, height))


def _middle(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    left, top = (frame.width - width) // 2 & ~1, (frame.height - height) // 2 & ~1
    return part_of(frame, left, top, width, height)


def _converted(reformatter: VideoReformatter, frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """Return the frame at another size, as WebRTC receivers take it."""
    return reformatter.reformat(
        frame,
        width=width,
        height=height,
        format="yuv420p",
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )


def _play(path: Path) -> Iterator[_Timed]:
    """Decode a file again and again; end if it shows no more than one picture."""
    start = 0.0
    while True:
        last = before = None
        for timed in _decode_once(path, start):
            before, last = last, timed.time
            yield timed
        if last is None or before is None:
            return
        start = last + (last - before)


def _decode_once(path: Path, start: float) -> Iterator[_Timed]:
    with path.open("rb") as file, open_container(file) as container:
        if not container.streams.video:
            return
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        rate = float(stream.average_rate or _DEFAULT_RATE)
        first = None
        for index, frame in enumerate(container.decode(stream)):
            time = index / rate if frame.time is None else frame.time
            first = time if first is None else first
            yield _Timed(start + time - first, frame)
