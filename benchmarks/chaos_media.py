"""What the cameras of benchmarks.chaos send, encoded beforehand, and how much of their room a picture shows."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import NamedTuple

import av
import numpy as np

from benchmarks.room_media import bitrate
from tests.support.camera import Camera, Marker
from tests.support.person import Picture

LOOP = 60
"""Frames of a clip; the last one leads over to the first; chosen."""
SIZES = ((320, 180), (322, 182), (321, 241), (640, 360), (180, 320), (426, 240), (480, 270))
"""Width and height in pixels, even and odd, wide and upright; the first is what cameras begin with. Chosen."""
FPS = 30  # frames per second, as a page's camera by default
ENCODERS = {"VP8": "libvpx", "H264": "libx264"}
OPTIONS = {
    "VP8": {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "error-resilient": "1"},
    "H264": {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "keyint=3000:repeat-headers=1"},
}


class Clip(NamedTuple):
    """Which film a camera plays."""

    size: tuple[int, int] = SIZES[0]
    codec: str = "VP8"
    somebody: bool = True


@cache
def frames(clip: Clip) -> list[bytes]:
    """Return the encoded frames of a clip; only the first is a keyframe."""
    width, height = clip.size
    if clip.codec == "H264":
        width, height = width & ~1, height & ~1
    encoder = av.CodecContext.create(ENCODERS[clip.codec], "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS, 1)
    encoder.bit_rate, encoder.gop_size, encoder.thread_count = bitrate(width, height), 3000, 1
    encoder.options = OPTIONS[clip.codec]
    if clip.codec == "H264":
        encoder.profile = "Baseline"
    camera = Camera(width, height, loop=LOOP, somebody=clip.somebody)
    return [bytes(p) for f in (*camera.video_frames(LOOP, FPS), None) for p in encoder.encode(f)]


class Scale:
    """Measures the marker's contrast in a picture of one size: 1 as painted, 0 none.

    It is Marker.contrast, which needs the stripes where they were painted, taken twice, a quarter of a period apart:
    what a decoder has moved by some pixels counts as well.
    """

    def __init__(self, width: int, height: int) -> None:
        self._box = Marker(width, height).box
        marker = Marker(width, height)
        moved = np.roll(marker.stripes, marker.period // 4, axis=1)
        self._patterns = [_deviation(each) for each in (marker.stripes, moved)]

    def contrast(self, picture: Picture) -> float:
        """Take the picture as RGB."""
        seen = _deviation(self._box.of(picture))
        return float(np.hypot(*[(p * seen).sum() / (p * p).sum() for p in self._patterns]))


def _deviation(picture: Picture) -> np.typing.NDArray[np.float32]:
    values = picture.astype(np.float32)
    return np.asarray(values - values.mean(axis=1, keepdims=True))


@cache
def _scale(width: int, height: int) -> Scale:
    return Scale(width, height)


def contrast(frame: av.VideoFrame) -> float:
    """Return how much of the marker a decoded frame shows, whatever its size.

    What a damaged keyframe says of its size may be too long and too flat for the stripes, and is looked at as SIZES[0].
    """
    if not Marker(frame.width, frame.height).fits:
        frame = frame.reformat(*SIZES[0])
    return _scale(frame.width, frame.height).contrast(frame.to_ndarray(format="rgb24").astype(np.uint8))


@cache
def unfiltered() -> float:
    """Return the least contrast in a camera's own pictures, as they come out of its encoder."""
    decoder = av.CodecContext.create("vp8", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = [contrast(f) for data in frames(Clip()) for f in decoder.decode(av.Packet(data))]
    return min(shown)
