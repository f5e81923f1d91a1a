"""The publication with a real codec, a filter that paints, and peers that only note what they are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace

import av
import pytest

from filters.base import FilteredFrame, new_frame, planes_of
from server.media import subscription
from server.media.codec.encoder import SMALL, Vp8Encoder, vp8_size
from server.media.load import LoadMeter
from server.media.publication import MAX_FRAME_RATE, MAX_WAITING, MAX_WAITING_BYTES, VideoPublication
from server.media.rtc import EncodedFrame, ntp_now
from server.media.rtc.vp8 import depayload_vp8
from server.media.subscription import KEYFRAMES_AT_ONCE, MAX_BACKLOG, VideoSubscription, limited
from server.media.workers.base import Transcoded
from server.media.workers.threads import ThreadTranscoding
from tests.support.painting import PlainFilter

RAW, PAINTED = 220, 60


class Painter(PlainFilter):
    """Shows an even grey; fails, dawdles or holds back when told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.pause = 0.0
        self.hold_back = False
        self.resets = 0

    def filter(self, frame: av.VideoFrame) -> FilteredFrame | None:
        time.sleep(self.pause)
        if self.error is not None:
            raise self.error
        if self.hold_back:
            return None
        painted, planes = new_frame(frame.width, frame.height)
        planes.y[:] = PAINTED
        planes.u[:] = planes.v[:] = 128
        painted.pts, painted.time_base = frame.pts, frame.time_base
        return FilteredFrame(painted)

    def reset(self) -> None:
        self.resets += 1


def painted(executor: ThreadPoolExecutor, painter: Painter | None = None) -> VideoPublication:
    """Return a publication whose filter paints."""
    return VideoPublication(ThreadTranscoding(painter or Painter(), executor, 300_000), LoadMeter(2))


@dataclass
class Peer:
    """Stands for an RtpSender."""

    ready: bool = True
    backlog: float = 0.0
    on_keyframe_request: Callable[[], object] = lambda: None
    drops: int = 0
    sent: list[tuple[list[bytes], int]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def forget(self) -> None:
        pass

    def drop(self) -> None:
        self.drops += 1

    def send(
        self,
        payloads: Sequence[bytes],
        timestamp: int,
        *,
        level: int | None = None,
        capture_ntp: int | None = None,
    ) -> None:
        self.sent.append((list(payloads), timestamp))
        self.arrived.set()

    def close(self) -> None:
        self.ready = False

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.sent) < count:
                self.arrived.clear()
                await self.arrived.wait()


@dataclass
class Source:
    """Stands for a VideoReceiver."""

    keyframe_requests: int = 0
    captured: int | None = None

    def request_keyframe(self) -> None:
        self.keyframe_requests += 1

    def capture_ntp(self, timestamp: int) -> int | None:
        return self.captured


def camera(count: int, start: int = 0) -> list[EncodedFrame]:
    encoder, frames = Vp8Encoder(300_000), []
    for i in range(count):
        frame, planes = new_frame(64, 48)
        planes.y[:] = RAW
        planes.u[:] = planes.v[:] = 128
        video = encoder.encode(FilteredFrame(frame), 3000 * (start + i), keyframe=False)
        frames.append(EncodedFrame(video.data, video.timestamp, video.keyframe, "VP8", time.monotonic()))
    return frames


def subscribe(publication: VideoPublication, peer: Peer, codec: str = "VP8") -> VideoSubscription:
    subscription = VideoSubscription(peer, codec)  # type: ignore[arg-type]
    publication.subscribe(subscription)
    return subscription


def shown(peer: Peer) -> set[int]:
    """Return the luma values in what a peer decodes."""
    decoder = av.CodecContext.create("libvpx", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    values: set[int] = set()
    for payloads, _ in peer.sent:
        data = b"".join(payload[_descriptor_size(payload) :] for payload in payloads)
        for frame in decoder.decode(av.Packet(data)):
            values |= set(planes_of(frame).y.ravel().tolist())
    return values


def keyframes(peer: Peer) -> list[int]:
    """Return which of the pictures that a peer was sent are keyframes, RFC 6386 section 9.1."""
    first = [payloads[0] for payloads, _ in peer.sent]
    return [i for i, payload in enumerate(first) if not payload[_descriptor_size(payload)] & 1]


def _descriptor_size(payload: bytes) -> int:
    if not payload[0] & 0x80:
        return 1
    return 4 if payload[2] & 0x80 else 3


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


async def feed(publication: VideoPublication, frames: list[EncodedFrame], peer: Peer) -> None:
    """Give frames one by one, each after the one before was sent."""
    for frame in frames:
        count = len(peer.sent)
        publication.receive(frame._replace(arrival=time.monotonic()))
        await peer.wait(count + 1)


async def test_peers_get_what_the_filter_painted(executor: ThreadPoolExecutor) -> None:
    publication, peer = painted(executor), Peer()
    subscribe(publication, peer)
    await feed(publication, camera(8), peer)
    assert max(abs(value - PAINTED) for value in shown(peer)) <= 4
    assert [t for _, t in peer.sent] == [3000 * i for i in range(8)]
    assert (publication.received, publication.sent, publication.withheld) == (8, 8, 0)


async def test_payloads_are_made_once_for_peers_that_get_everything(executor: ThreadPoolExecutor) -> None:
    publication, first, second = painted(executor), Peer(), Peer()
    subscribe(publication, first)
    subscribe(publication, second)
    await feed(publication, camera(3), first)
    for (a, _), (b, _) in zip(first.sent, second.sent, strict=True):
        assert all(x is y for x, y in zip(a, b, strict=True))


async def test_a_peer_starts_with_a_keyframe(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.media.publication.KEYFRAME_INTERVAL", 0.0)
    publication, first, late = painted(executor), Peer(), Peer(ready=False)
    subscribe(publication, first)
    frames = camera(6)
    await feed(publication, frames[:2], first)
    subscribe(publication, late)
    await feed(publication, frames[2:3], first)
    late.ready = True
    await feed(publication, frames[3:5], first)
    assert late.sent == []
    publication.request_keyframe()
    await feed(publication, frames[5:], first)
    assert keyframes(late) == [0]
    assert len(late.sent) == 1


async def test_many_requests_cost_one_keyframe_per_interval(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.media.publication.KEYFRAME_INTERVAL", 60.0)
    publication, peer = painted(executor), Peer()
    subscribe(publication, peer)
    frames = camera(12)
    for frame in frames[:10]:
        publication.request_keyframe()
        await feed(publication, [frame], peer)
    assert keyframes(peer) == [0]
    publication._keyframe_sent -= 60.0
    await feed(publication, frames[10:], peer)
    assert keyframes(peer) == [0, 10]


async def test_a_slow_peer_gets_the_base_layer_alone(executor: ThreadPoolExecutor) -> None:
    publication, peer, slow = painted(executor), Peer(), Peer()
    subscribe(publication, peer)
    subscribe(publication, slow).base_only = True
    await feed(publication, camera(10), peer)
    assert [t for _, t in slow.sent] == [6000 * i for i in range(5)]
    assert max(abs(value - PAINTED) for value in shown(slow)) <= 4


@pytest.mark.parametrize("error", [RuntimeError("boom"), ValueError("bad")])
async def test_an_error_withholds_the_frame_and_the_next_is_whole(
    executor: ThreadPoolExecutor, error: Exception
) -> None:
    painter, peer = Painter(), Peer()
    publication = painted(executor, painter)
    subscribe(publication, peer)
    frames = camera(6)
    await feed(publication, frames[:2], peer)
    painter.error = error
    publication.receive(frames[2])
    while publication.withheld == 0:
        await asyncio.sleep(0.001)
    assert len(peer.sent) == 2
    painter.error = None
    await feed(publication, frames[3:], peer)
    assert max(abs(value - PAINTED) for value in shown(peer)) <= 4


async def test_a_camera_that_was_held_back_for_a_moment_is_shown_again(executor: ThreadPoolExecutor) -> None:
    publication, source = painted(executor), Source()
    publication.attach(source)  # type: ignore[arg-type]
    publication.held_back, publication.frame_rate = True, 3.0
    first, *rest = camera(8)
    for frame in (first, *rest[:3]):
        publication.receive(frame)
    publication.held_back, publication.frame_rate = False, 30.0
    asked = source.keyframe_requests
    publication._asked -= 60.0
    for frame in rest[3:]:
        publication.receive(frame)
    assert source.keyframe_requests == asked + 1
    skipped = publication.withheld
    publication.receive(camera(1, start=9)[0])
    assert publication.withheld == skipped
    publication.close()


async def test_a_camera_that_sent_too_many_is_shown_again(executor: ThreadPoolExecutor) -> None:
    publication, source = painted(executor), Source()
    publication.attach(source)  # type: ignore[arg-type]
    flood = camera(1)[0]
    for _ in range(2 * int(MAX_FRAME_RATE)):
        publication.receive(flood)  # the first that is too much is a keyframe, and so are those after it
    asked = source.keyframe_requests
    publication._asked -= 60.0
    publication.receive(camera(2)[1])
    assert source.keyframe_requests == asked + 1
    publication.close()


async def test_rubbish_asks_the_sender_for_a_keyframe(executor: ThreadPoolExecutor) -> None:
    publication, peer, source = (
        painted(executor),
        Peer(),
        Source(),
    )
    subscribe(publication, peer)
    publication.attach(source)  # type: ignore[arg-type]
    publication.receive(EncodedFrame(b"\xff" * 50, 0, True, "VP8", time.monotonic()))
    while source.keyframe_requests == 0:
        await asyncio.sleep(0.001)
    await feed(publication, camera(2), peer)
    assert publication.withheld == 1


async def test_old_frames_are_decoded_but_not_shown(executor: ThreadPoolExecutor) -> None:
    painter, peer = Painter(), Peer()
    publication = painted(executor, painter)
    subscribe(publication, peer)
    frames = camera(20)
    long_ago = time.monotonic() - 1
    for frame in frames:
        publication.receive(frame._replace(arrival=long_ago))
    await peer.wait(2)
    assert [t for _, t in peer.sent] == [0, 3000 * 19]
    assert publication.withheld == 18


async def test_nothing_piles_up_behind_a_slow_filter(executor: ThreadPoolExecutor) -> None:
    painter, peer, source = Painter(), Peer(), Source()
    painter.pause = 0.2
    publication = painted(executor, painter)
    publication.attach(source)  # type: ignore[arg-type]
    subscribe(publication, peer)
    for frame in camera(MAX_WAITING * 2):
        publication.receive(frame)
    assert len(publication._waiting) <= MAX_WAITING
    assert source.keyframe_requests > 0
    publication.close()


async def test_large_frames_that_are_never_due_do_not_pile_up(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one time, they wait for one that is to be shown, and would all go to a worker at once."""
    publication, source = painted(executor), Source()
    publication.attach(source)  # type: ignore[arg-type]
    jobs: list[int] = []

    def submit(frames: Sequence[EncodedFrame], *_: object, **__: object) -> asyncio.Future[Transcoded]:
        jobs.append(sum(len(frame.data) for frame in frames))
        done = asyncio.get_running_loop().create_future()
        done.set_result(Transcoded([], 0.0, 0.0))
        return done

    monkeypatch.setattr(publication.transcoder, "submit", submit)
    first, second = camera(2)
    large = second._replace(timestamp=0, data=second.data + bytes(300_000))
    for frame in (first, *[large] * (MAX_WAITING - 2), second):
        publication.receive(frame)
        assert sum(len(waiting.data) for waiting in publication._waiting) <= MAX_WAITING_BYTES
        await asyncio.sleep(0)
    assert source.keyframe_requests > 0
    assert max(jobs) <= MAX_WAITING_BYTES
    publication.close()


async def test_time_goes_on_when_the_camera_connects_anew(executor: ThreadPoolExecutor) -> None:
    painter, peer = Painter(), Peer()
    publication = painted(executor, painter)
    subscribe(publication, peer)
    await feed(publication, camera(3, start=100), peer)
    publication.attach(Source())  # type: ignore[arg-type]
    await feed(publication, camera(3), peer)
    times = [t for _, t in peer.sent]
    assert times == sorted(set(times))
    assert painter.resets >= 1


async def test_a_camera_that_is_switched_off_is_forgotten_at_once(executor: ThreadPoolExecutor) -> None:
    painter, peer = Painter(), Peer()
    transcoding = ThreadTranscoding(painter, executor, 300_000)
    publication = VideoPublication(transcoding, LoadMeter(2))
    subscribe(publication, peer)
    await feed(publication, camera(3), peer)
    before = painter.resets
    publication.reset()
    async with asyncio.timeout(10):
        while painter.resets == before:
            await asyncio.sleep(0.001)
    assert transcoding.transcoder._decoder._context is None
    publication.reset()
    await feed(publication, camera(3, start=100), peer)
    assert painter.resets == before + 2


async def test_pictures_that_wait_for_a_line_go_with_the_camera(executor: ThreadPoolExecutor) -> None:
    publication, peer = painted(executor), Peer()
    subscribe(publication, peer)
    frames = camera(2)
    await feed(publication, frames[:1], peer)
    publication.paused = True
    publication.reset()
    assert peer.drops == 1
    publication.paused = False
    await feed(publication, frames[:1], peer)
    assert keyframes(peer) == [0, 1]


async def test_a_paused_camera_sends_nothing(executor: ThreadPoolExecutor) -> None:
    publication, peer = painted(executor), Peer()
    subscribe(publication, peer)
    frames = camera(4)
    await feed(publication, frames[:1], peer)
    publication.paused = True
    publication.receive(frames[1])
    await asyncio.sleep(0)
    assert publication.received == 1
    assert len(peer.sent) == 1


async def test_it_tells_how_old_its_pictures_are_when_they_leave(executor: ThreadPoolExecutor) -> None:
    publication, peer = painted(executor), Peer()
    subscribe(publication, peer)
    assert publication.age.at(time.monotonic()) is None
    publication.attach(Source(captured=ntp_now() - (3 << 32)))  # type: ignore[arg-type]
    frames = camera(1)
    start = time.monotonic()
    await feed(publication, frames, peer)
    age = publication.age.at(time.monotonic())
    assert age is not None
    assert 3 <= age <= 3.1 + time.monotonic() - start


def sizes(peer: Peer) -> list[tuple[int, int] | None]:
    """Return the size of each keyframe that a peer was sent, None for what is none."""
    return [vp8_size(depayload_vp8(payloads[0])[0]) for payloads, _ in peer.sent]


async def test_a_peer_on_a_narrow_line_gets_a_small_encoding_and_later_the_whole_one_without_a_gap(
    executor: ThreadPoolExecutor,
) -> None:
    publication, peer, other = painted(executor), Peer(), Peer()
    narrow = subscribe(publication, peer)
    subscribe(publication, other)
    frames = camera(9)
    await feed(publication, frames[:2], peer)
    assert not publication.encodes(SMALL)
    narrow.small = True
    await feed(publication, frames[2:5], peer)
    assert publication.encodes(SMALL)
    narrow.small = False
    await feed(publication, frames[5:7], peer)  # no keyframe yet
    publication._keyframe_sent = 0.0
    publication.request_keyframe()
    await feed(publication, frames[7:], peer)
    assert sizes(peer) == [(64, 48), None, (32, 24), None, None, None, None, (64, 48), None]
    assert sizes(other) == [(64, 48), *[None] * 6, (64, 48), None]
    assert not publication.encodes(SMALL)


async def test_what_the_line_has_no_room_for_is_left_out_up_to_a_keyframe(
    executor: ThreadPoolExecutor,
) -> None:
    publication, peer, other = painted(executor), Peer(), Peer()
    peer.on_keyframe_request = publication.request_keyframe
    subscribe(publication, peer)
    subscribe(publication, other)
    frames = camera(10)
    await feed(publication, frames[:1], other)
    peer.backlog = 0.1
    await feed(publication, frames[1:3], other)
    assert len(peer.sent) == 2  # the keyframe and a base layer
    peer.backlog = MAX_BACKLOG + 0.1
    await feed(publication, frames[3:6], other)
    assert len(peer.sent) == 2
    peer.backlog = 0.0
    publication._keyframe_sent = 0.0
    await feed(publication, frames[6:], other)
    after = sizes(peer)[2:]
    assert after[0] == (64, 48)
    assert set(after[1:]) == {None}
    assert len(other.sent) == 10


async def test_a_keyframe_that_was_asked_for_too_often_is_asked_for_again(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the picture would stand still until the peer wonders why nothing comes, which not every peer does."""
    now = 100.0
    monkeypatch.setattr(subscription, "time", SimpleNamespace(monotonic=lambda: now))
    publication, peer, other = painted(executor), Peer(), Peer()
    peer.on_keyframe_request = limited(publication.request_keyframe)
    subscribe(publication, peer)
    subscribe(publication, other)
    frames = camera(8)
    await feed(publication, frames[:1], other)
    for _ in range(KEYFRAMES_AT_ONCE):
        peer.on_keyframe_request()
    publication._keyframe_wanted = False  # as when they were answered
    peer.backlog = MAX_BACKLOG + 0.1
    await feed(publication, frames[1:3], other)
    peer.backlog = 0.0
    await feed(publication, frames[3:5], other)
    assert len(peer.sent) == 1
    now += 1.0
    publication._keyframe_sent = 0.0
    await feed(publication, frames[5:], other)
    assert sizes(peer) == [(64, 48), (64, 48), *[None] * (len(peer.sent) - 2)]
