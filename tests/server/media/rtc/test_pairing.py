"""Candidates: which are tried, and how many."""

from __future__ import annotations

from typing import Any

import pytest
from aioice.candidate import Candidate
from aioice.stun import Class, Message, Method
from aiortc import RTCPeerConnection, RTCSessionDescription

from server.media.rtc.pairing import MAX_LEARNED, MAX_PAIRS, LimitedConnection
from server.media.rtc.sdp import MAX_CANDIDATES, read_candidate, usable
from tests.support.hostile_sdp import hostile


def ice(connection: RTCPeerConnection) -> Any:  # noqa: ANN401 - private names
    return connection.getTransceivers()[0].receiver.transport.transport._connection


async def offered(connection: RTCPeerConnection) -> str:
    connection.addTransceiver("video", direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    return str(connection.localDescription.sdp)


async def test_of_four_thousand_candidates_a_few_are_paired(
    ours: RTCPeerConnection, stock: RTCPeerConnection
) -> None:
    sdp = dict(hostile(await offered(stock), 250_000))["candidates"]
    await ours.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    await ours.setLocalDescription(await ours.createAnswer())
    for number in range(500):
        candidate = read_candidate(f"1 1 udp 1 10.9.{number // 250}.{number % 250} 9000 typ host")
        candidate.sdpMid = "0"
        await ours.addIceCandidate(candidate)
    assert isinstance(ice(ours), LimitedConnection)
    assert len(ice(ours)._remote_candidates) == MAX_CANDIDATES
    assert len(ice(ours)._check_list) <= MAX_PAIRS


async def test_an_answer_is_held_to_the_same(ours: RTCPeerConnection, stock: RTCPeerConnection) -> None:
    await stock.setRemoteDescription(RTCSessionDescription(await offered(ours), "offer"))
    await stock.setLocalDescription(await stock.createAnswer())
    sdp = dict(hostile(stock.localDescription.sdp, 250_000))["candidates"]
    await ours.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
    assert len(ice(ours)._remote_candidates) == MAX_CANDIDATES


async def test_addresses_that_checks_come_from_are_bounded(ours: RTCPeerConnection) -> None:
    await offered(ours)
    connection = ice(ours)
    connection.remote_username, connection.remote_password = "peer", "p" * 22
    (protocol, *_) = connection._protocols
    message = Message(Method.BINDING, Class.REQUEST)
    message.attributes["PRIORITY"] = 1
    for number in range(3 * MAX_CANDIDATES):
        connection.check_incoming(message, (f"10.0.0.{number}", 9000), protocol)
    assert len(connection._remote_candidates) == MAX_CANDIDATES + MAX_LEARNED


async def test_a_pair_is_kept_for_whoever_is_behind_a_nat(ours: RTCPeerConnection) -> None:
    """What is announced takes every pair, and the address that really comes is paired all the same."""
    await offered(ours)
    connection = ice(ours)
    connection.remote_username, connection.remote_password = "peer", "p" * 22
    for number in range(2 * MAX_CANDIDATES):
        await connection.add_remote_candidate(
            Candidate(f"{number}", 1, "udp", 1, f"10.1.0.{number}", 9000, "host")
        )
    before = len(connection._check_list)
    message = Message(Method.BINDING, Class.REQUEST)
    message.attributes["PRIORITY"] = 1
    connection.check_incoming(message, ("203.0.113.9", 4000), connection._protocols[0])
    assert len(connection._check_list) == before + 1


@pytest.mark.parametrize(
    ("line", "tried"),
    [
        ("1 1 udp 2130706431 192.0.2.1 5000 typ host", True),
        ("1 1 UDP 2130706431 2001:db8::1 5000 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag x", True),
        ("1 1 udp 1 0a1b2c3d-1111-4222-8333-94a5b6c7d8e9.local 5000 typ host", True),
        ("1 1 tcp 1 192.0.2.1 9 typ host tcptype active", False),
        ("1 2 udp 1 192.0.2.1 5000 typ host", False),
        ("1 1 udp 1 192.0.2.1 0 typ host", False),
        ("1 1 udp 1 turn.example.org 5000 typ relay", False),
    ],
)
def test_candidates_that_can_be_paired(line: str, tried: bool) -> None:
    assert usable(read_candidate(line)) is tried


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1 1 udp 1 192.0.2.1 5000 typ",
        "1 1 udp 1 192.0.2.1 5000 host typ",
        "1 1 udp 1 192.0.2.1 65536 typ host",
        "1 1 udp 1 192.0.2.1 -1 typ host",
        "1 one udp 1 192.0.2.1 5000 typ host",
        f"1 1 udp {1 << 31} 192.0.2.1 5000 typ host",
        f"1 1 udp {'9' * 5000} 192.0.2.1 5000 typ host",
        f"{'f' * 33} 1 udp 1 192.0.2.1 5000 typ host",
        "1 1 udp 1 192.0.2.1 5000 typ best",
    ],
)
def test_what_is_no_candidate(line: str) -> None:
    with pytest.raises(ValueError, match=r"candidate|component|too long"):
        read_candidate(line)


async def test_a_name_on_the_local_network_keeps_nobody_waiting(
    ours: RTCPeerConnection, stock: RTCPeerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def never(connection: object, candidate: Candidate | None) -> None:
        assert candidate is not None
        asked.append(candidate.host)
        raise OSError("no multicast here")

    monkeypatch.setattr(LimitedConnection, "add_remote_candidate", never)
    lines = (await offered(stock)).splitlines()
    sdp = "\r\n".join(line for line in lines if "candidate" not in line) + "\r\n"
    sdp += "".join(f"a=candidate:1 1 udp 1 {number}.local 5000 typ host\r\n" for number in range(20))
    await ours.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    assert asked[0] == "0.local"
