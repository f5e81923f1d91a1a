"""A connection that gets new sockets and credentials while media goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from server.media.rtc import (
    AudioPacket,
    IceParameters,
    IceRestart,
    RtpSender,
    peer_connection,
    receive_audio,
)


class Pair:
    """A sender that plays the browser, and a receiver that plays the server."""

    def __init__(self) -> None:
        self.client, self.server = peer_connection(), peer_connection()
        self.received: list[AudioPacket] = []

    async def connect(self) -> None:
        client, server = self.client, self.server
        transceiver = client.addTransceiver("audio", direction="sendonly")
        await client.setLocalDescription(await client.createOffer())
        await server.setRemoteDescription(RTCSessionDescription(client.localDescription.sdp, "offer"))
        await server.setLocalDescription(await server.createAnswer())
        await client.setRemoteDescription(RTCSessionDescription(server.localDescription.sdp, "answer"))
        self.sender = RtpSender(transceiver)
        receive_audio(server.getTransceivers()[0].receiver, self.received.append)
        await until(lambda: self.sender.ready and server.connectionState == "connected")

    async def send_until_received(self) -> None:
        before = len(self.received)
        async with asyncio.timeout(5):
            while len(self.received) == before:
                self.sender.send([b"opus"], 960 * len(self.received))
                await asyncio.sleep(0.01)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def ports(connection: RTCPeerConnection) -> set[int]:
    transport = connection.getTransceivers()[0].receiver.transport.transport
    return {candidate.port for candidate in transport._connection.local_candidates}


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    pair = Pair()
    await pair.connect()
    yield pair
    await pair.client.close()
    await pair.server.close()


async def restart(pair: Pair) -> None:
    """Let both sides restart, as a browser and the server would."""
    ours, theirs = IceRestart(pair.server), IceRestart(pair.client)
    gathered = await ours.answer(IceParameters("x" * 4, "y" * 22))
    told = await theirs.answer(gathered)
    ours._new.remote_username, ours._new.remote_password = told.ufrag, told.password
    for candidate in told.candidates:
        await ours.add(candidate)


async def moved(pair: Pair, server: set[int], client: set[int]) -> None:
    """Restart and wait until neither side uses these ports."""
    await restart(pair)
    await until(lambda: not ports(pair.server) & server and not ports(pair.client) & client)


async def test_media_goes_on_over_new_sockets(pair: Pair) -> None:
    await pair.send_until_received()
    for _ in range(2):
        await moved(pair, ports(pair.server), ports(pair.client))
        await pair.send_until_received()
        assert pair.server.connectionState == "connected"
        await asyncio.sleep(0.05)  # whatever the old sockets' end would do
        await pair.send_until_received()


async def test_a_restart_that_nobody_answers_leaves_the_old_pair(pair: Pair) -> None:
    before = ports(pair.server)
    attempt = IceRestart(pair.server)
    await attempt.answer(IceParameters("abcd", "e" * 22, ("1 1 udp 2130706431 192.0.2.1 9 typ host",)))
    await attempt.close()
    assert ports(pair.server) == before
    await pair.send_until_received()


async def test_there_must_be_a_connection() -> None:
    with pytest.raises(TypeError):
        IceRestart(RTCPeerConnection())
    unconnected = peer_connection()
    with pytest.raises(ConnectionError):
        IceRestart(unconnected)
    await unconnected.close()
