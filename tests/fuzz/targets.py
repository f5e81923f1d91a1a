"""What strangers and members can send, and what takes it: every reader of the server, and inputs to mutate."""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from aioice.candidate import Candidate
from aioice.ice import Connection
from aioice.stun import Class, Message, Method
from aiortc.rtp import RTCP_PSFB_APP, RtcpPacket, RtcpPsfbPacket, RtcpRrPacket, pack_remb_fci
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from filters.backgrounds.background import Color
from filters.base import FilterError
from filters.matting.segmenter import Segmenter, load_card
from filters.person import PersonFilter
from server.access.authenticator import Authenticator
from server.access.policy import RoomPolicy, chat_text, participant_name, room_name
from server.access.tokens import Grant, Key, grant_of, make_token
from server.config.loading import load
from server.config.options import DEFAULT_MODEL, MODELS, Config
from server.core.errors import (
    ConfigError,
    DecodeError,
    EncodeError,
    FragmentError,
    ReceiptError,
    SignalingError,
)
from server.core.messages import parse as parse_message
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import Transcoder
from server.media.rtc import REFUSALS, dtls_records, packetize_h264, packetize_vp8, transport_cc
from server.media.rtc.addresses import IceConnection
from server.media.rtc.h264 import depayload_h264
from server.media.rtc.stun import IceSocket
from server.media.rtc.vp8 import depayload_vp8
from server.peers.descriptions import read_offer
from server.receipts import receipt
from server.rooms.backgrounds import read_upload
from server.rooms.rooms import Rooms
from server.signaling.handlers import REQUESTS
from server.whip import sdpfrag
from tests.fuzz.mutations import bytes_like, json_like, text_like
from tests.support.guest import Guest

SDP_LIMIT = 64 * 1024
OFFERS = Path(__file__).parent.parent / "server/media/rtc/offers"
KEY = Key("a", "HS256", "north-" * 6)


class Target(NamedTuple):
    """What is generated, and what must take it: without an exception, and on the loop without keeping it."""

    inputs: SearchStrategy[Any]
    take: Callable[[Any], object]
    on_loop: bool = True


class _Sent(asyncio.DatagramTransport):
    """Where answers go."""

    def sendto(self, data: object, addr: object = None) -> None:
        pass


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


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
    return _runner().run(_socket())


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


def _take_sdp(text: str) -> None:
    with contextlib.suppress(SignalingError):
        read_offer(text, SDP_LIMIT)


def _take_fragment(text: str) -> None:
    with contextlib.suppress(FragmentError):
        sdpfrag.parse(text)


def _take_text(text: str) -> None:
    for read in (parse_message, participant_name, room_name, chat_text):
        with contextlib.suppress(SignalingError):
            read(text)


@cache
def _authenticator() -> Authenticator:
    return Authenticator({"a": KEY})


def _take_token(text: str) -> None:
    with contextlib.suppress(SignalingError):
        _authenticator().admit(text, "studio")


def _take_claims(claims: dict[str, Any]) -> None:
    with contextlib.suppress(SignalingError):
        grant_of(claims).restrict(RoomPolicy())


def _take_policy(wish: dict[str, Any]) -> None:
    with contextlib.suppress(SignalingError):
        RoomPolicy().changed(wish).describe()


@cache
def _receipt_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def _take_receipt(text: str) -> None:
    with contextlib.suppress(ReceiptError, ValueError):
        value = receipt.read_json(text)
        receipt.check(value, _receipt_key().public_key())


def _take_config(text: str) -> None:
    with TemporaryDirectory() as folder, contextlib.suppress(ConfigError):
        file = Path(folder) / "greenroom.toml"
        file.write_text(text, encoding="utf-8")
        load(file)


def _pictures() -> list[bytes]:
    picture = np.zeros((12, 16, 3), np.uint8)
    return [cv2.imencode(suffix, picture)[1].tobytes() for suffix in (".jpg", ".png", ".webp")]


def _take_upload(data: bytes) -> None:
    with contextlib.suppress(FilterError, SignalingError):
        read_upload(data, Config(max_upload_pixels=1_000_000))


@cache
def _segmenter() -> Segmenter:
    return Segmenter(load_card(DEFAULT_MODEL, MODELS))


@cache
def _transcoder() -> Transcoder:
    return Transcoder(PersonFilter(_segmenter(), Color(0, 255, 0)))


@cache
def _encoded() -> list[tuple[str, bytes]]:
    """Return pictures of both codecs, 64 x 48."""
    found = []
    for codec, name in (("VP8", "libvpx"), ("H264", "libx264")):
        encoder = av.CodecContext.create(name, "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
        encoder.time_base = fractions.Fraction(1, 30)
        frames = [
            av.VideoFrame.from_ndarray(np.full((72, 64), 40 * i, np.uint8), "yuv420p") for i in range(3)
        ]
        packets = [p for frame in (*frames, None) for p in encoder.encode(frame)]
        found += [(codec, bytes(packet)) for packet in packets]
    return found


def _take_pictures(pictures: list[tuple[str, bytes]]) -> None:
    for codec, data in pictures:
        with contextlib.suppress(DecodeError, EncodeError):
            _transcoder().transcode([EncodedFrame(data, 0, True, codec, 0.0)], ["VP8"], keyframe=True)


@cache
def _guest() -> Guest:
    async def join() -> Guest:
        guest = Guest(Rooms(Config(workers=1), _segmenter()), "Ada")
        await guest.join()
        return guest

    return _runner().run(join())


def _take_message(message: dict[str, Any]) -> None:
    """As one who has joined; what is honoured is honoured."""

    async def ask() -> None:
        with contextlib.suppress(SignalingError):
            await _guest().ask(**{"kind": "media"} | message)

    _guest().messages.clear()
    _runner().run(ask())


FIELDS: dict[str, tuple[Any, ...]] = {
    "kind": tuple(sorted(REQUESTS.keys() - {"leave", "remove", "clear-lobby", "recording"})),
    "connection": ("publish", "subscribe", "screen"),
    "sdp": ("v=0\r\n", *(file.read_bytes().decode() for file in sorted(OFFERS.glob("*.sdp"))[:4])),
    "id": (1, 2**70, -1),
    "candidate": ({"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0"}, {}, None),
    "audio": (True,),
    "video": (False,),
    "background": ("blur", "#204060", "upload:x", "fjord"),
    "text": ("hello",),
    "raised": (True, False),
    "participant": ("p1",),
    "policy": ({"locked": True}, {"backgrounds": ["fjord"]}, {"waitingRoom": False}),
    "name": ("Ada",),
    "on": (True,),
    "wanted": (True,),
    "shared": (False,),
    "reaction": ("👍",),
    "hostToken": ("x",),
}
CLAIMS: dict[str, tuple[Any, ...]] = {
    "room": ("studio", "*"),
    "sub": ("ada",),
    "name": ("Ada",),
    "role": ("host", "guest"),
    "backgrounds": (["blur"],),
    "background": ("fjord",),
    "screen": (True,),
    "recording": (False,),
    "jti": ("1",),
    "exp": (2e9, float("inf")),
}
CONFIGS = (
    "port = 80\nworkers = 1\n",
    "[x]\ny = 1\n",
    'ice_servers = ["stun:stun.example.org"]\nudp_ports = [1, 2]\n',
)
WISHES: dict[str, tuple[Any, ...]] = {
    "locked": (True,),
    "waitingRoom": (True,),
    "backgrounds": ("any", ["fjord"], ["x"] * 200),
    "screenShare": ("hosts",),
    "recording": (True,),
}
FRAGMENT = sdpfrag.serialize(
    sdpfrag.Fragment("abcd", "e" * 22, (sdpfrag.Candidate("0", "candidate:1 1 udp 1 192.0.2.1 9 typ host"),)),
    "video",
    "0",
)
RECEIPT = json.dumps({"version": 1, "key": "x", "signature": "eA", "frames": {"received": 1}})


def targets() -> dict[str, Target]:
    """Return everything that reads what others send."""
    offers = [file.read_bytes().decode() for file in sorted(OFFERS.glob("*.sdp"))]
    payloads = [*packetize_vp8(bytes(300), 5), *packetize_h264(b"\0\0\0\1\x65" + bytes(300))]
    return {
        "stun": Target(bytes_like(_stun_seeds()), _take_stun),
        "dtls": Target(bytes_like(_dtls_seeds()), lambda data: dtls_records.acceptable(data, server=True)),
        "rtp payload": Target(bytes_like(payloads), _take_payload),
        "rtcp": Target(bytes_like(_rtcp_seeds()), _take_rtcp),
        "sdp": Target(text_like(offers, SDP_LIMIT), _take_sdp),
        "sdpfrag": Target(text_like([FRAGMENT], SDP_LIMIT), _take_fragment),
        "text": Target(text_like(['{"type": "join"}', "Ada", "[[["], 100_000), _take_text),
        "message": Target(json_like(FIELDS), _take_message, on_loop=False),  # Watchdog has an eye on these
        "policy": Target(json_like(WISHES), _take_policy),
        "token": Target(text_like([make_token(KEY, Grant("studio"), 60)], 5000), _take_token),
        "claims": Target(json_like(CLAIMS), _take_claims),
        "receipt": Target(text_like([RECEIPT], 5000), _take_receipt, on_loop=False),
        "config": Target(text_like(CONFIGS, 5000), _take_config, on_loop=False),
        "upload": Target(bytes_like(_pictures(), 100_000), _take_upload, on_loop=False),
        "pictures": Target(st.lists(pictures(), max_size=6), _take_pictures, on_loop=False),
    }


def pictures() -> SearchStrategy[tuple[str, bytes]]:
    """Return encoded pictures of a camera, damaged."""
    by_codec = [
        st.tuples(st.just(codec), bytes_like([data for name, data in _encoded() if name == codec], 100_000))
        for codec in ("VP8", "H264")
    ]
    return st.one_of(by_codec)


def refused() -> int:
    """Return how many datagrams were refused so far."""
    return REFUSALS.counts.total()
