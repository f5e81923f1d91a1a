"""What one browser receives: the offers that it gets, and what its answers begin and end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription

from server.config.options import Config
from server.media.screen import ScreenPublication
from server.media.subscription import VideoSubscription
from server.peers.subscriber import MAX_CANDIDATES, Stream, SubscribeOffer, Subscriber
from tests.support.client import MAX_BUNDLE
from tests.support.publications import Camera, Voice

Until = Callable[[Callable[[], object]], Awaitable[None]]

BAD_CANDIDATE = {"candidate": "rubbish", "sdpMid": "0"}


@dataclass
class Browser:
    """Keeps the offers, and answers those that it is told to with stock aiortc."""

    offers: list[SubscribeOffer] = field(default_factory=list)
    connection: RTCPeerConnection = field(default_factory=lambda: RTCPeerConnection(MAX_BUNDLE))

    @property
    def labels(self) -> list[tuple[str, str]]:
        """Whose what the last offer has, in the order of its sections."""
        return [(label.participant, label.kind) for label in self.offers[-1].streams]

    async def answer(self, subscriber: Subscriber, *, reject: bool = False) -> None:
        """Answer the last offer; with `reject` receive nothing of it."""
        await self.connection.setRemoteDescription(RTCSessionDescription(self.offers[-1].sdp, "offer"))
        for transceiver in self.connection.getTransceivers():
            transceiver.direction = "inactive" if reject else "recvonly"
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        subscriber.answer(self.offers[-1].id, self.connection.localDescription.sdp)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    browser = Browser()
    yield browser
    await browser.connection.close()


@pytest.fixture
async def subscriber(browser: Browser) -> AsyncIterator[Subscriber]:
    subscriber = Subscriber(Config(), browser.offers.append)
    yield subscriber
    await subscriber.close()


@pytest.fixture
def ada() -> Camera:
    return Camera()


@pytest.fixture
def bob() -> Camera:
    return Camera()


async def test_an_offer_says_whose_is_what_and_what_is_filtered(
    subscriber: Subscriber, browser: Browser, ada: Camera, until: Until
) -> None:
    voice, screen = Voice(), ScreenPublication()
    subscriber.watch(
        [Stream("ada", "video", ada), Stream("ada", "audio", voice), Stream("ada", "screen", screen)]
    )
    await until(lambda: browser.offers)
    assert browser.offers[0].fresh
    assert browser.labels == [("ada", "video"), ("ada", "audio"), ("ada", "screen")]
    assert [label.filtered for label in browser.offers[0].streams] == [True, False, False]
    sections = SessionDescription.parse(browser.offers[0].sdp).media
    assert [section.kind for section in sections] == ["video", "audio", "video"]
    assert [section.rtp.muxId for section in sections] == [label.mid for label in browser.offers[0].streams]
    groups = [(section.msid or "").split()[0] for section in sections]
    assert groups == ["ada", "ada", "ada-screen"]  # a screen need not wait for the camera


async def test_streams_begin_with_the_answer(
    subscriber: Subscriber, browser: Browser, ada: Camera, until: Until
) -> None:
    voice = Voice()
    subscriber.watch([Stream("ada", "video", ada, own=True), Stream("bob", "audio", voice)])
    await until(lambda: browser.offers)
    assert not ada.sinks
    assert subscriber.stats == []
    await browser.answer(subscriber)
    await until(lambda: ada.sinks and voice.sinks)
    assert ada.sinks[0].own
    assert voice.sinks[0].loudest_only
    assert len(subscriber.stats) == 2
    await until(lambda: browser.connection.connectionState == "connected")


async def test_what_the_browser_rejects_is_not_sent(
    subscriber: Subscriber, browser: Browser, ada: Camera, bob: Camera, until: Until
) -> None:
    subscriber.watch([Stream("ada", "video", ada)])
    await until(lambda: browser.offers)
    await browser.answer(subscriber, reject=True)
    subscriber.watch([Stream("ada", "video", ada), Stream("bob", "video", bob)])
    await until(lambda: len(browser.offers) == 2)
    assert not ada.sinks


async def test_only_the_first_offer_is_fresh_and_sections_are_used_again(
    subscriber: Subscriber, browser: Browser, ada: Camera, bob: Camera, until: Until
) -> None:
    subscriber.watch([Stream("ada", "video", ada)])
    await until(lambda: browser.offers)
    await browser.answer(subscriber)
    await until(lambda: ada.sinks)
    subscriber.watch([Stream("bob", "video", bob)])
    assert not ada.sinks  # at once, before anything is negotiated
    await until(lambda: len(browser.offers) == 2)
    first, second = browser.offers
    assert (first.fresh, second.fresh) == (True, False)
    assert second.id > first.id
    assert browser.labels == [("bob", "video")]
    assert second.streams[0].mid == first.streams[0].mid
    assert len(SessionDescription.parse(second.sdp).media) == 1
    await browser.answer(subscriber)
    await until(lambda: bob.sinks)


async def test_a_section_is_not_used_for_another_kind(
    subscriber: Subscriber, browser: Browser, ada: Camera, until: Until
) -> None:
    subscriber.watch([Stream("ada", "video", ada)])
    await until(lambda: browser.offers)
    await browser.answer(subscriber)
    subscriber.watch([Stream("ada", "audio", Voice())])
    await until(lambda: len(browser.offers) == 2)
    media = SessionDescription.parse(browser.offers[-1].sdp).media
    assert [(section.kind, section.direction) for section in media] == [
        ("video", "inactive"),
        ("audio", "sendonly"),
    ]


async def test_one_offer_at_a_time_and_then_the_latest_wish(
    subscriber: Subscriber, browser: Browser, ada: Camera, bob: Camera, until: Until
) -> None:
    subscriber.watch([Stream("ada", "video", ada)])
    await until(lambda: browser.offers)
    voice = Voice()
    subscriber.watch([Stream("ada", "video", ada), Stream("bob", "video", bob)])
    subscriber.watch([Stream("ada", "video", ada), Stream("bob", "audio", voice)])
    await browser.answer(subscriber)
    await until(lambda: len(browser.offers) > 1)
    assert browser.labels == [("ada", "video"), ("bob", "audio")]
    await browser.answer(subscriber)
    await until(lambda: voice.sinks)
    assert len(browser.offers) == 2
    assert not bob.sinks


async def test_whoever_has_gone_before_the_answer_is_not_subscribed_to(
    subscriber: Subscriber, browser: Browser, ada: Camera, bob: Camera, until: Until
) -> None:
    subscriber.watch([Stream("ada", "video", ada), Stream("bob", "video", bob)])
    await until(lambda: browser.offers)
    subscriber.watch([Stream("ada", "video", ada)])
    await browser.answer(subscriber)
    await until(lambda: len(browser.offers) == 2)
    assert len(ada.sinks) == 1
    assert not bob.sinks


async def test_the_same_wish_again_is_no_change(
    subscriber: Subscriber, browser: Browser, ada: Camera, bob: Camera, until: Until
) -> None:
    subscriber.watch([Stream("ada", "video", ada)])
    await until(lambda: browser.offers)
    await browser.answer(subscriber)
    await until(lambda: ada.sinks)
    subscriber.watch([Stream("ada", "video", ada)])
    subscriber.watch([Stream("ada", "video", ada), Stream("bob", "video", bob)])
    await until(lambda: len(browser.offers) > 1)
    await browser.answer(subscriber)
    await until(lambda: bob.sinks)
    assert len(browser.offers) == 2
    assert len(ada.sinks) == 1


async def test_answers_to_other_offers_are_ignored(
    subscriber: Subscriber, browser: Browser, ada: Camera, bob: Camera, until: Until
) -> None:
    subscriber.answer(0, "rubbish")  # before there is any offer
    subscriber.watch([Stream("ada", "video", ada)])
    await until(lambda: browser.offers)
    subscriber.answer(browser.offers[0].id - 1, "rubbish")
    await browser.answer(subscriber)
    subscriber.answer(browser.offers[0].id, "rubbish")  # a second one
    await until(lambda: ada.sinks)
    subscriber.watch([Stream("ada", "video", ada), Stream("bob", "video", bob)])
    await until(lambda: len(browser.offers) == 2)
    subscriber.answer(browser.offers[0].id, "rubbish")
    await browser.answer(subscriber)
    await until(lambda: bob.sinks)


async def test_a_bad_answer_ends_the_connection_and_is_logged(
    subscriber: Subscriber, browser: Browser, ada: Camera, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    subscriber.watch([Stream("ada", "video", ada)])
    await until(lambda: browser.offers)
    subscriber.answer(browser.offers[0].id, "rubbish")
    await until(lambda: "bad-sdp" in caplog.text)
    assert not ada.sinks


@pytest.mark.parametrize("kept", [MAX_CANDIDATES - 1, MAX_CANDIDATES])
async def test_early_candidates_are_kept_up_to_a_limit(
    subscriber: Subscriber,
    browser: Browser,
    ada: Camera,
    until: Until,
    caplog: pytest.LogCaptureFixture,
    kept: int,
) -> None:
    subscriber.watch([Stream("ada", "video", ada)])
    await until(lambda: browser.offers)
    for _ in range(kept):
        await subscriber.candidate({"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0"})
    await subscriber.candidate(BAD_CANDIDATE)  # told once it is looked at, if it ever is
    await browser.answer(subscriber)
    await until(lambda: ada.sinks or "bad-candidate" in caplog.text)
    assert bool(ada.sinks) == (kept == MAX_CANDIDATES)


async def test_cameras_that_there_is_no_bandwidth_for(
    subscriber: Subscriber, browser: Browser, ada: Camera, bob: Camera, until: Until
) -> None:
    subscriber.watch([Stream("ada", "video", ada), Stream("bob", "video", bob)])
    await until(lambda: browser.offers)
    await browser.answer(subscriber)
    await until(lambda: ada.sinks and bob.sinks)
    assert subscriber.paused == []
    (subscription,) = bob.sinks
    assert isinstance(subscription, VideoSubscription)
    subscription.paused = True
    assert subscriber.paused == ["bob"]
    subscriber.watch([Stream("ada", "video", ada)])
    assert subscriber.paused == []


async def test_the_end_ends_every_subscription(
    subscriber: Subscriber, browser: Browser, ada: Camera, until: Until
) -> None:
    voice = Voice()
    subscriber.watch([Stream("ada", "video", ada), Stream("ada", "audio", voice)])
    await until(lambda: browser.offers)
    await browser.answer(subscriber)
    await until(lambda: ada.sinks and voice.sinks)
    await subscriber.close()
    assert (ada.sinks, voice.sinks, subscriber.stats) == ([], [], [])


async def test_the_end_does_not_wait_for_an_answer(
    subscriber: Subscriber, browser: Browser, ada: Camera, until: Until
) -> None:
    subscriber.watch([Stream("ada", "video", ada)])
    await until(lambda: browser.offers)
    async with asyncio.timeout(10):  # an answer has longer
        await subscriber.close()
    subscriber.answer(browser.offers[0].id, "rubbish")
    assert not ada.sinks
