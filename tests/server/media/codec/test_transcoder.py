"""Encoded frames in, filtered ones out: what is shown when all is well, when a stream breaks, and when it changes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import av
import pytest

from filters.base import FilteredFrame
from server.core.errors import DecodeError, EncodeError
from server.media.codec.encoder import DECODERS, EncodedVideo, Vp8Encoder
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import StageTimes, Transcoder
from tests.support.painting import Painter, camera, even

WIDTH, HEIGHT = 160, 96


class Filter(Painter):
    """Paints, and keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.filtered: list[int] = []
        """Times of the camera's pictures, 90 kHz."""
        self.hidden: list[tuple[int, int, int]] = []
        """Width, height and time of what stood in for pictures."""
        self.forgotten: list[str] = []
        self.size: tuple[int, int] | None = None

    def filter(self, frame: av.VideoFrame) -> FilteredFrame:
        self.filtered.append(frame.pts or 0)
        return self._show(frame)

    def hide(self, frame: av.VideoFrame) -> FilteredFrame:
        self.hidden.append((frame.width, frame.height, frame.pts or 0))
        return self._show(frame)

    def _show(self, frame: av.VideoFrame) -> FilteredFrame:
        width, height = self.size or (frame.width, frame.height)
        return even(width, height, self.luma, frame.pts or 0)

    def distrust(self) -> None:
        self.forgotten.append("distrust")

    def reset(self) -> None:
        self.forgotten.append("reset")


class Delaying(Filter):
    """Holds everything back, as a delay line does that fills."""

    def filter(self, frame: av.VideoFrame) -> FilteredFrame:
        super().filter(frame)
        return None  # type: ignore[return-value]


@pytest.fixture
def video_filter() -> Filter:
    return Filter()


@pytest.fixture
def transcoder(video_filter: Filter) -> Transcoder:
    return Transcoder(video_filter)


@pytest.fixture
def frames() -> list[EncodedFrame]:
    """A keyframe and five that refer to it."""
    return list(camera(6, WIDTH, HEIGHT))


def decoded(codec: str, videos: Sequence[EncodedVideo]) -> list[av.VideoFrame]:
    context = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(context, av.VideoCodecContext)
    return [frame for video in videos for frame in context.decode(av.Packet(video.data))]


def broken(frame: EncodedFrame) -> EncodedFrame:
    return frame._replace(data=frame.data[:3], keyframe=False)


def scene(luma: int, timestamp: int) -> EncodedFrame:
    """Return a keyframe of an even grey."""
    video = Vp8Encoder(300_000).encode(even(WIDTH, HEIGHT, luma), timestamp, keyframe=True)
    return EncodedFrame(video.data, timestamp, video.keyframe, "VP8", time.monotonic())


def test_every_picture_comes_out_as_the_filter_made_it(
    transcoder: Transcoder, video_filter: Filter, frames: list[EncodedFrame]
) -> None:
    videos = [transcoder.transcode([frame], ["VP8"], keyframe=False)[0] for frame in frames]
    assert [video.timestamp for video in videos] == [frame.timestamp for frame in frames]
    assert [video.keyframe for video in videos] == [True] + [False] * 5
    shown = decoded("VP8", videos)
    assert all(abs(float(frame.to_ndarray(format="gray").mean()) - video_filter.luma) < 60 for frame in shown)
    assert transcoder.pixels == WIDTH * HEIGHT


def test_of_many_frames_the_last_is_shown(
    transcoder: Transcoder, video_filter: Filter, frames: list[EncodedFrame]
) -> None:
    (video,) = transcoder.transcode(frames, ["VP8"], keyframe=False)
    assert video.timestamp == frames[-1].timestamp
    assert video_filter.filtered == [frames[-1].timestamp]
    times = transcoder.times
    assert (times.decoded, times.filtered, times.encoded) == (len(frames), 1, 1)


def test_each_codec_gets_the_same_picture_once_in_the_order_asked_for(
    transcoder: Transcoder, video_filter: Filter, frames: list[EncodedFrame]
) -> None:
    h264, vp8 = transcoder.transcode(frames[:1], ["H264", "VP8"], keyframe=False)
    for codec, video in (("H264", h264), ("VP8", vp8)):
        (picture,) = decoded(codec, [video])
        assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert len(video_filter.filtered) == 1
    assert (transcoder.times.pictures, transcoder.times.encoded) == (1, 2)


def test_a_codec_that_comes_later_begins_with_a_keyframe_and_spares_the_other(
    transcoder: Transcoder, frames: list[EncodedFrame]
) -> None:
    transcoder.transcode(frames[:1], ["VP8"], keyframe=False)
    vp8, h264 = transcoder.transcode(frames[1:2], ["VP8", "H264"], keyframe=False)
    assert (vp8.keyframe, h264.keyframe) == (False, True)


def test_a_keyframe_on_request(transcoder: Transcoder, frames: list[EncodedFrame]) -> None:
    keyframes = [
        transcoder.transcode([frame], ["VP8"], keyframe=i == 3)[0].keyframe for i, frame in enumerate(frames)
    ]
    assert keyframes == [True, False, False, True, False, False]


def test_nothing_is_shown_before_the_first_keyframe(
    transcoder: Transcoder, video_filter: Filter, frames: list[EncodedFrame]
) -> None:
    for frame in frames[1:]:
        with pytest.raises(DecodeError):
            transcoder.transcode([frame], ["VP8"], keyframe=False)
        assert transcoder.broken
    assert not video_filter.filtered
    assert not video_filter.hidden
    assert transcoder.transcode(frames[:1], ["VP8"], keyframe=False)
    assert not transcoder.broken


def test_a_broken_stream_is_hidden_until_a_keyframe_comes(
    transcoder: Transcoder, video_filter: Filter, frames: list[EncodedFrame]
) -> None:
    transcoder.transcode(frames[:2], ["VP8"], keyframe=False)
    for frame in (broken(frames[2]), *frames[3:]):  # what follows refers to what is lost
        (video,) = transcoder.transcode([frame], ["VP8"], keyframe=False)
        assert video.timestamp == frame.timestamp
        assert transcoder.broken
    assert video_filter.hidden == [(WIDTH, HEIGHT, frame.timestamp) for frame in frames[2:]]
    assert video_filter.filtered == [frames[1].timestamp]
    transcoder.transcode([scene(220, 60_000)], ["VP8"], keyframe=False)
    assert not transcoder.broken
    assert video_filter.filtered[-1] == 60_000


def test_a_keyframe_behind_the_damage_in_one_go_mends_it(
    transcoder: Transcoder, video_filter: Filter, frames: list[EncodedFrame]
) -> None:
    transcoder.transcode(frames[:1], ["VP8"], keyframe=False)
    transcoder.transcode([broken(frames[1]), scene(220, 6000)], ["VP8"], keyframe=False)
    assert not transcoder.broken
    assert (video_filter.filtered, video_filter.hidden) == ([0, 6000], [])


def test_the_filter_distrusts_what_a_keyframe_proves_wrong(
    transcoder: Transcoder, video_filter: Filter
) -> None:
    transcoder.transcode([scene(220, 0)], ["VP8"], keyframe=False)
    assert video_filter.forgotten == []
    transcoder.transcode([scene(60, 3000)], ["VP8"], keyframe=False)
    assert video_filter.forgotten == ["distrust"]


def test_another_size_begins_with_a_keyframe(transcoder: Transcoder) -> None:
    transcoder.transcode(list(camera(2, WIDTH, HEIGHT)), ["VP8"], keyframe=False)
    (video,) = transcoder.transcode(list(camera(1, 96, 64)), ["VP8"], keyframe=False)
    assert video.keyframe
    (picture,) = decoded("VP8", [video])
    assert (picture.width, picture.height) == (96, 64)
    assert transcoder.pixels == 96 * 64


def test_another_bitrate_holds_for_every_codec_from_the_next_picture_on(
    transcoder: Transcoder, frames: list[EncodedFrame]
) -> None:
    transcoder.transcode(frames[:1], ["H264", "VP8"], keyframe=False)
    transcoder.bitrate //= 2
    videos = transcoder.transcode(frames[1:2], ["H264", "VP8"], keyframe=False)
    assert [video.keyframe for video in videos] == [True, True]  # the codec is opened anew


def test_nothing_comes_out_while_the_filter_holds_back(frames: list[EncodedFrame]) -> None:
    transcoder = Transcoder(Delaying())
    assert transcoder.transcode(frames, ["VP8"], keyframe=True) == []
    assert (transcoder.times.filtered, transcoder.times.encoded, transcoder.pixels) == (1, 0, 0)


def test_no_frames_no_work(transcoder: Transcoder, video_filter: Filter) -> None:
    assert transcoder.transcode([], ["VP8"], keyframe=True) == []
    assert transcoder.times.filtered == 0
    assert not video_filter.filtered


def test_after_a_reset_another_stream_is_expected(
    transcoder: Transcoder, video_filter: Filter, frames: list[EncodedFrame]
) -> None:
    transcoder.transcode(frames[:2], ["VP8"], keyframe=False)
    transcoder.reset()
    assert video_filter.forgotten == ["reset"]
    with pytest.raises(DecodeError):  # there is no picture that anything could stand in for
        transcoder.transcode(frames[2:3], ["VP8"], keyframe=False)
    assert not video_filter.hidden


def test_a_codec_that_fails_says_so_and_begins_anew(
    transcoder: Transcoder, video_filter: Filter, frames: list[EncodedFrame]
) -> None:
    video_filter.size = (16_400, 2)  # wider than VP8 can say (RFC 6386, section 9.1)
    with pytest.raises(EncodeError):
        transcoder.transcode(frames[:1], ["VP8"], keyframe=False)
    video_filter.size = None
    (video,) = transcoder.transcode(frames[1:2], ["VP8"], keyframe=False)
    assert video.keyframe


def test_times_add_up_field_by_field() -> None:
    one, other = StageTimes(1, 2, 3, 4, 5, 6, 7), StageTimes(10, 20, 30, 40, 50, 60, 70)
    assert one + other == StageTimes(11, 22, 33, 44, 55, 66, 77)
    assert one == StageTimes(1, 2, 3, 4, 5, 6, 7)
