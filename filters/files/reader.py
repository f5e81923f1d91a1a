"""Reading a video file or a photo as the frames a VideoFilter takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeAlias, cast

import av
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from filters.base import FilterError, Plane
from filters.files.pixel_format import matrix_of, opacity_of, quarter_turns, to_standard_format

MAX_MISSING: Final = 1.0  # seconds; declared lengths are wrong by less
MAX_HOLE: Final = 1.0  # seconds without picture or sound, where there is sound
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

    Frames come out as `to_standard_format` makes them, all of the first one's size, with strictly increasing pts.
    Raises MediaError for what isn't a whole video or photo; MPEG-TS and live WebM don't say how long they should be,
    so their missing end goes unseen. `damaged` is about when something inside was first seen to be damaged, in
    seconds, or None.
    """

    def __init__(self, path: Path, container: InputContainer, form: VideoFormat) -> None:
        self.path = path
        self.format = form
        self._container = container
        self._video = _video_stream(container, path)
        self._decoder = _decoder(self._video)
        self._decoder.thread_type = "AUTO"
        self.audio: list[AudioStream] = [s for s in container.streams.audio if s.codec_context]
        self.damaged: float | None = None
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
        last: int | None = None
        shown = due = end = 0.0  # seconds: the last frame, when it should be, and all streams
        with _reading(self.path):
            for packet in self._container.demux():
                begin, until = _span(packet)
                # Sound goes on where a screen recording has no new frame.
                if packet.is_corrupt or (self.audio and end and begin - end > MAX_HOLE):
                    self._damage(end)
                end = max(end, until)
                if on_audio and packet.stream in self.audio:
                    on_audio(cast(AudioPacket, packet))
                if packet.stream is not self._video:
                    continue
                due = max(due, begin)
                for frame in self._decoder.decode(packet):
                    last = self._timestamp(frame, last)
                    shown = float(last * self.format.time_base)
                    if frame.is_corrupt:
                        self._damage(shown)
                    yield self._prepare(frame, last)
        _check_whole(self._container, self.path)
        self._check_end(shown, due)
        self._check_end(end, self._declared)

    def photo(self) -> tuple[av.VideoFrame, Plane | None]:
        """Return the first frame, and how opaque it is (uint8, 255 is opaque) where it may be transparent."""
        with _reading(self.path):
            frame = _first(self._container, self._video, self._decoder, self.path)
        return self._prepare(frame, 0), opacity_of(frame)

    def _timestamp(self, frame: av.VideoFrame, last: int | None) -> int:
        if last is None:
            return frame.pts or 0
        if frame.pts is None:
            return last + max(1, round(1 / (self.format.rate * self.format.time_base)))
        return max(frame.pts, last + 1)

    def _prepare(self, frame: av.VideoFrame, pts: int) -> av.VideoFrame:
        form = self.format
        plain = to_standard_format(frame)
        if (plain.width, plain.height) != (form.width, form.height):
            plain = plain.reformat(width=form.width, height=form.height, threads=1)
        plain.pts, plain.time_base = pts, form.time_base
        return plain

    def _damage(self, time: float) -> None:
        self.damaged = time if self.damaged is None else self.damaged

    def _check_end(self, end: float, due: float) -> None:
        if due - end > MAX_MISSING:
            raise MediaError(
                f"{self.path}: is damaged at about {end:.0f} s, and {due - end:.0f} s from there cannot be read; "
                "copy it again from where it came, or cut it there"
            )

    @property
    def _declared(self) -> float:
        """How long the header says that the file is, in seconds; 0 where it doesn't.

        Of the formats without a complete index only Matroska has a length that can be relied on. Where it has
        none, FFmpeg guesses one from the size and gives it to the streams, too.
        """
        duration = self._container.duration
        is_declared = "matroska" in self._container.format.name and self._video.duration is None
        return duration / av.time_base if is_declared and duration else 0.0


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


def _span(packet: av.Packet[Stream]) -> tuple[float, float]:
    """Return when a packet is shown or heard, from and to, in seconds; zeros for one that isn't."""
    if packet.pts is None or packet.is_discard:
        return 0.0, 0.0
    begin, end = packet.pts, packet.pts + (packet.duration or 0)
    return float(begin * packet.time_base), float(end * packet.time_base)


def _decoder(stream: VideoStream) -> VideoCodecContext:
    """Return the stream's decoder; FFmpeg's own one for VP9 would show what its alpha channel hides."""
    has_alpha = any(name.lower() == "alpha_mode" and value != "0" for name, value in stream.metadata.items())
    if has_alpha and stream.codec_context.name == "vp9":
        return CodecContext.create("libvpx-vp9", "r")
    return stream.codec_context


def _first(
    container: InputContainer, stream: VideoStream, decoder: VideoCodecContext, path: Path
) -> av.VideoFrame:
    for packet in container.demux(stream):
        for frame in decoder.decode(packet):
            return frame
    raise MediaError(f"{path}: there are no frames in it")


def _probe(container: InputContainer, path: Path) -> VideoFormat:
    """Decode the first frame, which alone knows rotation and colours."""
    stream = _video_stream(container, path)
    with _reading(path):
        frame = _first(container, stream, _decoder(stream), path)
    width, height, aspect = frame.width, frame.height, stream.sample_aspect_ratio or None
    if quarter_turns(frame) % 2:
        width, height, aspect = height, width, aspect and 1 / aspect
    return VideoFormat(
        width=width,
        height=height,
        time_base=stream.time_base or Fraction(1, 90_000),
        rate=stream.average_rate or stream.guessed_rate or Fraction(30),
        sample_aspect_ratio=aspect,
        colorspace=matrix_of(frame),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
    )


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
