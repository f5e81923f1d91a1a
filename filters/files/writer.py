"""Writing filtered frames and their mattes, in step with the frames that were read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import av
from av.audio.stream import AudioStream
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from filters.base import Plane
from filters.files.audio import audio_track
from filters.files.errors import MediaError
from filters.files.reader import AudioPacket, VideoFormat

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""What video is written as, by suffix; all of them hold H.264."""


class Destination(NamedTuple):
    """Where a file will be, and the unfinished file beside it that is written to."""

    path: Path
    part: Path


@contextmanager
def replacing(target: Path) -> Iterator[Destination]:
    """Lend a new file that takes the place of `target` at the end, and vanishes on any exception, whenever it comes.

    Raises MediaError where `target` can't be written.
    """
    final = target.resolve()  # also makes FFmpeg take no name for a protocol ("a:b.mp4")
    # By the process, whose end may leave it behind, and by chance, because process ids repeat over machines.
    part = final.with_name(f".{final.name}.{os.getpid()}-{secrets.token_hex(2)}.part")
    ours = True
    try:  # before the file is there: a signal may come as soon as it is
        with writing(target):
            try:
                part.touch(exist_ok=False)
            except OSError:
                ours = False
                raise
        yield Destination(target, part)
        with writing(target):
            part.replace(final)
    finally:
        if ours:
            part.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the file system and of FFmpeg into MediaError about `path`."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: cannot be written: {error.strerror}") from error


class _Writer:
    """A container with one video stream; as a context manager it writes the rest and the index at the end."""

    def __init__(self, destination: Destination, container: str, codec: str, form: VideoFormat) -> None:
        self._path = destination.path
        # MP4's own clock is made the stream's, so that the offset of the first frame is not rounded.
        scale = {} if container == "matroska" else {"movie_timescale": str(form.time_base.denominator)}
        with writing(self._path):
            self._container = av.open(str(destination.part), "w", format=container, options=scale)
            self._stream: VideoStream = self._container.add_stream(codec, rate=form.rate)  # type: ignore[assignment]
        context = self._stream.codec_context
        context.width, context.height, context.time_base = form.width, form.height, form.time_base
        if form.sample_aspect_ratio:
            context.sample_aspect_ratio = form.sample_aspect_ratio

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._encode(None)
        finally:
            with writing(self._path):
                self._container.close()

    def _encode(self, frame: av.VideoFrame | None) -> None:
        with writing(self._path):
            self._container.mux(self._stream.encode(frame))


class VideoWriter(_Writer):
    """H.264 at a quality where differences are hard to see (CRF 18), limited range, and the source's audio.

    H.264 in 4:2:0 has even sides only: a picture with an odd one is stored as 4:4:4, in its exact size.
    Audio is copied where the container can hold it and it holds no titles (Vorbis does), else encoded as AAC.
    Titles, places and other metadata of the source are left behind.
    """

    def __init__(
        self, destination: Destination, container: str, form: VideoFormat, audio: Sequence[AudioStream]
    ) -> None:
        super().__init__(destination, container, "libx264", form)
        self._pix_fmt = "yuv444p" if form.width % 2 or form.height % 2 else "yuv420p"
        self._stream.options = {"crf": "18", "preset": "fast"}
        context = self._stream.codec_context
        context.pix_fmt, context.color_range = self._pix_fmt, ColorRange.MPEG
        context.colorspace, context.color_primaries = form.colorspace, form.primaries
        context.color_trc = form.transfer
        with writing(self._path):
            self._audio = {stream.index: audio_track(self._container, stream) for stream in audio}

    def write(self, frame: av.VideoFrame) -> None:
        """Take the next frame, yuv420p, with its pts."""
        if frame.format.name != self._pix_fmt:
            pts, time_base = frame.pts, frame.time_base
            frame = frame.reformat(format=self._pix_fmt, threads=1)
            frame.pts, frame.time_base = pts, time_base
        self._encode(frame)

    def write_audio(self, packet: AudioPacket) -> None:
        """Take the next packet of one of the source's audio streams; an empty one ends it."""
        with writing(self._path):
            self._audio[packet.stream.index].write(packet)


class MatteWriter(_Writer):
    """8-bit mattes as grey FFV1 in Matroska: lossless, one for each frame of the video it belongs to."""

    def __init__(self, destination: Destination, form: VideoFormat) -> None:
        super().__init__(destination, "matroska", "ffv1", form)
        self._stream.options = {"level": "3", "slicecrc": "1"}
        context = self._stream.codec_context
        context.pix_fmt, context.color_range = "gray", ColorRange.JPEG

    def write(self, matte: Plane, frame: av.VideoFrame) -> None:
        """Take the matte that belongs to `frame`."""
        picture = av.VideoFrame.from_ndarray(matte, format="gray")
        picture.pts, picture.time_base = frame.pts, frame.time_base
        self._encode(picture)
