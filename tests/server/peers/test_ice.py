"""Time-limited TURN credentials and how clients are told about servers."""

from __future__ import annotations

import base64
import hashlib
import hmac

from aiortc import RTCIceServer

from server.config.options import Config, IceServer
from server.peers.ice import connect, describe, ice_servers, links

STUN, TURN = IceServer(["stun:a"]), IceServer(["turn:b?transport=udp", "turns:b"])
FIXED = IceServer(["turn:c"], "u", 'p"w\\')


def test_credentials_are_what_coturn_expects() -> None:
    config = Config(ice_servers=(STUN, TURN, FIXED), turn_secret="north", turn_lifetime=600)
    stun, turn, fixed = ice_servers(config, "p1", now=1_000_000.7)
    assert (stun, fixed) == (STUN, FIXED)
    assert turn.username == "1000600:p1"
    digest = hmac.new(b"north", b"1000600:p1", hashlib.sha1).digest()
    assert turn.credential == base64.b64encode(digest).decode()
    assert turn.urls == TURN.urls


def test_description_for_browsers() -> None:
    assert describe([STUN, FIXED]) == [
        {"urls": ["stun:a"]},
        {"urls": ["turn:c"], "username": "u", "credential": 'p"w\\'},
    ]


def test_link_headers() -> None:
    assert links([STUN, TURN, FIXED]) == [
        '<stun:a>; rel="ice-server"',
        '<turn:b?transport=udp>; rel="ice-server"',
        '<turns:b>; rel="ice-server"',
        '<turn:c>; rel="ice-server"; username="u"; credential="p\\"w\\\\"; credential-type="password"',
    ]


async def test_the_server_asks_for_a_relay_only_when_told_to() -> None:
    servers = (STUN, FIXED)
    for relay, expected in ((False, [STUN]), (True, [STUN, FIXED])):
        connection = connect(Config(ice_servers=servers, server_relay=relay))
        wanted = [RTCIceServer(server.urls, server.username, server.credential) for server in expected]
        assert connection._RTCPeerConnection__configuration.iceServers == wanted  # type: ignore[attr-defined]
        await connection.close()
