"""Text and JSON: what peers, applications, files and the command line say."""

from __future__ import annotations

import contextlib
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.access.authenticator import Authenticator
from server.access.policy import RoomPolicy, chat_text, participant_name, room_name
from server.access.tokens import Grant, Key, grant_of, make_token
from server.config.loading import load
from server.config.options import Config
from server.core.errors import ConfigError, FragmentError, ReceiptError, SignalingError
from server.core.messages import parse as parse_message
from server.peers.descriptions import read_offer
from server.receipts import receipt
from server.receipts.frame_counters import Frames
from server.rooms.rooms import Rooms
from server.signaling.handlers import REQUESTS
from server.whip import sdpfrag
from tests.fuzz.media import segmenter
from tests.fuzz.running import runner
from tests.fuzz.target import Target, of_json, of_text
from tests.support.guest import Guest

SDP_LIMIT = 64 * 1024
OFFERS = Path(__file__).parent.parent / "server/media/rtc/offers"
KEY = Key("a", "HS256", "north-" * 6)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))


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


def _take_receipt(text: str) -> None:
    """Also as a server would have signed it, so that what is behind the signature is reached."""
    with contextlib.suppress(ReceiptError, ValueError):
        value = receipt.read_json(text)
        if isinstance(value, dict):
            content = {name: value[name] for name in value if name not in ("key", "signature")}
            with contextlib.suppress(ReceiptError):
                receipt.check(receipt.sign(SIGNER, content), SIGNER.public_key())
        receipt.check(value, SIGNER.public_key())


def _take_config(text: str) -> None:
    with TemporaryDirectory() as folder, contextlib.suppress(ConfigError):
        file = Path(folder) / "greenroom.toml"
        file.write_text(text, encoding="utf-8")
        load(file)


@cache
def _guest() -> Guest:
    async def join() -> Guest:
        guest = Guest(Rooms(Config(workers=1), segmenter()), "Ada")
        await guest.join()
        return guest

    return runner().run(join())


def _take_message(message: dict[str, Any]) -> None:
    """As one who has joined; what is honoured is honoured."""

    async def ask() -> None:
        with contextlib.suppress(SignalingError):
            await _guest().ask(**{"kind": "media"} | message)

    _guest().messages.clear()
    runner().run(ask())


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
    "captions": (True,),
    "final": (True, False),
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
FRAMES = Frames(received=100, filtered=80, covered=3, slated=5, repeated=2, encoded=90, sent=89)
RECEIPT = json.dumps(
    receipt.sign(
        SIGNER,
        {
            "version": receipt.VERSION,
            "room": "studio",
            "participant": "p1",
            "start": 1,
            "end": 2,
            "policies": [receipt.policy_hash(RoomPolicy())],
            "model": "ab" * 32,
            "deviceFilter": "never",
            "frames": FRAMES.describe(),
        },
    )
)


def targets() -> dict[str, Target]:
    """Return what reads text and JSON."""
    offers = [file.read_bytes().decode() for file in sorted(OFFERS.glob("*.sdp"))]
    return {
        "sdp": of_text(offers, _take_sdp, SDP_LIMIT),
        "sdpfrag": of_text([FRAGMENT], _take_fragment, SDP_LIMIT),
        "text": of_text(['{"type": "join"}', "Ada", "[[["], _take_text, 100_000),
        "message": of_json(FIELDS, _take_message, on_loop=False),  # Watchdog has an eye on these
        "policy": of_json(WISHES, _take_policy),
        "token": of_text([make_token(KEY, Grant("studio"), 60)], _take_token, 5000),
        "claims": of_json(CLAIMS, _take_claims),
        "receipt": of_text([RECEIPT], _take_receipt, 5000, on_loop=False),
        "config": of_text(CONFIGS, _take_config, 5000, on_loop=False),
    }
