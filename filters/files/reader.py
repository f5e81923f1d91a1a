"""Reading a video file or a photo as the frames a VideoFilter takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from filters.base import Plane
from filters.files.clock import MAX_REORDERED, Clock
from filters.files.containers import declared
from filters.files.damage import DamageWatch, PictureWatch
from filters.files.deinterlace import Deinterlacer
from filters.files.errors import MediaError
from filters.files.pixel_format import (
    cropped_size,
    light_of,
    matrix_of,
    opacity_of,
    quarter_turns,
    to_standard_format,
)
from filters.files.streams import Shown, expect_no_hidden_layer, heard_streams, shown_stream
from filters.files.truncation import check_whole
from filters.opening import open_container

MAX_MISSING: Final = 1.0  # seconds; declared lengths are wrong by less
MAX_HOLE: Final = 1.0  # seconds without picture or sound, where there is sound
MAX_PREROLL: Final = Fraction(1, 10)  # second of sound that a decoder begins with; Opus takes 0.08
MAX_LATE: Final = Fraction(10)  # seconds that a film's picture or sound may really begin late

AudioPacket: TypeAlias = "av.Packet[AudioStream]"


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


class FilmFrame(NamedTuple):
    """A frame as `to_standard_format` makes it, and whether it may be none of the film's and is not to be shown."""

    frame: av.VideoFrame
    doubtful: bool = False


class VideoReader:
    """A file's video and audio, read once from the beginning to the end.

    Frames are all of the first one's size, with strictly increasing pts.
    Raises MediaError for what isn't a whole video or photo; MPEG-TS and live WebM don't say how long they should be,
    so their missing end goes unseen. `damaged` is about when something inside was first seen to be damaged, in
    seconds, or None.
    """

    def __init__(
        self, path: Path, container: InputContainer, form: VideoFormat, shown: Shown, sound: list[AudioStream]
    ) -> None:
        self.path = path
        self.format = form
        self._container = container
        self._shown = shown
        self._video, self._decoder = shown.stream, shown.decoder
        self._decoder.thread_type = "AUTO"
        self.audio = sound
        self.damaged: float | None = None
        self._trimmed: set[int] = set()  # streams of sound whose beginning is hidden
        self._watch, self._pictures = DamageWatch(), PictureWatch()
        self._start = Fraction(0)
        # Seconds: the last frame, when it should be, and all streams.
        self._seen = self._due = self._end = 0.0
        self.is_photo = container.format.name.endswith(("_pipe", "image2"))

    @property
    def expected(self) -> int | None:
        """How many frames there probably are; None where the file doesn't say."""
        if self._video.frames:
            return self._video.frames
        duration = self._container.duration
        return round(duration / av.time_base * self.format.rate) if duration else None

    def frames(self, on_audio: Callable[[AudioPacket], None] | None = None) -> Iterator[FilmFrame]:
        """Yield all frames; in between `on_audio` gets the audio packets, an empty one as a stream ends."""
        last: int | None = None
        with _reading(self.path):
            for frame in self._progressive(on_audio):
                damaged = frame.is_corrupt and not self._watch.is_known(frame)
                doubtful = self._pictures.doubts(frame, damaged=damaged)
                if frame.pts is not None and frame.pts < self._hidden_before:
                    continue
                last = self._timestamp(frame, last)
                self._seen = float(last * self.format.time_base)
                if doubtful:
                    self._damage(self._seen)
                yield FilmFrame(self._prepare(frame, last), doubtful)
        check_whole(self._container, self.path)
        self._check_end(self._seen, self._due)
        self._check_end(self._end, self._declared - float(self._start))

    def _progressive(self, on_audio: Callable[[AudioPacket], None] | None) -> Iterator[av.VideoFrame]:
        deinterlacer = Deinterlacer()
        for packet in self._packets(on_audio):
            for frame in self._decoder.decode(packet):
                if packet.is_keyframe and frame.pict_type == PictureType.NONE:
                    frame.pict_type = PictureType.I  # libvpx, whose frames come at once, leaves it out
                yield from deinterlacer.push(frame)
        yield from deinterlacer.flush()

    def _packets(self, on_audio: Callable[[AudioPacket], None] | None) -> Iterator[av.Packet[VideoStream]]:
        """Yield the packets of video, on the file's one clock."""
        streams: list[Stream] = [self._video, *self.audio]
        self._start = _start(self._container, streams)
        clock = Clock(self._start, self.format.rate, jumps="mpeg" in self._container.format.name)
        hole = MAX_HOLE + MAX_REORDERED / self.format.rate
        for packet in self._container.demux(streams):
            joined = clock.place(packet)
            begin, until = _span(packet)
            self._damage(self._watch.see(packet, self._end, joined=joined))
            # Sound goes on where a screen recording has no new frame.
            if self.audio and self._end and begin - self._end > hole:
                self._damage(self._end)
            self._end = max(self._end, until)
            if on_audio and packet.stream in self.audio and not self._is_hidden(packet):
                on_audio(cast(AudioPacket, packet))
            if packet.stream is self._video:
                self._due = max(self._due, begin)
                shown = cast("av.Packet[VideoStream]", packet)
                expect_no_hidden_layer(self._shown, shown, self.path)
                yield shown

    def _is_hidden(self, packet: av.Packet[Stream]) -> bool:
        """Tell whether an edit list hides a packet of sound: before the beginning where it is more than priming."""
        if packet.pts is None or not _has_edit_lists(self._container):
            return False
        unit = Fraction(packet.time_base)
        begin, end = packet.pts * unit, (packet.pts + (packet.duration or 0)) * unit
        if begin < -MAX_PREROLL:
            self._trimmed.add(packet.stream_index)
        trimmed = packet.stream_index in self._trimmed and end <= 0
        return trimmed or (packet.is_discard and begin >= 0)

    def photo(self) -> tuple[av.VideoFrame, Plane | None]:
        """Return the first frame, and how opaque it is (uint8, 255 is opaque) where it may be transparent."""
        with _reading(self.path):
            frame = _first(self._container, self._shown, self.path)
        return self._prepare(frame, 0), opacity_of(frame)

    @property
    def _hidden_before(self) -> float:
        """The time before which frames are not shown, in the stream's ticks."""
        return 0 if _has_edit_lists(self._container) else float("-inf")

    def _timestamp(self, frame: av.VideoFrame, last: int | None) -> int:
        if last is None:
            return frame.pts or 0
        if frame.pts is None:
            return last + max(1, round(1 / (self.format.rate * self.format.time_base)))
        return max(frame.pts, last + 1)

    def _prepare(self, frame: av.VideoFrame, pts: int) -> av.VideoFrame:
        form = self.format
        plain = to_standard_format(frame, self._shown.crop)
        if (plain.width, plain.height) != (form.width, form.height):
            plain = plain.reformat(width=form.width, height=form.height, threads=1)
        plain.pts, plain.time_base = pts, form.time_base
        return plain

    def _damage(self, time: float | None) -> None:
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
    with _reading(path), path.open("rb") as file:
        structure = declared(file)
    with _opened(path) as container:
        form = _probe(container, shown_stream(container, structure, path), path)
    with _opened(path) as container:
        shown, sound = shown_stream(container, structure, path), heard_streams(container, structure)
        yield VideoReader(path, container, form, shown, sound)


def expect_regular(path: Path) -> None:
    """Raise MediaError for a pipe, a folder or a device: most formats are read from several places at a time."""
    with _reading(path):
        regular = path.is_file() or not path.exists()
    if path == Path("-") or not regular:
        raise MediaError(f"{path}: cannot be read: not a regular file; save what comes from a pipe first")


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
            file = stack.enter_context(path.open("rb"))
            try:
                container = stack.enter_context(open_container(file))
            except av.ArgumentError as error:
                raise MediaError(f"{path}: cannot be read: no film, or one that only names others") from error
            check_whole(container, path)
        yield container


def _start(container: InputContainer, streams: Sequence[Stream]) -> Fraction:
    """Return when a file begins, in seconds; 0 where its format says that it begins at 0."""
    starts = [
        s.start_time * Fraction(s.time_base) for s in streams if s.start_time is not None and s.time_base
    ]
    start = min(starts, default=Fraction(0))
    usual = MAX_LATE if _has_edit_lists(container) else Fraction(0)
    return Fraction(0) if -MAX_PREROLL <= start <= usual or (start < 0 and usual) else start


def _has_edit_lists(container: InputContainer) -> bool:
    """Tell whether the format, MP4's, says what is shown, as what comes at 0 or later."""
    return "mp4" in container.format.name


def _span(packet: av.Packet[Stream]) -> tuple[float, float]:
    """Return when a packet is shown or heard, from and to, in seconds; zeros for one that isn't."""
    if packet.pts is None or packet.is_discard:
        return 0.0, 0.0
    begin, end = packet.pts, packet.pts + (packet.duration or 0)
    return float(begin * packet.time_base), float(end * packet.time_base)


def _first(container: InputContainer, shown: Shown, path: Path) -> av.VideoFrame:
    for packet in container.demux(shown.stream):
        expect_no_hidden_layer(shown, packet, path)
        for frame in shown.decoder.decode(packet):
            return frame
    raise MediaError(f"{path}: there are no frames in it")


def _probe(container: InputContainer, shown: Shown, path: Path) -> VideoFormat:
    """Decode the first frame, which alone knows rotation and colours."""
    stream = shown.stream
    with _reading(path):
        frame = _first(container, shown, path)
    primaries, transfer = light_of(frame)
    left, top, right, bottom = cropped_size(frame.width, frame.height, shown.crop)
    width, height, aspect = right - left, bottom - top, stream.sample_aspect_ratio or None
    if quarter_turns(frame) % 2:
        width, height, aspect = height, width, aspect and 1 / aspect
    return VideoFormat(
        width=width,
        height=height,
        time_base=stream.time_base or Fraction(1, 90_000),
        rate=stream.average_rate or stream.guessed_rate or Fraction(30),
        sample_aspect_ratio=aspect,
        colorspace=matrix_of(frame),
        primaries=primaries,
        transfer=transfer,
    )
