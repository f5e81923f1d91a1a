"""What a decoder makes of damaged streams is not taken for a camera's pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from filters.base import Plane, new_frame, planes_of
from server.core.errors import DecodeError
from server.media.codec.decoder import CameraDecoder
from server.media.codec.frames import VIDEO_CLOCK_RATE, EncodedFrame
from server.media.codec.transcoder import Transcoder
from tests.support.painting import Painter

WIDTH, HEIGHT = 320, 180
OPTIONS = {
    "libvpx": {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "error-resilient": "1"},
    "libx264": {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "repeat-headers=1:annexb=1"},
}


def scene(seed: int, left: int = 0) -> Plane:
    """Return a room in large patches, with a bright square in it."""
    patches = np.random.default_rng(seed).integers(30, 220, (HEIGHT // 20, WIDTH // 20), np.uint8)
    room = np.kron(patches, np.ones((20, 20), np.uint8))
    room[60:140, left : left + 60] = 235
    return room


def encoded(pictures: Sequence[Plane], codec: str = "libvpx", **options: str) -> list[EncodedFrame]:
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.bit_rate, context.gop_size, context.thread_count = 600_000, 3000, 1
    context.time_base, context.framerate = Fraction(1, VIDEO_CLOCK_RATE), Fraction(30)
    context.options = OPTIONS[codec] | options
    frames = []
    for i, picture in enumerate(pictures):
        frame, planes = new_frame(WIDTH, HEIGHT)
        planes.y[:], planes.u[:], planes.v[:] = picture, 128, 128
        frame.pts, frame.time_base = 3000 * i, Fraction(1, VIDEO_CLOCK_RATE)
        data = b"".join(map(bytes, context.encode(frame)))
        name = {"libvpx": "VP8", "libx264": "H264"}[codec]
        frames.append(EncodedFrame(data, 3000 * i, i == 0, name, time.monotonic()))
    return frames


def decoded(decoder: CameraDecoder, frames: Sequence[EncodedFrame]) -> Iterator[av.VideoFrame]:
    for frame in frames:
        picture = decoder.decode(frame)
        if picture is not None:
            yield picture


@pytest.mark.parametrize("codec", ["libvpx", "libx264"])
def test_a_walk_through_the_room_is_no_damage(codec: str) -> None:
    frames = encoded([scene(1, 8 * i) for i in range(20)], codec)
    decoder = CameraDecoder()
    assert len(list(decoded(decoder, frames))) == 20
    assert not decoder.jumped


@pytest.mark.parametrize("codec", ["libvpx", "libx264"])
def test_nothing_is_decoded_before_a_keyframe(codec: str) -> None:
    decoder, frames = CameraDecoder(), encoded([scene(1, 8 * i) for i in range(6)], codec)
    for frame in frames[1:]:
        with pytest.raises(DecodeError):
            decoder.decode(frame)
    assert list(decoded(decoder, frames))


def test_another_scene_without_a_keyframe_is_refused_until_one_comes() -> None:
    frames = encoded([scene(1)] * 3 + [scene(2)] * 3)
    decoder = CameraDecoder()
    assert len(list(decoded(decoder, frames[:3]))) == 3
    for frame in frames[3:]:
        with pytest.raises(DecodeError):
            decoder.decode(frame)
    assert len(list(decoded(decoder, encoded([scene(2)] * 2)))) == 2


def test_a_keyframe_tells_that_what_came_before_was_wrong() -> None:
    decoder = CameraDecoder()
    list(decoded(decoder, encoded([scene(1, 8 * i) for i in range(3)])))
    list(decoded(decoder, encoded([scene(1, 24)])))
    assert not decoder.jumped
    list(decoded(decoder, encoded([scene(1, 200)])))
    assert decoder.jumped
    list(decoded(decoder, encoded([scene(1, 200)] * 2)[1:]))
    assert not decoder.jumped


def test_a_missing_reference_of_h264_is_seen() -> None:
    frames = encoded([scene(1, 8 * i) for i in range(12)], "libx264")
    decoder = CameraDecoder()
    assert len(list(decoded(decoder, frames[:4]))) == 4
    with pytest.raises(DecodeError):
        list(decoded(decoder, frames[6:]))


def test_what_h264_crops_is_not_shown() -> None:
    picture = scene(1)
    picture[:, :10] = 255
    options = OPTIONS["libx264"]["x264-params"] + ":crop-rect=10,0,0,0"
    (shown,) = decoded(CameraDecoder(), encoded([picture], "libx264", **{"x264-params": options}))
    assert (shown.width, shown.height) == (WIDTH - 10, HEIGHT)
    assert planes_of(shown).y[:, :8].max() < 240


def test_a_placeholder_stands_in_for_what_could_not_be_decoded() -> None:
    transcoder = Transcoder(Painter())
    good, other = encoded([scene(1)] * 2), encoded([scene(1)] * 3 + [scene(2)] * 3)[3:]
    for frame in good:
        transcoder.transcode([frame], ["VP8"], keyframe=False)
    assert not transcoder.broken
    for frame in other:
        (video,) = transcoder.transcode([frame._replace(timestamp=frame.timestamp)], ["VP8"], keyframe=False)
        assert transcoder.broken
        assert video.data
    transcoder.transcode(encoded([scene(2)]), ["VP8"], keyframe=False)
    assert not transcoder.broken
