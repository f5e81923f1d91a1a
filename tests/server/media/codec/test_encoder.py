"""Encoders: what goes in comes out, keyframes on request, layers that can be dropped."""

from collections.abc import Sequence

import av
import numpy as np
import pytest

from filters.base import FilteredFrame, new_frame, planes_of
from server.media.codec.encoder import DECODERS, ENCODERS, SMALL, SMALL_BITRATE, EncodedVideo, Vp8Encoder


def picture(index: int, width: int = 320, height: int = 180) -> FilteredFrame:
    frame, planes = new_frame(width, height)
    planes.y[:] = (np.arange(width)[None] + 3 * index) % 200
    planes.u[:] = 110
    planes.v[:] = 140
    return FilteredFrame(frame)


def decode(codec: str, videos: Sequence[EncodedVideo]) -> list[av.VideoFrame]:
    context = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(context, av.VideoCodecContext)
    return [frame for video in videos for frame in context.decode(av.Packet(video.data))]


@pytest.mark.parametrize("codec", DECODERS)
def test_each_picture_comes_out_at_once_and_looks_the_same(codec: str) -> None:
    encoder = ENCODERS[codec](600_000)
    videos = [encoder.encode(picture(i), 3000 * i, keyframe=i == 5) for i in range(9)]
    assert [v.timestamp for v in videos] == [3000 * i for i in range(9)]
    assert [v.keyframe for v in videos] == [i in (0, 5) for i in range(9)]
    shown = decode(codec, videos)
    assert len(shown) == 9
    error = np.abs(planes_of(shown[-1]).y.astype(int) - planes_of(picture(8).frame).y).mean()
    assert error < 12


@pytest.mark.parametrize("codec", DECODERS)
def test_a_new_bitrate_or_size_starts_with_a_keyframe(codec: str) -> None:
    encoder = ENCODERS[codec](600_000)
    encoder.encode(picture(0), 0, keyframe=False)
    encoder.bitrate = 300_000
    assert encoder.encode(picture(1), 3000, keyframe=False).keyframe
    video = encoder.encode(picture(2, 161, 91), 6000, keyframe=False)
    assert video.keyframe
    size = decode(codec, [video])[0]
    assert (size.width, size.height) == ((161, 91) if codec == "VP8" else (160, 90))


@pytest.mark.parametrize("codec", DECODERS)
def test_time_that_stands_still_is_not_an_error(codec: str) -> None:
    encoder = ENCODERS[codec](600_000)
    assert [encoder.encode(picture(i), 0, keyframe=False).timestamp for i in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("keyframes", [(), (7,), (7, 12, 13)])
def test_the_base_layer_decodes_alone_and_the_other_can_come_back(keyframes: tuple[int, ...]) -> None:
    encoder = Vp8Encoder(600_000)
    videos = [encoder.encode(picture(i), 3000 * i, keyframe=i in keyframes) for i in range(40)]
    assert {v.layer for v in videos if v.keyframe} == {0}
    kept = [v for i, v in enumerate(videos) if v.layer == 0 or not 10 < i < 31]
    assert 29 <= len(kept) <= 31
    whole = {v.timestamp: f for v, f in zip(videos, decode("VP8", videos), strict=True)}
    for video, frame in zip(kept, decode("VP8", kept), strict=True):
        np.testing.assert_array_equal(planes_of(frame).y, planes_of(whole[video.timestamp]).y)


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (160, 1)])
def test_a_picture_that_h264_has_not_is_an_error_of_the_codec(size: tuple[int, int]) -> None:
    frame, _ = new_frame(*size)
    with pytest.raises(av.FFmpegError):
        ENCODERS["H264"](300_000).encode(FilteredFrame(frame), 0, keyframe=True)


@pytest.mark.parametrize(("size", "half"), [((320, 180), (160, 90)), ((161, 91), (81, 46)), ((1, 1), (1, 1))])
def test_the_small_encoding_has_half_the_size(size: tuple[int, int], half: tuple[int, int]) -> None:
    encoder = ENCODERS[SMALL](600_000)
    (shown,) = decode("VP8", [encoder.encode(picture(0, *size), 0, keyframe=False)])
    assert (shown.width, shown.height) == half
    assert abs(int(planes_of(shown).u.mean()) - 110) < 4


def test_the_small_encoding_takes_little_whatever_the_other_one_does() -> None:
    encoder, seconds = ENCODERS[SMALL](900_000), 4
    noise = np.random.default_rng(1)
    size = 0
    for i in range(30 * seconds):
        frame = picture(i, 640, 360)
        planes_of(frame.frame).y[:] += noise.integers(0, 10, (360, 640), np.uint8)
        encoder.bitrate = 900_000 - 1000 * i
        video = encoder.encode(frame, 3000 * i, keyframe=False)
        assert video.keyframe == (i == 0)
        size += len(video.data)
    assert 8 * size / seconds < 1.5 * SMALL_BITRATE
