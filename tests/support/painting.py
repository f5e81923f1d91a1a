"""A publication without camera and network: a filter that paints, frames to feed it, and a voice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np

from filters.base import FilteredFrame, VideoFilter, new_frame
from server.media.codec.encoder import Vp8Encoder
from server.media.rtc import AudioPacket, EncodedFrame

RAW = 220


class PlainFilter(VideoFilter):
    """Holds nothing back and learns nothing; lacks `filter`."""

    def hide(self, frame: av.VideoFrame) -> FilteredFrame | None:
        return self.filter(frame)

    def distrust(self) -> None:
        pass

    def flush(self) -> list[FilteredFrame]:
        return []

    def reset(self) -> None:
        pass


@dataclass
class Painter(PlainFilter):
    """A VideoFilter that shows an even grey, whatever comes."""

    luma: int = 60

    def filter(self, frame: av.VideoFrame) -> FilteredFrame:
        return even(frame.width, frame.height, self.luma, frame.pts or 0)


def even(
    width: int, height: int, luma: int, pts: int = 0, chroma: tuple[int, int] = (128, 128)
) -> FilteredFrame:
    """Return an even colour, by default a grey, that may be shown."""
    frame, planes = new_frame(width, height)
    planes.y[:] = luma
    planes.u[:], planes.v[:] = chroma
    frame.pts = pts
    return FilteredFrame(frame)


def camera(n: int, width: int = 160, height: int = 96) -> Iterator[EncodedFrame]:
    """Yield encoded frames of a bright room, 30 a second."""
    encoder = Vp8Encoder(300_000)
    for i in range(n):
        video = encoder.encode(even(width, height, RAW), 3000 * i, keyframe=i == 0)
        yield EncodedFrame(video.data, 3000 * i, video.keyframe, "VP8", time.monotonic())


def speech(n: int) -> list[AudioPacket]:
    """Return n Opus packets of 20 ms: a tone of 382 Hz."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "stereo", "s16"
    data: list[bytes] = []
    for i in range(n):
        wave = (8000 * np.sin(np.arange(960 * i, 960 * (i + 1)) / 20)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, 960 * i
        data += [bytes(packet) for packet in encoder.encode(frame)]
    return [AudioPacket(packet, 960 * i, 30, True) for i, packet in enumerate(data)]
