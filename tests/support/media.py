"""Videos and photos for tests, written and read back with FFmpeg."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from filters.base import FilteredFrame, Plane, new_frame, planes_of
from filters.files.filter_file import MatteSink
from tests.support.person import Picture

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)


class Late:
    """A filter that shows each frame as it is, one frame late; frame n's matte is a ramp that starts at n."""

    def __init__(self, on_matte: MatteSink, fail_at: int = -1) -> None:
        self.errors = 0
        self.mattes: list[Plane] = []
        self._on_matte = on_matte
        self._fail_at = fail_at
        self._held: list[av.VideoFrame] = []

    def filter(self, frame: av.VideoFrame) -> FilteredFrame | None:
        self.errors += len(self.mattes) == self._fail_at
        self._held.append(frame)
        return self._emit() if len(self._held) > 1 else None

    def hide(self, frame: av.VideoFrame) -> FilteredFrame | None:
        return self.filter(frame)

    def distrust(self) -> None:
        pass

    def flush(self) -> list[FilteredFrame]:
        return [self._emit() for _ in self._held]

    def reset(self) -> None:
        self._held.clear()

    def _emit(self) -> FilteredFrame:
        source = planes_of(self._held.pop(0))
        frame, planes = new_frame(*source.size)
        for copy, original in zip(planes, source, strict=True):
            copy[:] = original
        ramp = np.add.outer(np.arange(source.y.shape[0]), np.arange(source.y.shape[1]))
        self.mattes.append((ramp + len(self.mattes)).astype(np.uint8))
        self._on_matte(self.mattes[-1])
        return FilteredFrame(frame)


def quarters(width: int, height: int, shade: int = 0) -> Picture:
    """Return red, green / blue, grey, all darkened by `shade` to tell frames from one another."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2], picture[: height // 2, width // 2 :] = RED, GREEN
    picture[height // 2 :, : width // 2], picture[height // 2 :, width // 2 :] = BLUE, GREY
    return picture - np.minimum(picture, shade)


def write_video(
    path: Path,
    pictures: Sequence[Picture],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    audio: str | None = None,
    setup: Callable[[VideoStream], None] = lambda stream: None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write the pictures at 30 a second (`pts` counts in 1/15360 s) with as long a tone."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w", options=options or {}) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=30))
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = Fraction(1, 15360) if pts else Fraction(1, 30)
        setup(stream)
        tone = cast(AudioStream, container.add_stream(audio, rate=48000, layout="mono")) if audio else None
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt, threads=1)
            frame.pts, frame.time_base = pts[i] if pts else i, stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone:
            write_tone(container, tone, 1600 * len(pictures))
    return path


def write_tone(container: OutputContainer, stream: AudioStream, samples: int) -> None:
    container.start_encoding()
    resampler = av.AudioResampler(stream.format, "mono", 48000, stream.frame_size or 1024)
    wave = np.sin(np.arange(samples) / 20).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 48000, 0
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def frames_of(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def audio_of(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(bytes(packet) for packet in container.demux(audio=0))


def clip(path: Path, n: int = 6, width: int = 64, height: int = 48) -> Path:
    return write_video(path, [quarters(width, height, 20 * i) for i in range(n)])


def rgb(frame: av.VideoFrame) -> Picture:
    return frame.to_ndarray(format="rgb24").astype(np.uint8)


def picture_bytes(picture: Picture, suffix: str) -> bytes:
    """Encode RGB as `suffix` says."""
    return cv2.imencode(suffix, np.ascontiguousarray(picture[..., ::-1]))[1].tobytes()


def error_of(frame: av.VideoFrame, expected: Picture) -> float:
    """Return the mean absolute difference in levels."""
    return float(np.abs(rgb(frame).astype(int) - expected).mean())
