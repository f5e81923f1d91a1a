"""Datagrams of those who are not the peer: none raises, is answered, or ends anything."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator

import pytest
from aioice.candidate import Candidate
from aioice.ice import Connection
from aioice.stun import ATTRIBUTES, COOKIE, Class, Message, Method
from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack

from server.media.rtc import REFUSALS, dtls_records, udp
from server.media.rtc.addresses import IceConnection
from server.media.rtc.connection import PeerConnection
from server.media.rtc.pairing import MAX_LEARNED
from server.media.rtc.refusals import REPORT_INTERVAL, Refusals
from server.media.rtc.sdp import MAX_CANDIDATES
from server.media.rtc.stun import IceSocket

Until = Callable[[Callable[[], object]], Awaitable[None]]

HOST = ("192.0.2.1", 4000)


def record(kind: int, body: bytes, epoch: int = 0, version: int = 0xFEFD) -> bytes:
    return struct.pack("!BHHHIH", kind, version, epoch, 0, 0, len(body)) + body


def handshake(kind: int, body: bytes) -> bytes:
    size = len(body).to_bytes(3, "big")
    return record(22, bytes([kind]) + size + bytes(5) + size + body)


def client_hello(ciphers: bytes = b"\0\0") -> bytes:
    """Return a hello that has no cipher of ours, as long as `ciphers` has none."""
    return handshake(1, b"\xfe\xfd" + bytes(34) + struct.pack("!H", len(ciphers)) + ciphers + b"\1\0\0\0")


ALERT = record(21, b"\2\x28")
SPOILERS = {
    "alert": ALERT,
    "alert of two records": record(20, b"\1") + ALERT,
    "hello without our ciphers": client_hello(),
    "hello of nothing": handshake(1, b""),
    "hello of rubbish": handshake(1, os.urandom(200)),
    "server hello": handshake(2, b"\xfe\xfd" + os.urandom(40)),
    "finished": handshake(20, os.urandom(12)),
    "data": record(23, b"hello"),
    "half a record": ALERT[:9],
    "rubbish": bytes([22]) + random.Random(1).randbytes(600),
    "rtp": b"\x80\x60" + bytes(40),
}


def ice(connection: RTCPeerConnection) -> IceConnection:
    assert isinstance(connection, PeerConnection)
    (transport,) = connection._RTCPeerConnection__dtlsTransports
    return transport.ice


async def spray(connection: RTCPeerConnection, datagrams: list[bytes]) -> None:
    """Send everything to every socket of a connection, again and again."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        while True:
            for candidate in ice(connection).local_candidates:
                for datagram in datagrams:
                    stranger.sendto(datagram, (candidate.host, candidate.port))
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("offers", [True, False])
async def test_no_stranger_breaks_a_join(
    ours: RTCPeerConnection,
    stock: RTCPeerConnection,
    negotiate: Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[None]],
    offers: bool,
) -> None:
    """Without credentials, from the moment on that the sockets are open, in both roles of DTLS."""
    ours.addTransceiver("audio")
    stock.addTrack(AudioStreamTrack())
    attack = asyncio.create_task(spray(ours, list(SPOILERS.values())))
    before = REFUSALS.counts["stranger"]
    await negotiate(ours, stock) if offers else await negotiate(stock, ours)
    attack.cancel()
    assert REFUSALS.counts["stranger"] > before


@pytest.mark.parametrize("name", sorted(SPOILERS.keys() - {"server hello"}))
@pytest.mark.parametrize("offers", [True, False])
@pytest.mark.slow
async def test_no_forged_datagram_breaks_a_join(
    ours: RTCPeerConnection,
    stock: RTCPeerConnection,
    negotiate: Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[None]],
    offers: bool,
    name: str,
) -> None:
    """Even from the peer's own address, before its first datagram: a sender's address can be forged.

    A server hello that looks right is what nobody can tell from the peer's (RFC 6347 has no remedy).
    """
    ours.addTransceiver("audio")
    stock.addTrack(AudioStreamTrack())
    connection, delivered = ice(ours), 0
    deliver = connection.deliver

    def spoiled(data: bytes, arrival: int) -> None:
        nonlocal delivered
        if delivered == 0 or SPOILERS[name] is ALERT:
            deliver(SPOILERS[name], arrival)
        delivered += 1
        deliver(data, arrival)

    connection.take = lambda data, address, socket, arrival: spoiled(data, arrival)  # type: ignore[method-assign]
    await negotiate(ours, stock) if offers else await negotiate(stock, ours)
    assert delivered


async def test_media_goes_on_whatever_strangers_send(
    ours: RTCPeerConnection,
    other: RTCPeerConnection,
    camera: MediaStreamTrack,
    negotiate: Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[None]],
    until: Until,
) -> None:
    other.addTransceiver("audio")
    await negotiate(other, ours)
    attack = asyncio.create_task(spray(ours, [*SPOILERS.values(), b"", b"\0", *malformed()]))
    before = REFUSALS.counts.total()
    await until(lambda: REFUSALS.counts.total() > before + 1000)
    attack.cancel()
    assert {ours.connectionState, other.connectionState} == {"connected"}


def test_records_are_taken_from_the_right_side_only() -> None:
    hello, certificate = client_hello(), handshake(11, bytes(9))
    assert dtls_records.acceptable(hello + certificate, server=True)
    assert not dtls_records.acceptable(hello, server=False)
    assert dtls_records.acceptable(handshake(2, bytes(40)), server=False)
    assert not dtls_records.acceptable(handshake(2, bytes(40)), server=True)
    for encrypted in (record(21, bytes(26), epoch=1), record(22, bytes(40), epoch=1), b"\x2e" + bytes(30)):
        assert dtls_records.acceptable(encrypted, server=True)
    assert not dtls_records.acceptable(record(22, bytes(40), version=0x0303), server=True)
    for size in range(1, len(certificate)):
        assert not dtls_records.acceptable(certificate[:size], server=True)


def stun(attributes: bytes, kind: int = 1, cookie: int = COOKIE) -> bytes:
    return struct.pack("!HHI", kind, len(attributes), cookie) + b"t" * 12 + attributes


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def malformed() -> Iterator[bytes]:
    """Yield messages whose attributes have every wrong size, in every class."""
    for number, *_ in ATTRIBUTES:
        for size in (*range(11), 21):
            for kind in (0x0001, 0x0011, 0x0101, 0x0111):
                yield stun(attribute(number, b"\xff" * size), kind)
                yield stun(attribute(number, b"\xff" * size)[:-1], kind)


class Transport(asyncio.DatagramTransport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[object] = []

    def sendto(self, data: object, addr: object = None) -> None:
        self.sent.append(data)


@pytest.fixture
async def stun_socket() -> IceSocket:
    connection = Connection(ice_controlling=False, local_username="abcd", local_password="p" * 22)
    IceConnection.bind(connection)
    made = IceSocket(connection)
    made.connection_made(Transport())
    made.local_candidate = Candidate.from_sdp("1 1 udp 1 127.0.0.1 9 typ host")
    connection._protocols.append(made)
    return made


def sent(stun_socket: IceSocket) -> list[object]:
    assert isinstance(stun_socket.transport, Transport)
    return stun_socket.transport.sent


async def test_malformed_stun_is_counted_and_neither_raises_nor_is_answered(stun_socket: IceSocket) -> None:
    before = REFUSALS.counts["stun"]
    for datagram in malformed():
        stun_socket.take(datagram, HOST, udp.now_us())
    assert REFUSALS.counts["stun"] > before + 500
    assert sent(stun_socket) == []


def check(password: str, **attributes: object) -> bytes:
    message = Message(Method.BINDING, Class.REQUEST, attributes={"USERNAME": "abcd:efgh"} | attributes)
    message.add_message_integrity(password.encode())
    return bytes(message)


async def test_only_who_knows_the_password_is_answered(stun_socket: IceSocket) -> None:
    priority = {"PRIORITY": 1}
    for datagram in (
        bytes(Message(Method.BINDING, Class.REQUEST)),
        bytes(Message(Method.ALLOCATE, Class.REQUEST)),
        check("q" * 22, **priority),
        check("p" * 22),  # without a priority, at which aioice raises
    ):
        stun_socket.take(datagram, HOST, udp.now_us())
    assert sent(stun_socket) == []
    stun_socket.take(check("p" * 22, **priority), HOST, udp.now_us())
    assert len(sent(stun_socket)) == 1


async def test_a_check_opens_the_way_for_its_sender_alone(stun_socket: IceSocket) -> None:
    delivered: list[bytes] = []
    stun_socket.receiver.deliver = lambda data, arrival: delivered.append(data)
    stun_socket.take(b"\x16too early", HOST, 0)
    stun_socket.take(check("p" * 22, PRIORITY=1), HOST, 0)
    stun_socket.take(b"\x16hello", HOST, 0)
    stun_socket.take(b"\x16hello", (HOST[0], HOST[1] + 1), 0)
    assert delivered == [b"\x16hello"]


async def test_what_checks_from_too_many_addresses_is_heard_from_none_of_the_rest(
    stun_socket: IceSocket,
) -> None:
    connection: IceConnection = stun_socket.receiver
    delivered: list[bytes] = []
    connection.deliver = lambda data, arrival: delivered.append(data)
    connection._early_checks_done = True
    connection.remote_username, connection.remote_password = "efgh", "p" * 22
    many = 2 * (MAX_CANDIDATES + MAX_LEARNED)
    for port in range(1, many):
        stun_socket.take(check("p" * 22, PRIORITY=1), (HOST[0], port), 0)
    stun_socket.take(b"\x16hello", (HOST[0], many - 1), 0)
    assert delivered == []
    assert len(connection.remote_candidates) <= MAX_CANDIDATES + MAX_LEARNED
    tasks = [pair.task for pair in connection._check_list if pair.task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_refusals_are_told_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1000.0
    monkeypatch.setattr("server.media.rtc.refusals.time.monotonic", lambda: now)
    caplog.set_level(logging.WARNING)
    counted = Refusals()
    for _ in range(1000):
        counted.add("stun")
    assert len(caplog.records) == 1
    now += REPORT_INTERVAL
    counted.add("dtls")
    assert len(caplog.records) == 2
    assert "1 dtls, 999 stun" in caplog.text
    assert counted.counts.total() == 1001
