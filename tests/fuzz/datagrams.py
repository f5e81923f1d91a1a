"""Datagrams that anybody can send, and packets that a peer can."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from functools import cache
from types import SimpleNamespace
from typing import Any

from aioice.candidate import Candidate
from aioice.ice import Connection
from aioice.stun import Class, Message, Method
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    HeaderExtensionsMap,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtpPacket,
    pack_remb_fci,
)

from server.media.rtc import dtls_records, packetize_h264, packetize_vp8, transport_cc
from server.media.rtc.addresses import IceConnection
from server.media.rtc.clocks import ClockOffset
from server.media.rtc.h264 import depayload_h264
from server.media.rtc.receive_buffer import RoundTrip
from server.media.rtc.streams import VideoReceiver
from server.media.rtc.stun import IceSocket
from server.media.rtc.vp8 import depayload_vp8
from tests.fuzz.mutations import LONGEST
from tests.fuzz.running import runner
from tests.fuzz.target import Target, of_bytes, of_many

MAX_NACK = 1 << 16
"""Sequence numbers that there are."""
CODECS = {
    number: RTCRtpCodecParameters(f"video/{name}", 90_000, payloadType=number)
    for number, name in ((96, "VP8"), (97, "H264"))
}


class _Sent(asyncio.DatagramTransport):
    """Where answers go."""

    def sendto(self, data: object, addr: object = None) -> None:
        pass


async def _socket() -> IceSocket:
    connection = Connection(ice_controlling=False, local_username="abcd", local_password="p" * 22)
    IceConnection.bind(connection)
    connection._early_checks_done = True
    connection.remote_username, connection.remote_password = "efgh", "p" * 22
    connection.check_start_task = lambda pair: None  # type: ignore[method-assign]
    socket = IceSocket(connection)
    socket.connection_made(_Sent())
    socket.local_candidate = Candidate.from_sdp("1 1 udp 1 127.0.0.1 9 typ host")
    connection._protocols.append(socket)
    return socket


@cache
def _stun_socket() -> IceSocket:
    return runner().run(_socket())


def _take_stun(data: bytes) -> None:
    _stun_socket().take(data, ("192.0.2.1", 4000), 0)


def _stun_seeds() -> list[bytes]:
    seeds = []
    for password, kind in (("p" * 22, Class.REQUEST), ("q" * 22, Class.REQUEST), ("p" * 22, Class.RESPONSE)):
        attributes = {"USERNAME": "abcd:efgh", "PRIORITY": 1, "ICE-CONTROLLING": 7, "USE-CANDIDATE": None}
        message = Message(Method.BINDING, kind, attributes=attributes)
        message.add_message_integrity(password.encode())
        seeds.append(bytes(message))
    return seeds


def _dtls_seeds() -> list[bytes]:
    def record(kind: int, epoch: int, body: bytes) -> bytes:
        return struct.pack("!BHHHIH", kind, 0xFEFD, epoch, 0, 0, len(body)) + body

    hello = b"\1\0\0\x2a" + bytes(5) + b"\0\0\x2a" + b"\xfe\xfd" + bytes(40)
    return [record(22, 0, hello), record(21, 0, b"\2\x28"), record(22, 0, hello) + record(20, 1, b"\1")]


def _rtcp_seeds() -> list[bytes]:
    remb = RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, pack_remb_fci(20_000, [1, 2]))
    return [bytes(RtcpRrPacket(1)), bytes(remb), *_feedback_seeds()]


def _feedback_seeds() -> list[bytes]:
    return [transport_cc.build_feedback(1, 2, 3, 4, [1000, None, 2000, 9000])]


def _take_rtcp(data: bytes) -> None:
    """As DtlsTransport does."""
    feedback, rest = transport_cc.split(data)
    for packet in feedback:
        with contextlib.suppress(ValueError):
            transport_cc.status_count(packet)
            transport_cc.read_feedback(packet)
    with contextlib.suppress(ValueError, struct.error, IndexError):
        RtcpPacket.parse(rest)


def _take_payload(data: bytes) -> None:
    for depayload in (depayload_vp8, depayload_h264):
        with contextlib.suppress(ValueError):
            depayload(data)


class _Receiver:
    """What a VideoReceiver needs of a connection: what it asks for goes nowhere."""

    def __init__(self) -> None:
        self.sink: object = None
        self.parameter_sets: dict[int, bytes] = {}
        self.transport = SimpleNamespace(round_trip=RoundTrip(), clock_offset=ClockOffset())

    def send_nack(self, media_ssrc: int, lost: list[int]) -> None:
        assert len(lost) < MAX_NACK

    def send_pli(self, media_ssrc: int) -> None:
        pass

    def send_remb(self, media_ssrc: int, bitrate: int) -> None:
        pass


def _rtp_seeds() -> list[bytes]:
    payloads = [*packetize_vp8(bytes(3000), 5), *packetize_h264(b"\0\0\0\1\x65" + bytes(3000))]
    found = []
    for number, payload in enumerate(payloads):
        packet = RtpPacket(97 if number > 2 else 96, number % 2, number, 1000 * number, 7)
        packet.payload = payload
        found.append(packet.serialize(HeaderExtensionsMap()))
    return found


def _take_rtp(packets: list[bytes]) -> None:
    """As DtlsTransport and Receiver do with what has been decrypted."""

    async def take() -> None:
        receiver: Any = _Receiver()
        stream = VideoReceiver(receiver, lambda frame: None)
        for data in packets:
            with contextlib.suppress(ValueError, struct.error):
                packet = RtpPacket.parse(data, HeaderExtensionsMap())
                stream.take(packet, CODECS[96 + packet.payload_type % 2], rtx=packet.payload_type > 100)
        stream.close()

    runner().run(take())


def targets() -> dict[str, Target]:
    """Return what reads datagrams."""
    payloads = [*packetize_vp8(bytes(300), 5), *packetize_h264(b"\0\0\0\1\x65" + bytes(300))]
    return {
        "stun": of_bytes(_stun_seeds(), _take_stun),
        "dtls": of_bytes(_dtls_seeds(), lambda data: dtls_records.acceptable(data, server=True)),
        "rtp": of_many(_rtp_seeds(), _take_rtp, LONGEST),
        "rtp payload": of_bytes(payloads, _take_payload),
        "rtcp": of_bytes(_rtcp_seeds(), _take_rtcp),
        "transport-cc": of_bytes(_feedback_seeds(), _take_rtcp),
    }
