"""Ports and addresses of the server's side of a connection."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from server.core.errors import SignalingError
from server.media.rtc import has_free_ports, peer_connection


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def candidates(connection: RTCPeerConnection) -> list[list[str]]:
    lines = connection.localDescription.sdp.splitlines()
    return [line.split() for line in lines if line.startswith("a=candidate:")]


async def test_media_ports_lie_in_the_range_and_the_public_address_is_told() -> None:
    port = free_udp_port()
    server = peer_connection(ports=(port, port), public_address="203.0.113.7")
    client = peer_connection()
    try:
        server.addTransceiver("video", direction="sendonly")
        await server.setLocalDescription(await server.createOffer())
        found = candidates(server)
        assert {int(candidate[5]) for candidate in found} == {port}
        public = [candidate for candidate in found if candidate[4] == "203.0.113.7"]
        assert public
        assert all(candidate[7] == "srflx" for candidate in public)
        hosts = [candidate for candidate in found if candidate[7] == "host"]
        assert len(hosts) >= len(public)

        await client.setRemoteDescription(RTCSessionDescription(server.localDescription.sdp, "offer"))
        await client.setLocalDescription(await client.createAnswer())
        await server.setRemoteDescription(RTCSessionDescription(client.localDescription.sdp, "answer"))
        (transceiver,) = server.getTransceivers()
        transport = transceiver.sender.transport.transport
        async with asyncio.timeout(5):
            while transport.state in ("new", "checking"):
                await asyncio.sleep(0.01)
        assert transport.state == "completed"
    finally:
        await client.close()
        await server.close()


async def test_a_range_without_a_free_port_is_an_error(
    unused_udp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not a description without candidates."""
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    ports = (unused_udp_port, unused_udp_port)
    assert has_free_ports(ports, 1)
    assert not has_free_ports(ports, 2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", unused_udp_port))
        assert not has_free_ports(ports, 1)
        connection = peer_connection(ports=ports)
        connection.addTransceiver("video", direction="sendonly")
        with pytest.raises(SignalingError) as error:
            await connection.setLocalDescription(await connection.createOffer())
        assert (error.value.code, error.value.status) == ("no-port", 503)
        await connection.close()
    assert has_free_ports((0, 0), 4)


@pytest.fixture
def unused_udp_port() -> int:
    return free_udp_port()
