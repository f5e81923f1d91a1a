"""One connection's videos, cut down to what its peer can take."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from server.media.allocator import BandwidthAllocator
from server.media.codec.encoder import BASE_LAYER_SHARE, SMALL
from server.media.publication import VideoPublication
from server.media.rtc import SenderStats
from server.media.subscription import VideoSubscription


class Video:
    """A publication at a bit rate, and its subscription."""

    def __init__(self, bitrate: int, *, shown_large: bool = False) -> None:
        transcoder: Any = SimpleNamespace(bitrate=bitrate, pixels=640 * 360)
        self.publication = VideoPublication(transcoder, Mock())
        self.publication.rate = bitrate
        self.publication.shown_large = shown_large
        self.publication.request_keyframe = Mock()  # type: ignore[method-assign]
        self.subscription = VideoSubscription(Mock(), "VP8")
        self.publication._subscriptions.append(self.subscription)

    @property
    def pair(self) -> tuple[VideoSubscription, VideoPublication]:
        return self.subscription, self.publication


def stats(bandwidth: int | None, sent: int = 0, sound: int = 10**9) -> list[SenderStats]:
    return [
        SenderStats(0, sent, 0.05, 0.0, bandwidth),
        SenderStats(0, sound, 0.05, 0.0, bandwidth, video=False),
    ]


def adapt(downlink: BandwidthAllocator, now: float, bandwidth: int | None, videos: list[Video]) -> None:
    downlink.adapt(now, stats(bandwidth), [video.pair for video in videos])


def test_where_there_is_room_everybody_gets_everything() -> None:
    videos = [Video(600_000) for _ in range(3)]
    adapt(BandwidthAllocator(), 0, 10_000_000, videos)
    assert not any(v.subscription.base_only or v.subscription.paused for v in videos)
    assert {v.subscription.share for v in videos} == {float("inf")}


def test_before_anything_pauses_it_is_sent_in_the_small_encoding() -> None:
    videos = [Video(900_000) for _ in range(3)]
    adapt(BandwidthAllocator(), 0, 700_000, videos)
    assert all(v.subscription.base_only and v.subscription.small for v in videos)
    assert not any(v.subscription.paused for v in videos)
    share = 0.9 * 700_000 / 3 / BASE_LAYER_SHARE
    assert [v.subscription.share for v in videos] == pytest.approx([share] * 3)


def test_a_small_encoding_that_begins_needs_no_keyframe_of_everybody_and_one_that_is_there_does() -> None:
    first, second = Video(900_000), Video(900_000)
    second.publication._encodings = ["VP8", SMALL]
    adapt(BandwidthAllocator(), 0, 300_000, [first, second])
    assert first.subscription.small
    assert second.subscription.small
    first.publication.request_keyframe.assert_not_called()  # type: ignore[attr-defined]
    second.publication.request_keyframe.assert_called_once()  # type: ignore[attr-defined]


def test_who_speaks_goes_on_when_others_pause() -> None:
    videos = [Video(250_000), Video(250_000, shown_large=True), Video(250_000)]
    downlink = BandwidthAllocator()
    adapt(downlink, 0, round(1.2 * BASE_LAYER_SHARE * 150_000), videos)
    assert [v.subscription.paused for v in videos] == [True, False, True]
    videos[1].publication.shown_large, videos[2].publication.shown_large = False, True
    adapt(downlink, 0.5, round(1.2 * BASE_LAYER_SHARE * 150_000), videos)
    assert [v.subscription.paused for v in videos] == [True, True, False]
    videos[2].publication.request_keyframe.assert_called()  # type: ignore[attr-defined]


def test_whom_a_receiver_shows_large_goes_on_whoever_speaks() -> None:
    videos = [Video(250_000, shown_large=True), Video(250_000), Video(250_000)]
    for video in videos:
        video.subscription.shown_large = video is videos[2]
    adapt(BandwidthAllocator(), 0, round(1.2 * BASE_LAYER_SHARE * 150_000), videos)
    assert [v.subscription.paused for v in videos] == [True, True, False]


def test_nothing_is_repeated_of_what_is_paused() -> None:
    videos = [Video(250_000) for _ in range(2)]
    adapt(BandwidthAllocator(), 0, 100_000, videos)
    assert videos[0].subscription.paused
    sender: Any = videos[0].subscription._sender
    sender.forget.assert_called()


def test_a_camera_that_is_off_takes_no_part() -> None:
    off, on = Video(900_000), Video(900_000)
    off.publication.rate = 0
    adapt(BandwidthAllocator(), 0, 500_000, [off, on])
    assert on.subscription.small
    assert not on.subscription.paused
    assert on.subscription.share == pytest.approx(450_000 / BASE_LAYER_SHARE)
    assert off.subscription.share == on.subscription.share
