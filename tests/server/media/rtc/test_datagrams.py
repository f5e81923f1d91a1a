"""Packets that the C extension encrypts and sends are those of pylibsrtp and udp.send_all."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

import pylibsrtp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Policy

from server.media.rtc import datagrams, udp

pytestmark = pytest.mark.skipif(datagrams.extension is None, reason="the C extension is not built")

PROFILES = {
    Policy.SRTP_PROFILE_AES128_CM_SHA1_80: 30,
    Policy.SRTP_PROFILE_AEAD_AES_128_GCM: 28,
    Policy.SRTP_PROFILE_AEAD_AES_256_GCM: 44,
}


class Transport(asyncio.DatagramTransport):
    """As much of asyncio's transport as is used."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        super().__init__()
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        self._sock.setblocking(False)

    def sendto(self, data: bytes | bytearray | memoryview, addr: object = None) -> None:
        assert isinstance(addr, tuple)
        self._sock.sendto(data, addr)


class Receiver:
    """A socket that keeps what it gets."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.settimeout(0)
        self.address: tuple[str, int] = self.socket.getsockname()[:2]

    def taken(self) -> list[bytes]:
        got = []
        while True:
            try:
                got.append(self.socket.recv(2000))
            except BlockingIOError:
                return got


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.socket.close()


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport()
    yield made
    made._sock.close()


def session(key: bytes, profile: int = Policy.SRTP_PROFILE_AES128_CM_SHA1_80) -> pylibsrtp.Session:
    policy = Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
    policy.allow_repeat_tx = True
    policy.window_size = 1024
    return pylibsrtp.Session(policy)


def packets(sizes: list[int]) -> list[bytes]:
    """Return RTP packets with so many bytes of payload."""
    heads = (struct.pack("!BBHLL", 0x80, 96, 65_500 + i & 0xFFFF, 7, 9) for i in range(len(sizes)))
    return [head + os.urandom(size) for head, size in zip(heads, sizes, strict=True)]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "sizes",
    [[], [0], [1100], [1100] * 3, [1100, 1100, 3], [3, 1100], [5, 4, 4, 9, 9, 2], [1100] * 70, [1340] * 129],
    ids=len,
)
def test_they_are_the_same(profile: int, sizes: list[int], receiver: Receiver, transport: Transport) -> None:
    key, frame = os.urandom(PROFILES[profile]), packets(sizes)
    reference = session(key, profile)
    wanted = [reference.protect(packet) for packet in frame]
    sent = datagrams.send(session(key, profile), transport, frame, receiver.address)
    assert sent == sum(map(len, wanted))
    assert receiver.taken() == wanted


@given(st.lists(st.integers(0, 1300), max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_sizes(sizes: list[int]) -> None:
    receiver, transport, key, frame = Receiver(), Transport(), os.urandom(30), packets(sizes)
    reference = session(key)
    try:
        datagrams.send(session(key), transport, frame, receiver.address)
        assert receiver.taken() == [reference.protect(packet) for packet in frame]
    finally:
        receiver.socket.close()
        transport._sock.close()


def test_over_ipv6(transport: Transport) -> None:
    try:
        receiver = Receiver(socket.AF_INET6, "::1")
    except OSError:
        pytest.skip("no IPv6 here")
    transport._sock.close()
    transport._sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    assert datagrams.send(session(bytes(30)), transport, packets([100, 100]), receiver.address)
    assert [len(each) for each in receiver.taken()] == [122, 122]
    receiver.socket.close()


@pytest.mark.parametrize("bad", [b"", b"short", bytes(1400)], ids=len)
def test_what_can_not_be_encrypted_is_refused(bad: bytes, receiver: Receiver, transport: Transport) -> None:
    with pytest.raises(ValueError, match=r"SRTP error|too long"):
        datagrams.send(session(bytes(30)), transport, [*packets([9, 9]), bad], receiver.address)
    assert receiver.taken() == []


def test_what_is_no_packet_is_refused(receiver: Receiver, transport: Transport) -> None:
    for wrong in ([1], ["x"], [None], (b"",), "x", None):
        given: Any = wrong
        with pytest.raises(TypeError):
            datagrams.send(session(bytes(30)), transport, given, receiver.address)


def test_a_name_and_turn_are_left_to_others(transport: Transport) -> None:
    assert datagrams.send(session(bytes(30)), transport, packets([9]), ("localhost", 9)) is None
    relayed: Any = object()
    assert datagrams.send(session(bytes(30)), relayed, packets([9]), ("127.0.0.1", 9)) is None


def test_nobody_listens_or_the_socket_is_closed(receiver: Receiver, transport: Transport) -> None:
    """An ICMP error for what was sent before costs nothing of what is sent now."""
    nobody = Receiver()
    nobody.socket.close()
    ours = session(bytes(30))
    for _ in range(3):
        datagrams.send(ours, transport, packets([9, 9]), nobody.address)
    datagrams.send(ours, transport, packets([9, 9]), receiver.address)
    assert len(receiver.taken()) == 2
    transport._sock.close()
    assert datagrams.send(ours, transport, packets([9]), receiver.address)


@pytest.mark.skipif(sys.platform != "linux", reason="UDP_SEGMENT")
def test_a_full_socket_loses_them(receiver: Receiver, transport: Transport) -> None:
    transport._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    for _ in range(50):
        assert datagrams.send(session(bytes(30)), transport, packets([1200] * 40), receiver.address)


def test_without_the_extension_udp_does_it(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, transport: Transport
) -> None:
    key, frame = os.urandom(30), packets([50, 50, 20])
    datagrams.send(session(key), transport, frame, receiver.address)
    by_extension = receiver.taken()
    monkeypatch.setattr(datagrams, "extension", None)
    assert datagrams.send(session(key), transport, frame, receiver.address) is None
    reference = session(key)
    udp.send_all(transport, [reference.protect(packet) for packet in frame], receiver.address)
    assert receiver.taken() == by_extension
