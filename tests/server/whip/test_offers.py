"""The offers of tests/server/media/rtc/offers over HTTP: each gets a session, or a refusal that says why."""

from __future__ import annotations

import json

import pytest
from aiortc import RTCPeerConnection, RTCRtpSender

from server.app import ROOMS
from tests.server.media.rtc.test_offers import ANSWERS, OFFERS, REFUSALS, sections, summary
from tests.support.client import MAX_BUNDLE
from tests.support.serving import Client
from tests.support.whip_client import offer, post


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.slow
async def test_a_camera_is_taken(name: str, here: Client) -> None:
    status, answer = await post(here, "/whip/studio", OFFERS[name])
    assert status == 201, answer
    assert [summary(section) for section in sections(answer)] == ANSWERS[name]


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_camera_that_can_not_be_taken_is_told_why(name: str, here: Client) -> None:
    status, text = await post(here, "/whip/studio", OFFERS[name])
    assert (status, json.loads(text)["code"]) == (422, "unacceptable-sdp")
    assert REFUSALS[name] in json.loads(text)["message"]
    assert here.app[ROOMS].open_rooms.all() == []


async def play(here: Client, offer: str) -> tuple[int, str]:
    """Watch a camera with video and audio."""
    assert (await post(here, "/whip/studio?identity=desk", OFFERS["obs"]))[0] == 201
    return await post(here, "/whep/studio/desk", offer)


@pytest.mark.parametrize("first", ["pcmu", "pcma", "g722"])
async def test_a_viewer_gets_opus_whatever_comes_first(first: str, here: Client) -> None:
    connection = RTCPeerConnection(MAX_BUNDLE)
    known = {codec.mimeType.lower(): codec for codec in RTCRtpSender.getCapabilities("audio").codecs}
    transceiver = connection.addTransceiver("audio", direction="recvonly")
    transceiver.setCodecPreferences([known[f"audio/{first}"], known["audio/opus"]])
    await connection.setLocalDescription(await connection.createOffer())
    status, answer = await play(here, connection.localDescription.sdp)
    await connection.close()
    assert status == 201
    assert [line for line in answer.splitlines() if line.startswith("a=rtpmap:")] == [
        "a=rtpmap:96 opus/48000/2"
    ]


async def test_a_viewer_without_opus_is_told_so(here: Client) -> None:
    status, text = await play(here, OFFERS["g711-only"].replace("sendonly", "recvonly"))
    assert status == 422
    assert "has to have Opus; it has PCMU, PCMA" in text


async def test_a_viewer_who_takes_no_fragments_is_told_so(here: Client) -> None:
    """What the server encodes in H.264 needs packetization mode 1; for a camera it need not be."""
    status, text = await play(here, OFFERS["h264-mode-0"].replace("sendonly", "recvonly"))
    assert status == 422
    assert "packetization-mode=1" in text


async def test_a_viewer_gets_h264_and_a_data_channel_is_rejected_alone(here: Client) -> None:
    status, answer = await play(here, OFFERS["safari-ios"])
    assert status == 201
    assert [section[0].split()[1] == "0" for section in sections(answer)] == [False, False, True]
    assert [line for line in answer.splitlines() if line == "a=sendonly"] == ["a=sendonly"] * 2


async def test_an_offer_is_as_long_as_it_may_be(here: Client) -> None:
    sdp = await offer("sendonly", "video") + "a=x\r\n" * 9_000
    status, text = await post(here, "/whip/studio", sdp)
    assert (status, json.loads(text)["code"]) == (400, "bad-sdp")
    assert "8192 lines" in text


async def test_a_section_that_sends_nothing_is_no_camera(here: Client) -> None:
    sdp = OFFERS["obs"].replace("a=sendonly", "a=inactive", 1)
    assert (await post(here, "/whip/studio", sdp))[0] == 201
    (room,) = here.app[ROOMS].open_rooms.all()
    (membership,) = room.memberships
    assert (membership.participant.sends_audio, membership.participant.sends_video) == (False, True)
