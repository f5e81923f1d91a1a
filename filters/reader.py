"""Reading a video file or a photo as the frames a VideoFilter takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from filters.base import FilterError, new_frame, planes_of

BT_601 = 6  # matrix coefficients, ISO/IEC 23091-2
MATROSKA_SEGMENT = bytes.fromhex("18538067")  # EBML id, RFC 9559 section 5.1


AudioPacket: TypeAlias = "av.Packet[AudioStream]"


class MediaError(FilterError):
    """A file can't be read, filtered or written; the message is one line for whoever named the file."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What all frames of a file have in common, once upright; colours as in ISO/IEC 23091-2 (2: unknown)."""

    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    sample_aspect_ratio: Fraction | None
    colorspace: int
    primaries: int
    transfer: int


class VideoReader:
    """A file's video and audio, read once from the beginning to the end.

    Frames come out as 8-bit yuv420p in limited range, turned upright as the file's display matrix or Exif
    says, all of the first one's size, with strictly increasing pts. Raises MediaError for what isn't a whole
    video or photo; MPEG-TS and live WebM don't say how long they should be, so their missing end goes unseen.
    """

    def __init__(self, path: Path, container: InputContainer, form: VideoFormat) -> None:
        self.path = path
        self.format = form
        self._container = container
        self._video = _video_stream(container, path)
        self._video.thread_type = "AUTO"
        self.audio: list[AudioStream] = [s for s in container.streams.audio if s.codec_context]
        self.is_photo = container.format.name.endswith(("_pipe", "image2"))

    @property
    def expected(self) -> int | None:
        """How many frames there probably are; None where the file doesn't say."""
        if self._video.frames:
            return self._video.frames
        duration = self._container.duration
        return round(duration / av.time_base * self.format.rate) if duration else None

    def frames(self, on_audio: Callable[[AudioPacket], None] | None = None) -> Iterator[av.VideoFrame]:
        """Yield all frames; in between `on_audio` gets the audio packets, an empty one as a stream ends."""
        streams = [self._video, *(self.audio if on_audio else [])]
        last: int | None = None
        with _reading(self.path):
            for packet in self._container.demux(streams):
                if on_audio and isinstance(packet.stream, AudioStream):
                    on_audio(cast(AudioPacket, packet))
                    continue
                for frame in self._video.decode(packet):
                    last = self._timestamp(frame, last)
                    yield self._prepare(frame, last)
        _check_whole(self._container, self.path)

    def _timestamp(self, frame: av.VideoFrame, last: int | None) -> int:
        if last is None:
            return frame.pts or 0
        if frame.pts is None:
            return last + max(1, round(1 / (self.format.rate * self.format.time_base)))
        return max(frame.pts, last + 1)

    def _prepare(self, frame: av.VideoFrame, pts: int) -> av.VideoFrame:
        form = self.format
        plain = _upright(_limited(frame), frame.rotation)
        if (plain.width, plain.height) != (form.width, form.height):
            plain = plain.reformat(width=form.width, height=form.height, threads=1)
        plain.pts, plain.time_base = pts, form.time_base
        return plain


@contextmanager
def open_video(path: Path) -> Iterator[VideoReader]:
    """Open a video or photo for reading. Raises MediaError."""
    with _opened(path) as container:
        form = _probe(container, path)
    with _opened(path) as container:
        yield VideoReader(path, container, form)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from error


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    with ExitStack() as stack:
        with _reading(path):
            # A file object, because FFmpeg takes some names for protocols ("a:b.mp4") or patterns ("%d.png").
            file = stack.enter_context(path.open("rb"))
            container = stack.enter_context(av.open(file, "r"))
            _check_whole(container, path)
        yield container


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if stream.codec_context and not stream.disposition & Disposition.attached_pic:
            return stream
    raise MediaError(f"{path}: there is no video in it")


def _probe(container: InputContainer, path: Path) -> VideoFormat:
    """Decode the first frame, which alone knows rotation and colours."""
    stream = _video_stream(container, path)
    with _reading(path):
        frame = next(container.decode(stream), None)
    if frame is None:
        raise MediaError(f"{path}: there are no frames in it")
    width, height, aspect = frame.width, frame.height, stream.sample_aspect_ratio or None
    if round(frame.rotation / 90) % 2:
        width, height, aspect = height, width, aspect and 1 / aspect
    return VideoFormat(
        width=width,
        height=height,
        time_base=stream.time_base or Fraction(1, 90_000),
        rate=stream.average_rate or stream.guessed_rate or Fraction(30),
        sample_aspect_ratio=aspect,
        colorspace=BT_601 if frame.format.is_rgb else int(frame.colorspace),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
    )


def _limited(frame: av.VideoFrame) -> av.VideoFrame:
    """Convert any pixel format to yuv420p, limited range, and keep the matrix of YUV sources."""
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    if frame.format.name == "yuv420p" and not full:
        return frame
    return frame.reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG if full else ColorRange.UNSPECIFIED,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU601 if frame.format.is_rgb else None,
        threads=1,
    )


def _upright(frame: av.VideoFrame, rotation: int) -> av.VideoFrame:
    """Turn the picture by `rotation` degrees counter-clockwise, to the nearest right angle."""
    turns = round(rotation / 90) % 4
    if not turns:
        return frame
    size = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
    turned, planes = new_frame(*size)
    for target, source in zip(planes, planes_of(frame), strict=True):
        target[:] = np.rot90(source, turns)
    return turned


def _check_whole(container: InputContainer, path: Path) -> None:
    """Raise MediaError where the container's own index or header reaches beyond the end of the file."""
    size = path.stat().st_size
    indexed = max((e.pos + e.size for s in container.streams for e in s.index_entries), default=0)
    if indexed > size or _declared_size(path) > size:
        raise MediaError(f"{path}: is truncated")


def _declared_size(path: Path) -> int:
    """Return the size that a JPEG's or Matroska file's own structure calls for; 0 where it doesn't tell."""
    with path.open("rb") as file:
        head = file.read(4096)
        if head.startswith(b"\xff\xd8\xff"):
            data = head + file.read()
            # Start Of Scan and End Of Image can't occur inside entropy-coded data (ITU-T T.81, B.1.1.5).
            return 0 if data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda") else len(data) + 1
    start = head.find(MATROSKA_SEGMENT) + len(MATROSKA_SEGMENT)
    if not head.startswith(b"\x1a\x45\xdf\xa3") or start < len(MATROSKA_SEGMENT) or start >= len(head):
        return 0
    # A variable-size integer: the leading zeros of its first byte tell its length, all ones mean "unknown".
    length = 9 - head[start].bit_length()
    value = int.from_bytes(head[start : start + length]) & ((1 << 7 * length) - 1)
    return 0 if value == (1 << 7 * length) - 1 else start + length + value
