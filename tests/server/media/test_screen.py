"""A forwarded screen, with peers and a sender that only note what they get."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from server.media.codec.encoder import EncodedVideo
from server.media.rtc import EncodedFrame
from server.media.screen import BURST, KEYFRAME_INTERVAL, MAX_BYTES, ScreenPublication


@dataclass(eq=False)
class Viewer:
    """Stands for a VideoSubscription."""

    codec: str = "VP8"
    got: list[tuple[bytes, int, bool]] = field(default_factory=list)

    def deliver(self, video: EncodedVideo, packets: object, capture_ntp: int | None) -> None:
        assert capture_ntp == 7
        self.got.append((video.data, video.timestamp, video.keyframe))


@dataclass
class Source:
    """Stands for a VideoReceiver."""

    keyframes_asked: int = 0

    def send_pli(self) -> None:
        self.keyframes_asked += 1

    def capture_ntp(self, timestamp: int) -> int:
        return 7


def picture(number: int, *, keyframe: bool = False, codec: str = "VP8", late: float = 0.0) -> EncodedFrame:
    return EncodedFrame(bytes([number]), 3000 * number, keyframe, codec, 1e9 + number / 30 + late)


def shared(*viewers: Viewer) -> tuple[Any, Source]:
    screen: Any = ScreenPublication()
    source = Source()
    screen.attach(source)
    for viewer in viewers:
        screen.subscribe(viewer)
    return screen, source


def test_pictures_pass_as_they_came() -> None:
    ada, bob = Viewer(), Viewer()
    screen, _ = shared(ada, bob)
    for i in range(3):
        screen.receive(picture(i, keyframe=i == 0))
    assert [data for data, _, _ in ada.got] == [b"\0", b"\1", b"\2"]
    assert [keyframe for _, _, keyframe in ada.got] == [True, False, False]
    assert ada.got == bob.got
    screen.unsubscribe(bob)
    screen.receive(picture(3))
    assert (len(ada.got), len(bob.got)) == (4, 3)


def test_a_flood_is_cut_and_begins_again_with_a_keyframe() -> None:
    viewer = Viewer()
    screen, source = shared(viewer)
    large = bytes(int(MAX_BYTES / 10))  # nine times too much, at 30 pictures a second
    for i in range(240):
        screen.receive(picture(i, keyframe=i % 40 == 0)._replace(data=large * 3))
    sent = sum(len(data) for data, _, _ in viewer.got)
    assert sent <= BURST + 8 * MAX_BYTES
    numbers = [timestamp // 3000 for _, timestamp, _ in viewer.got]
    first_after_gap = [b for a, b in pairwise(numbers) if b > a + 1]
    assert first_after_gap
    assert all(number % 40 == 0 for number in first_after_gap)
    assert source.keyframes_asked > 1


def test_who_decodes_another_codec_gets_nothing() -> None:
    other = Viewer(codec="H264")
    screen, _ = shared(other)
    screen.receive(picture(0, keyframe=True))
    assert other.got == []


def test_many_requests_cost_one_keyframe() -> None:
    screen, source = shared(*(Viewer() for _ in range(10)))
    for _ in range(10):
        screen.request_keyframe()
    assert source.keyframes_asked == 1


def test_a_request_that_came_too_early_is_made_up_for() -> None:
    screen, source = shared(Viewer())
    screen.request_keyframe()
    assert source.keyframes_asked == 1
    screen.receive(picture(1, late=KEYFRAME_INTERVAL))
    assert source.keyframes_asked == 2


def test_a_request_that_got_lost_is_repeated_until_a_keyframe_comes() -> None:
    screen, source = shared(Viewer())
    asked = []
    for i in range(40):  # 30 in a second
        screen.receive(picture(i, keyframe=i == 20))
        asked.append(source.keyframes_asked)
    assert [i for i in range(1, 40) if asked[i] > asked[i - 1]] == [15]


def test_a_keyframe_answers_all_requests() -> None:
    screen, source = shared(Viewer())
    screen.request_keyframe()
    screen.receive(picture(1, keyframe=True))
    screen.receive(picture(2, late=KEYFRAME_INTERVAL))
    assert source.keyframes_asked == 1


def test_time_goes_on_when_the_sender_starts_again() -> None:
    viewer = Viewer()
    screen, _ = shared(viewer)
    for i in range(3):
        screen.receive(picture(i, keyframe=i == 0))
    screen.attach(Source())
    screen.receive(picture(0, keyframe=True, late=1.0))
    times = [timestamp for _, timestamp, _ in viewer.got]
    assert [b - a for a, b in pairwise(times[:3])] == [3000, 3000]
    assert 60_000 < times[3] - times[2] <= 90_000


def test_nothing_after_the_end() -> None:
    viewer = Viewer()
    screen, source = shared(viewer)
    asked = source.keyframes_asked
    screen.close()
    screen.receive(picture(0, keyframe=True))
    screen.request_keyframe()
    assert viewer.got == []
    assert source.keyframes_asked == asked
