"""Offers of clients that are out there, and what is answered: offers/*.sdp, and mutations of them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.core.errors import SdpError, UnsupportedSdpError
from server.media import rtc
from server.media.rtc.sdp import RemoteDescription, read
from tests.support.hostile_sdp import mutated

FOLDER = Path(__file__).parent / "offers"
OFFERS = {file.stem: file.read_bytes().decode() for file in sorted(FOLDER.glob("*.sdp"))}
CHROME = ["audio 111", "video 96 97 103 104 107 108 109 114 115 116 117 118 39 40"]
FIREFOX = ["audio 109", "video 120 124 126 127 97 98"]
ONE = ["video 96"]
ANSWERS: dict[str, list[str]] = {
    "chrome-bundle-only": CHROME,
    "chrome-play": CHROME,
    "chrome-publish": CHROME,
    "chrome-sendrecv-mdns": CHROME,
    "chrome-simulcast": CHROME[1:],
    "chrome-with-data-channel": [*CHROME, "application rejected"],
    "direction-of-the-session": ONE,
    "extmap-ids-above-14": ONE,
    "extmap-with-attributes": ONE,
    "feedback-for-all": ONE,
    "ffmpeg-7-patched": ["audio 111", "video 106"],
    "ffmpeg-8-baseline": ["audio 111", "video 106"],
    "ffmpeg-8-main": ["audio 111", "video 106"],
    "ffmpeg-9-high": ["audio 111", "video 106 105"],
    "firefox-balanced": FIREFOX,
    "firefox-publish": FIREFOX,
    "flutter": ["audio 111", "video 98 99"],
    "fmtp-with-spaces": ONE,
    "fmtp-without-rtpmap": ["video 96 99"],
    "g711-first": ["audio 111"],
    "g711-with-video": ["audio rejected", "video 96"],
    "go2rtc": ["video 96 97", "audio 101"],
    "gstreamer": ["video 96 97", "audio 98"],
    "h264-baseline-level-5": ONE,
    "h264-mode-0": ONE,
    "h264-without-fmtp": ONE,
    "ice-lite": ONE,
    "janus-subscriber": ["audio 111", "video rejected", "video 96 97"],
    "larix": ["video 127 125 96 97", "audio 111"],
    "line-feeds": ONE,
    "livekit": ["application rejected", "audio 111", "video 96 97"],
    "livekit-ingress": ["audio 111", "video 125 107"],
    "no-bundle": ["audio rejected", "video 96"],
    "no-direction": ONE,
    "no-mid": ONE,
    "no-setup": ONE,
    "obs": ["audio 111", "video 96"],
    "obs-high": ["audio 111", "video 96"],
    "obs-simulcast": ["audio 111", "video 96"],
    "older-protocol": ONE,
    "parameter-sets-in-the-description": ONE,
    "payload-types-35-to-63": ["video 35 36 41 42"],
    "payload-types-of-rtcp": ONE,
    "react-native": ["audio 111", "video 96 97 127 103"],
    "rtx-before-its-codec": ["video 96 97"],
    "safari-ios": ["audio 111", "video 96 97 98 99 100 101 104 105", "application rejected"],
    "unknown-sections": [
        "text rejected", "video 96", "message rejected", "application rejected", "image rejected"
    ],
}  # fmt: skip
REFUSALS = {
    "chrome-plan-b": "several tracks (Plan B)",
    "data-channel-only": "Only audio and video are carried",
    "g711-only": "The audio section has to have Opus; it has PCMU, PCMA",
    "h264-interleaved": "it has H264 (42e01f, 2)",
    "sha-1-only": "The fingerprint is one of sha-256, sha-384, sha-512",
    "vp9-and-av1": "it has VP9, AV1",
    "without-dtls": "not protected by DTLS-SRTP",
}

Answer = Callable[[str], Awaitable[str]]


@pytest.fixture
def answer(ours: RTCPeerConnection) -> Answer:
    """Answer an offer, once: receive what is sent, send what is received."""

    async def run(offer: str) -> str:
        await ours.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        for transceiver in ours.getTransceivers():
            transceiver.direction = "sendonly" if transceiver._offerDirection == "sendonly" else "recvonly"
        await ours.setLocalDescription(await ours.createAnswer())
        return str(ours.localDescription.sdp)

    return run


def sections(sdp: str) -> list[list[str]]:
    """Return the lines of each media section."""
    lines = sdp.replace("\r\n", "\n").strip().split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("m=")]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def values(section: list[str], name: str) -> list[str]:
    return [line.partition(":")[2] for line in section if line.startswith(f"a={name}:")]


def summary(section: list[str]) -> str:
    """Return the kind of an answered section and its payload types, or that it is rejected."""
    kind, port, _, formats = section[0].removeprefix("m=").split(" ", 3)
    return f"{kind} {'rejected' if port == '0' else formats}"


def test_every_offer_has_its_answer() -> None:
    assert set(OFFERS) == set(ANSWERS) | set(REFUSALS)


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_offer_is_answered_as_rfc_3264_has_it(name: str, answer: Answer) -> None:
    offer = OFFERS[name]
    answered = await answer(offer)
    offered, sections_ = sections(offer), sections(answered)
    assert [summary(section) for section in sections_] == ANSWERS[name]
    for theirs, ours in zip(offered, sections_, strict=True):
        assert ours[0].split()[0] == theirs[0].split()[0]
        assert ours[0].split()[2] == theirs[0].split()[2]
        assert set(ours[0].split()[3:]) <= set(theirs[0].split()[3:])
        assert values(ours, "mid") == values(theirs, "mid")
        assert {v.split()[0].partition("/")[0] for v in values(ours, "extmap")} <= {
            v.split()[0].partition("/")[0] for v in values(theirs, "extmap")
        }
        offered_names = {" ".join(v.split()).lower() for v in values(theirs, "rtpmap")}
        assert {v.lower() for v in values(ours, "rtpmap")} <= offered_names
        assert not values(ours, "simulcast")
    groups = [line for line in answered.splitlines() if line.startswith("a=group:")]
    mids = [
        values(section, "mid")[0]
        for section in sections_
        if "rejected" not in summary(section) and values(section, "mid")
    ]
    assert groups == ([f"a=group:BUNDLE {' '.join(mids)}"] if "a=group:BUNDLE" in offer else [])


@pytest.mark.parametrize("name", REFUSALS)
def test_an_offer_that_can_not_be_served_is_refused_with_words(name: str) -> None:
    with pytest.raises(UnsupportedSdpError) as refused:
        read(OFFERS[name], "offer")
    assert REFUSALS[name] in str(refused.value)


@pytest.mark.parametrize(
    ("name", "fmtp"),
    [
        ("ffmpeg-8-main", "106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f"),
        ("ffmpeg-9-high", "106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f"),
        ("h264-mode-0", "96 packetization-mode=0;profile-level-id=42e01f"),
        ("fmtp-with-spaces", "96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
        ("parameter-sets-in-the-description", "96 packetization-mode=1;profile-level-id=42c01f"),
    ],
)
async def test_h264_is_answered_as_it_is_offered(name: str, fmtp: str, answer: Answer) -> None:
    (video,) = [
        section for section in sections(await answer(OFFERS[name])) if section[0].startswith("m=video")
    ]
    assert values(video, "fmtp")[0] == fmtp


async def test_h264_without_parameters_is_answered_without(answer: Answer) -> None:
    (video,) = sections(await answer(OFFERS["h264-without-fmtp"]))
    assert values(video, "fmtp") == []


async def test_header_extensions_keep_their_ids_and_lose_what_is_not_known(answer: Answer) -> None:
    (video,) = sections(await answer(OFFERS["extmap-with-attributes"]))
    assert values(video, "extmap") == ["6 urn:ietf:params:rtp-hdrext:sdes:mid"]


async def test_feedback_for_all_codecs_is_answered_for_each(answer: Answer) -> None:
    (video,) = sections(await answer(OFFERS["feedback-for-all"]))
    assert values(video, "rtcp-fb") == ["96 nack", "96 nack pli", "96 transport-cc"]


@pytest.mark.parametrize(
    ("name", "ufrag", "addresses"),
    [
        ("firefox-balanced", "1f2b91ab", ["192.0.2.17"]),
        ("livekit", "Fz2q", ["192.0.2.17", "198.51.100.7"]),
        ("no-bundle", "bbbb", []),
        ("janus-subscriber", "Vn7Z", ["192.0.2.30", "2001:db8::30"] * 2),
    ],
)
def test_what_is_bundled_takes_the_transport_of_the_first_section(
    name: str, ufrag: str, addresses: list[str]
) -> None:
    offer = read(OFFERS[name], "offer")
    assert offer.transport is not None
    assert (offer.ufrag, [candidate.ip for candidate in offer.transport.candidates]) == (ufrag, addresses)


def test_parameter_sets_are_read_from_the_description() -> None:
    (video,) = read(OFFERS["parameter-sets-in-the-description"], "offer").sections
    sets = video.parameter_sets[96].split(b"\0\0\0\1")
    assert [unit[0] & 0x1F for unit in sets[1:]] == [7, 8]


@given(st.sampled_from(sorted(OFFERS)), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
@pytest.mark.slow
def test_mutations_are_read_or_refused(name: str, chance: random.Random) -> None:
    try:
        offer = read(mutated(OFFERS[name], chance, list(OFFERS.values())), "offer")
    except SdpError:
        return
    assert offer.carried
    assert len({section.mid for section in offer.sections}) == len(offer.sections)
    assert all(section.codecs for section in offer.carried)


@given(st.text(max_size=300) | st.lists(st.text(max_size=40), max_size=30).map("\r\na=".join))
@settings(max_examples=200, deadline=None)
@pytest.mark.slow
def test_rubbish_is_refused(text: str) -> None:
    for start in ("", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=", "m="):
        try:
            read(start + text, "offer")
        except SdpError:
            continue


@pytest.mark.slow
@given(st.sampled_from(sorted(ANSWERS)), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_read_can_be_answered(name: str, chance: random.Random) -> None:
    try:
        offer = read(mutated(OFFERS[name], chance, list(OFFERS.values())), "offer")
    except SdpError:
        return
    answered = await _answered(offer)
    assert [section[0].split()[0] for section in sections(answered)] == [
        f"m={s.kind}" for s in offer.sections
    ]


async def _answered(offer: RemoteDescription) -> str:
    connection = rtc.peer_connection()
    try:
        await connection.setRemoteDescription(offer)
        await connection.setLocalDescription(await connection.createAnswer())
        return str(connection.localDescription.sdp)
    finally:
        await connection.close()
