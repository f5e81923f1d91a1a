"""A browser's offers to send: which are taken, what they replace, and what is said of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aioice.ice
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from server.config.options import Config
from server.core.errors import SignalingError
from server.media.load import LoadMeter
from server.media.microphone import AudioPublication
from server.media.publication import VideoPublication
from server.media.rtc.sdp import RemoteDescription
from server.media.screen import ScreenPublication
from server.peers.descriptions import read_offer
from server.peers.publisher import START_BITRATE, Publisher
from tests.support.client import MAX_BUNDLE, CameraTrack
from tests.support.gate import Gate
from tests.support.whip_client import offer
from tests.support.workers import IdleTranscoding

Until = Callable[[Callable[[], object]], Awaitable[None]]

CANDIDATE = "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host"


@pytest.fixture
def lost() -> list[str]:
    """Gets an entry for every connection that ended by itself."""
    return []


@pytest.fixture
async def publisher(lost: list[str]) -> AsyncIterator[Publisher]:
    video = VideoPublication(IdleTranscoding(), LoadMeter(1))
    publisher = Publisher(Config(), video, AudioPublication(), lambda: lost.append("lost"))
    yield publisher
    await publisher.close()


@pytest.fixture
async def screen() -> AsyncIterator[Publisher]:
    publisher = Publisher(Config(), ScreenPublication(), AudioPublication())
    yield publisher
    await publisher.close()


async def described(*kinds: str, direction: str = "sendonly") -> RemoteDescription:
    return read_offer(await offer(direction, *kinds), Config().max_sdp)


async def refused(publisher: Publisher, *kinds: str) -> str:
    with pytest.raises(SignalingError) as error:
        await publisher.offer(await described(*kinds))
    return error.value.code


@pytest.mark.parametrize("kinds", [("video",), ("audio",), ("audio", "video")])
async def test_the_answer_takes_what_is_offered(publisher: Publisher, kinds: tuple[str, ...]) -> None:
    answer = await publisher.offer(await described(*kinds))
    assert answer.count("a=recvonly") == len(kinds)
    assert publisher.kinds == set(kinds)
    assert (publisher.stats is not None) == ("video" in kinds)


async def test_what_the_browser_does_not_send_is_not_published(publisher: Publisher) -> None:
    await publisher.offer(await described("video", "audio", direction="recvonly"))
    assert publisher.kinds == set()
    assert publisher.stats is None


async def test_the_answer_tells_how_to_begin(publisher: Publisher) -> None:
    answer = await publisher.offer(await described("video"))
    assert f"x-google-start-bitrate={START_BITRATE}" in answer


async def test_an_offer_whose_taking_is_interrupted_leaves_no_socket_open(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the end of the server does it."""
    loop, bound = asyncio.get_running_loop(), list[asyncio.DatagramTransport]()
    bind, gathering = loop.create_datagram_endpoint, asyncio.Event()

    async def bind_one(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - asyncio's
        if bound:
            gathering.set()
            await asyncio.Event().wait()
        transport, protocol = await bind(*arguments, **options)
        bound.append(transport)
        return transport, protocol

    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"] * 2)
    described_offer = await described("video")
    monkeypatch.setattr(loop, "create_datagram_endpoint", bind_one)
    answering = asyncio.create_task(publisher.offer(described_offer))
    await gathering.wait()
    answering.cancel()
    await asyncio.wait([answering])
    assert [transport.is_closing() for transport in bound] == [True]


async def test_before_the_first_offer_there_is_nothing(publisher: Publisher) -> None:
    assert (publisher.kinds, publisher.connection, publisher.stats) == (frozenset(), None, None)
    await publisher.candidate({"candidate": CANDIDATE, "sdpMid": "0"})
    assert publisher.connection is None


async def test_pictures_reach_the_publication(track: CameraTrack, until: Until) -> None:
    video = VideoPublication(IdleTranscoding(), LoadMeter(1))
    publisher, browser = Publisher(Config(), video, AudioPublication()), RTCPeerConnection(MAX_BUNDLE)
    browser.addTransceiver(track, direction="sendonly")
    await browser.setLocalDescription(await browser.createOffer())
    answer = await publisher.offer(read_offer(browser.localDescription.sdp, Config().max_sdp))
    await browser.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await until(lambda: video.received)
    await asyncio.gather(publisher.close(), browser.close())


async def test_an_offer_replaces_the_connection_before(publisher: Publisher, lost: list[str]) -> None:
    await publisher.offer(await described("video", "audio"))
    before = publisher.connection
    assert before is not None
    await publisher.offer(await described("audio"))
    assert before.connectionState == "closed"
    assert publisher.connection not in (None, before)
    assert publisher.kinds == {"audio"}
    assert publisher.stats is None
    assert not lost  # nothing ended by itself


@pytest.mark.parametrize("kinds", [("video", "video"), ("audio", "video", "audio")])
async def test_a_bad_offer_leaves_the_connection_as_it_is(
    publisher: Publisher, kinds: tuple[str, ...]
) -> None:
    await publisher.offer(await described("video"))
    before = publisher.connection
    assert await refused(publisher, *kinds) == "bad-sdp"
    assert publisher.connection is before
    assert before is not None
    assert before.connectionState != "closed"
    assert publisher.kinds == {"video"}


async def test_an_offer_that_fails_while_it_is_answered(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever aiortc stumbles over is an error of the protocol, and the new connection is closed."""
    made = []

    async def stumble(connection: RTCPeerConnection) -> RTCSessionDescription:
        made.append(connection)
        raise KeyError("mid")

    monkeypatch.setattr("server.media.rtc.connection.PeerConnection.createAnswer", stumble, raising=False)
    assert await refused(publisher, "video") == "bad-sdp"
    assert [connection.connectionState for connection in made] == ["closed"]
    assert publisher.connection is None


async def test_a_description_of_more_than_the_limit_is_not_read() -> None:
    sdp = await offer("sendonly", "video")
    with pytest.raises(SignalingError) as error:
        read_offer(sdp, len(sdp) - 1)
    assert error.value.code == "bad-sdp"
    assert read_offer(sdp, len(sdp)).carried


async def test_a_screen_has_a_picture_that_everybody_decodes(screen: Publisher, publisher: Publisher) -> None:
    assert await refused(screen, "audio") == "bad-sdp"
    assert screen.connection is None
    await screen.offer(await described("video", "audio"))
    assert screen.kinds == {"video", "audio"}
    assert screen.carried["video"] == ("vp8",)
    assert set(publisher.carried["video"]) > {"vp8"}


async def test_the_end_during_an_answer_wins(publisher: Publisher, gate: Gate) -> None:
    offering = asyncio.create_task(publisher.offer(await described("video")))
    await gate.reached()
    await publisher.close()
    gate.open()
    with pytest.raises(SignalingError) as error:
        await offering
    assert error.value.code == "not-connected"
    assert [connection.connectionState for connection in gate.waiting] == ["closed"]
    assert publisher.connection is None


async def test_a_connection_that_ends_by_itself_is_lost(publisher: Publisher, lost: list[str]) -> None:
    await publisher.offer(await described("video"))
    assert publisher.connection is not None
    await publisher.connection.close()
    assert lost == ["lost"]


async def test_a_connection_that_is_closed_is_not_lost(publisher: Publisher, lost: list[str]) -> None:
    await publisher.offer(await described("video"))
    before = publisher.connection
    assert before is not None
    await publisher.close()
    assert before.connectionState == "closed"
    assert not lost


@pytest.mark.parametrize(
    "init",
    [
        {"candidate": "rubbish", "sdpMid": "0"},
        {"candidate": CANDIDATE},
        {"candidate": CANDIDATE, "sdpMid": 0, "sdpMLineIndex": "0"},
    ],
)
async def test_a_bad_candidate_ends_nothing(publisher: Publisher, init: dict[str, object]) -> None:
    await publisher.offer(await described("video"))
    before = publisher.connection
    with pytest.raises(SignalingError) as error:
        await publisher.candidate(init)
    assert error.value.code == "bad-candidate"
    assert publisher.connection is before
    await publisher.candidate({"candidate": CANDIDATE, "sdpMid": "0"})
    await publisher.candidate(None)
