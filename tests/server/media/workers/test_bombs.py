"""Small frames that claim to be large: what they may cost is decided before a codec sees them."""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Callable
from fractions import Fraction

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from filters.base import new_frame
from server.core.errors import DecodeError
from server.media.codec.decoder import MAX_PIXELS
from server.media.codec.encoder import Vp8Encoder, vp8_size
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import Transcoder
from tests.support.painting import Painter, even

resource = pytest.importorskip("resource")
PER_MEGABYTE = 1 << (20 if sys.platform == "darwin" else 10)


def vp8(width: int, height: int) -> bytes:
    """Return a keyframe of a few pixels with another size in its header."""
    data = Vp8Encoder(100_000).encode(even(64, 48, 60), 0, keyframe=True).data
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


def h264(width: int, height: int) -> bytes:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.options = Fraction(1, 30), {"preset": "ultrafast", "tune": "zerolatency"}
    frame, _ = new_frame(width, height)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in encoder.encode(frame))


def peak() -> float:
    """Return the most megabytes that this process has ever held."""
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / PER_MEGABYTE)


@pytest.mark.parametrize(
    ("codec", "frame"),
    [
        ("VP8", lambda: vp8(16_383, 16_383)),
        ("VP8", lambda: vp8(2_049, 1_024)),
        ("H264", lambda: h264(4_096, 2_048)),
        ("H264", lambda: h264(2_048, 1_024)),
    ],
)
def test_a_frame_that_is_too_large_is_not_decoded(codec: str, frame: Callable[[], bytes]) -> None:
    encoded = EncodedFrame(frame(), 0, True, codec, time.monotonic())
    before, start = peak(), time.process_time()
    with pytest.raises(DecodeError):
        Transcoder(Painter()).transcode([encoded], ["VP8"], keyframe=True)
    assert peak() - before < 30
    assert time.process_time() - start < 0.3


def test_the_size_is_read_from_keyframes_only() -> None:
    encoder = Vp8Encoder(100_000)
    first, second = (encoder.encode(even(98, 54, 60 + i), 3000 * i, keyframe=False).data for i in range(2))
    assert vp8_size(first) == (98, 54)
    assert vp8_size(second) is vp8_size(b"") is vp8_size(first[:9]) is None
    assert vp8_size(vp8(1920, 1088)) == (1920, 1088)
    assert MAX_PIXELS >= 1920 * 1088
