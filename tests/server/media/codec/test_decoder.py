"""What a decoder makes of damaged streams is not taken for a camera's pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from unittest.mock import Mock

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from filters.base import Plane, new_frame, planes_of
from filters.blockiness import MAX_DOUBTED
from server.core.errors import DecodeError
from server.media.codec.decoder import CameraDecoder
from server.media.codec.frames import VIDEO_CLOCK_RATE, EncodedFrame
from server.media.codec.transcoder import Transcoder
from tests.support.camera import Camera
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


def encoded(
    pictures: Sequence[Plane],
    codec: str = "libvpx",
    options: Mapping[str, str] | None = None,
    *,
    bitrate: int = 600_000,
) -> list[EncodedFrame]:
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.bit_rate, context.gop_size, context.thread_count = bitrate, 3000, 1
    context.time_base, context.framerate = Fraction(1, VIDEO_CLOCK_RATE), Fraction(30)
    context.options = OPTIONS[codec] | dict(options or {})
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


def shuffled(picture: Plane, rng: np.random.Generator) -> Plane:
    """Return a scene in which a third of the macroblocks have come from elsewhere."""
    height, width = HEIGHT // 16, WIDTH // 16
    rubbish = picture.copy()
    for y, x in np.argwhere(rng.random((height, width)) < 1 / 3) * 16:
        at, left = rng.integers(0, height) * 16, rng.integers(0, width) * 16
        rubbish[y : y + 16, x : x + 16] = picture[at : at + 16, left : left + 16]
    return rubbish


def test_blocks_that_do_not_fit_together_are_doubted_until_a_keyframe_comes() -> None:
    rng, room = np.random.default_rng(1), Camera(WIDTH, HEIGHT).frame(0)[..., 1]
    frames = encoded([room] * 5 + [shuffled(room, rng)] * (MAX_DOUBTED + 1))
    decoder = CameraDecoder()
    doubtful = [decoder.doubtful for _ in decoded(decoder, frames[:-1])]
    assert doubtful == [False] * 5 + [True] * MAX_DOUBTED
    with pytest.raises(DecodeError, match="do not fit"):
        decoder.decode(frames[-1])
    with pytest.raises(DecodeError, match="keyframe"):
        decoder.decode(frames[-1])
    assert decoder.decode(frames[0]) is not None
    assert not decoder.doubtful


@pytest.mark.slow
def test_people_are_not_doubted_where_little_fits() -> None:
    pictures = [Camera(WIDTH, HEIGHT, loop=60).frame(i)[..., 1] for i in range(60)]
    decoder = CameraDecoder()
    for _ in decoded(decoder, encoded(pictures, bitrate=60_000)):
        assert not decoder.doubtful


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
    (shown,) = decoded(CameraDecoder(), encoded([picture], "libx264", {"x264-params": options}))
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


def test_doubtful_pictures_are_not_shown() -> None:
    room = Camera(WIDTH, HEIGHT).frame(0)[..., 1]
    painter = Mock(wraps=Painter())
    transcoder = Transcoder(painter)
    for frame in encoded([room] * 5 + [shuffled(room, np.random.default_rng(1))] * 3):
        transcoder.transcode([frame], ["VP8"], keyframe=False)
    assert not transcoder.broken
    assert (painter.filter.call_count, painter.hide.call_count) == (5, 3)
