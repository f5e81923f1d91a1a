"""The socket reader."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aioice.ice import Connection, StunProtocol

from server.media.rtc import udp

Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
async def protocol() -> AsyncIterator[StunProtocol]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: StunProtocol(Connection(ice_controlling=True)), local_addr=("127.0.0.1", 0)
    )
    yield protocol
    transport.close()


async def until_stamped(address: tuple[str, int], received: list[tuple[bytes, int]], until: Until) -> None:
    """Wait until the kernel stamps what arrives: it begins some time after the first socket has asked for it."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"\x80", address)
        sent = udp.now_us()
        while udp.now_us() < sent + 5000:
            pass
        await until(lambda: bool(received))
        stamp = received.pop()[1]
        if stamp <= sent + 1000:
            return
    raise AssertionError("the kernel stamps nothing")


@pytest.mark.skipif(sys.platform != "linux", reason="SO_TIMESTAMPNS")
async def test_a_burst_is_read_with_the_kernel_s_stamps(protocol: StunProtocol, until: Until) -> None:
    """The loop is kept busy for 50 ms after the datagrams have arrived: the stamps don't show it."""
    received: list[tuple[bytes, int]] = []
    assert udp.take_over(protocol, lambda data, _, stamp: received.append((data, stamp)))
    address = protocol.transport.get_extra_info("sockname")
    await until_stamped(address, received, until)
    before = udp.now_us()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for index in range(200):
            client.sendto(bytes([128, index]), address)
        client.sendto(b"", address)
    sent = udp.now_us()
    while udp.now_us() < sent + 50_000:
        pass
    await until(lambda: len(received) == 201)
    assert [data for data, _ in received[:200]] == [bytes([128, index]) for index in range(200)]
    stamps = [stamp for _, stamp in received]
    assert before - 1000 <= stamps[0] <= stamps[-1] <= sent + 1000


@pytest.mark.skipif(sys.platform != "linux", reason="SO_TIMESTAMPNS")
async def test_closing_the_transport_ends_the_reader(protocol: StunProtocol) -> None:
    received: list[bytes] = []
    udp.take_over(protocol, lambda data, _, stamp: received.append(data))
    address = protocol.transport.get_extra_info("sockname")
    protocol.transport.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"\x80", address)
    await asyncio.sleep(0.02)
    assert received == []


async def test_elsewhere_asyncio_s_reader_stays(
    protocol: StunProtocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not udp.take_over(protocol, lambda data, address, stamp: None)


async def test_a_full_socket_is_congested(protocol: StunProtocol, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not udp.is_congested(protocol.transport)
    monkeypatch.setattr(type(protocol.transport), "get_write_buffer_size", lambda self: 1)
    assert udp.is_congested(protocol.transport)


async def test_datagrams_go_out_one_by_one_whatever_their_sizes() -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
        )
        sizes = [1200, 1200, 700, 1200, 100, 100, 1200] + 70 * [1200]
        datagrams = [bytes([i]) * size for i, size in enumerate(sizes)]
        udp.send_all(transport, datagrams, receiver.getsockname())
        assert [receiver.recv(2000) for _ in datagrams] == datagrams
        transport.close()
