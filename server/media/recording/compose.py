"""One film of a recording: everybody's filtered video in a grid, and all voices, made from its files after the call."""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from math import ceil, sqrt
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream
from numpy.typing import NDArray

from filters.base import Plane
from filters.files.errors import MediaError
from filters.files.pixel_format import BT_601
from filters.files.writer import CONTAINERS, replacing, writing
from server.media.codec.frames import AUDIO_CLOCK_RATE
from server.media.recording.recorder import INDEX, VERSION

logger = logging.getLogger(__name__)

Samples: TypeAlias = NDArray[np.float32]
"""Stereo sound at SAMPLE_RATE: (2, n), in [-1, 1]."""

WIDTH, HEIGHT, RATE = 1280, 720, 25  # px, px, frames/s; chosen
SAMPLE_RATE, SAMPLES = AUDIO_CLOCK_RATE, 1024  # the second is an AAC frame
STILL = 2.0  # seconds after which a picture that nothing follows is taken for a camera that is off
MARGIN = 4  # pixels; chosen
WALL, PANEL, INK = (24, 20, 18), (52, 44, 40), (240, 240, 240)  # BGR; chosen
SNAP = SAMPLE_RATE // 100  # samples that a packet may be off and still follow the one before without a gap

Progress: TypeAlias = Callable[[int, int | None], None]
Warn: TypeAlias = Callable[[str], None]


class Part(NamedTuple):
    """One participant's stay; `start` and `end` in seconds of the recording."""

    name: str
    path: Path
    start: float
    end: float


def read_parts(folder: Path, warn: Warn = logger.warning) -> list[Part]:
    """Return the files that a recording's index names, in the order of coming; warn of those that can't be read.

    Raises MediaError.
    """
    index = folder / INDEX
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise MediaError(f"{index}: version {content['version']} is not known here")
        parts = [_part(folder, entry, warn) for entry in content["files"]]
    except OSError as error:
        raise MediaError(f"{index}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{index}: not the index of a recording") from error
    found = [part for part in parts if part is not None]
    if not found:
        raise MediaError(f"{folder}: nothing was recorded that can be read")
    return found


def _part(folder: Path, entry: dict[str, Any], warn: Warn) -> Part | None:
    """Return None for somebody who has sent nothing, or whose file can't be read."""
    name, file, start = str(entry["name"]), str(entry["file"]), entry["start"]
    if Path(file).name != file:
        raise ValueError(file)
    path = folder / file
    if start is None or not path.exists():
        return None
    try:
        length = _length(path)
    except MediaError as error:
        warn(f"{error}: left out")
        return None
    return Part(name, path, float(start), float(start) + length)


def _length(path: Path) -> float:
    """Return the seconds in a file, of which a crash leaves no other trace. Raises MediaError."""
    last = Fraction(0)
    with _opened(path) as container, suppress(av.FFmpegError):
        for packet in container.demux():
            if packet.pts is not None:
                last = max(last, packet.pts * packet.time_base)
    return float(last) + 1 / RATE


def _opened(path: Path) -> InputContainer:
    try:
        return av.open(str(path.resolve()), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from error


class Pictures:
    """One participant's video, looked at again and again at growing times."""

    def __init__(self, part: Part, container: InputContainer) -> None:
        self.part = part
        self._frames = _frames(container, "video")
        self._next = next(self._frames, None)
        self._current: av.VideoFrame | None = None
        self._picture: Plane | None = None

    def at(self, time: float) -> Plane | None:
        """Return what is seen at a time of the recording, BGR (height, width, 3); None while the camera is off."""
        inside = time - self.part.start
        while self._next is not None and (self._next.time or 0.0) <= inside:
            assert isinstance(self._next, av.VideoFrame)
            self._current, self._picture = self._next, None
            self._next = next(self._frames, None)
        if self._current is None or inside - (self._current.time or 0.0) > STILL:
            return None
        if self._picture is None:
            self._picture = self._current.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
        return self._picture


class Voice:
    """One participant's sound, read in order."""

    def __init__(self, part: Part, container: InputContainer) -> None:
        self._chunks = _chunks(part, container)
        self._next = next(self._chunks, None)

    def add_to(self, mix: Samples, first: int) -> None:
        """Add what is heard from sample `first` of the recording on."""
        count = mix.shape[1]
        while self._next is not None and self._next[0] < first + count:
            at, samples = self._next
            begin, end = max(at, first), min(at + samples.shape[1], first + count)
            if begin < end:
                mix[:, begin - first : end - first] += samples[:, begin - at : end - at]
            if at + samples.shape[1] > first + count:
                return
            self._next = next(self._chunks, None)


def _frames(container: InputContainer, kind: str) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """Yield what can be decoded; a file that a crash has cut ends a little earlier."""
    try:
        for stream in container.streams:
            if stream.type == kind and stream.codec_context:
                stream.codec_context.thread_count = 1
                yield from container.decode(stream)  # type: ignore[misc]
                return
    except av.FFmpegError:
        return


def _chunks(part: Part, container: InputContainer) -> Iterator[tuple[int, Samples]]:
    """Yield sound with the number of its first sample in the recording."""
    resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE)
    follows = 0
    for frame in _frames(container, "audio"):
        assert isinstance(frame, av.AudioFrame)
        at = round((part.start + (frame.time or 0.0)) * SAMPLE_RATE)
        for piece in resampler.resample(frame):
            samples = piece.to_ndarray().astype(np.float32, copy=False)
            at = follows if abs(at - follows) < SNAP else at
            yield at, samples
            follows = at = at + samples.shape[1]


def grid(count: int, width: int = WIDTH, height: int = HEIGHT) -> list[tuple[int, int, int, int]]:
    """Return x, y, width and height of as many equal cells, the last row centred."""
    columns = max(1, ceil(sqrt(count)))
    rows = max(1, ceil(count / columns))
    wide, high = width // columns, height // rows
    cells = []
    for i in range(count):
        row, column = divmod(i, columns)
        in_row = min(columns, count - row * columns)
        left = (width - in_row * wide) // 2
        cells.append((left + column * wide, row * high, wide, high))
    return cells


def draw(shown: Sequence[tuple[str, Plane | None]], *, names: bool) -> Plane:
    """Return the grid, BGR (HEIGHT, WIDTH, 3), of pictures with their names."""
    canvas = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    for (name, picture), (x, y, width, height) in zip(shown, grid(len(shown)), strict=True):
        cell = canvas[y + MARGIN : y + height - MARGIN, x + MARGIN : x + width - MARGIN]
        cell[:] = PANEL
        if picture is not None:
            _fit(cell, picture)
        if names:
            place = (12, cell.shape[0] - 14)
            for colour, thickness in (((0, 0, 0), 4), (INK, 1)):
                cv2.putText(
                    cell, plain(name), place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, thickness, cv2.LINE_AA
                )
    return canvas


def _fit(cell: Plane, picture: Plane) -> None:
    """Paint a picture into the middle of a cell, as large as it gets."""
    high, wide = cell.shape[:2]
    scale = min(wide / picture.shape[1], high / picture.shape[0])
    size = max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale))
    left, top = (wide - size[0]) // 2, (high - size[1]) // 2
    filter_ = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cell[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size, interpolation=filter_)


def plain(name: str) -> str:
    """Return a name in the letters that OpenCV can write, ASCII."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(c for c in letters if c.isprintable())[:40]


def compose(
    folder: Path,
    target: Path,
    *,
    names: bool = False,
    progress: Progress | None = None,
    warn: Warn = logger.warning,
) -> int:
    """Write the film of a recording (H.264, AAC; .mp4, .mov, .mkv); return its number of pictures.

    A file that can't be read is left out, with a word to `warn`. Nothing appears under the target's name before it is
    whole. Raises MediaError.
    """
    if target.suffix.lower() not in CONTAINERS:
        raise MediaError(f"{target}: a film is written as {' or '.join(CONTAINERS)}")
    parts = read_parts(folder, warn)
    count = ceil(max(part.end for part in parts) * RATE)
    with ExitStack() as stack:
        videos = [Pictures(part, stack.enter_context(_opened(part.path))) for part in parts]
        voices = [Voice(part, stack.enter_context(_opened(part.path))) for part in parts]
        destination = stack.enter_context(replacing(target))
        film = stack.enter_context(_Film(destination.part, CONTAINERS[target.suffix.lower()], target))
        for i in range(count):
            time = i / RATE
            present = [video for video in videos if video.part.start <= time < video.part.end]
            film.show(draw([(video.part.name, video.at(time)) for video in present], names=names))
            film.sound(voices)
            if progress:
                progress(i + 1, count)
    return count


class _Film:
    """The file that is made: pictures at RATE, and as much sound."""

    def __init__(self, part: Path, container: str, target: Path) -> None:
        self._target = target
        self._pictures = self._samples = 0
        with writing(target):
            self._container = av.open(str(part), "w", format=container)
            video = self._container.add_stream("libx264", rate=RATE)
            audio = self._container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        self._video, self._audio = video, audio
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.colorspace, video.codec_context.color_range = BT_601, ColorRange.MPEG
        video.options = {"crf": "23", "preset": "veryfast"}

    def show(self, picture: Plane) -> None:
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.time_base = self._pictures, Fraction(1, RATE)
        self._pictures += 1
        with writing(self._target):
            self._container.mux(self._video.encode(frame))

    def sound(self, voices: Sequence[Voice]) -> None:
        """Mix up to the time of the pictures."""
        while self._samples * RATE < self._pictures * SAMPLE_RATE:
            mix = np.zeros((2, SAMPLES), np.float32)
            for voice in voices:
                voice.add_to(mix, self._samples)
            frame = av.AudioFrame.from_ndarray(np.clip(mix, -1, 1), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = SAMPLE_RATE, self._samples
            frame.time_base = Fraction(1, SAMPLE_RATE)
            self._samples += SAMPLES
            with writing(self._target):
                self._container.mux(self._audio.encode(frame))

    def __enter__(self) -> _Film:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with writing(self._target):
            if kind is None:
                self._container.mux(self._video.encode(None))
                self._container.mux(self._audio.encode(None))
            self._container.close()
