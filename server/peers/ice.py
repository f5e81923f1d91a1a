"""STUN and TURN servers as clients get them, and the peer connections of the server itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

from aiortc import RTCIceServer

from server.config.options import Config, IceServer
from server.media.rtc import PeerConnection, peer_connection

SERVER = "server"


def ice_servers(config: Config, user: str, now: float | None = None) -> list[IceServer]:
    """Return the servers for one participant; TURN servers without a username get time-limited credentials.

    Those are coturn's (draft-uberti-behave-turn-rest-00): the username is the UNIX time of expiry and the
    participant's id, the password its HMAC-SHA1 under the shared secret.
    """
    expiry = int((time.time() if now is None else now) + config.turn_lifetime)
    return [
        _with_credentials(server, config.turn_secret, f"{expiry}:{user}") for server in config.ice_servers
    ]


def _with_credentials(server: IceServer, secret: str, username: str) -> IceServer:
    if not secret or server.username or not any(url.startswith("turn") for url in server.urls):
        return server
    digest = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    return IceServer(server.urls, username, base64.b64encode(digest).decode())


def describe(servers: list[IceServer]) -> list[dict[str, Any]]:
    """Return them as RTCIceServer dictionaries (WebRTC, section 4.2.2)."""
    keys = ("username", "credential")
    return [
        {"urls": server.urls} | {key: value for key in keys if (value := getattr(server, key))}
        for server in servers
    ]


def links(servers: list[IceServer]) -> list[str]:
    """Return them as values of the Link header (RFC 9725, section 4.6)."""
    return [_link(server, url) for server in servers for url in server.urls]


def _link(server: IceServer, url: str) -> str:
    link = f'<{url}>; rel="ice-server"'
    if server.username:
        link += f"; username={_quoted(server.username)}; credential={_quoted(server.credential or '')}"
        link += '; credential-type="password"'
    return link


def _quoted(text: str) -> str:
    """Return a quoted-string (RFC 9110, section 5.6.4)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def connect(config: Config) -> PeerConnection:
    """Return a new peer connection with the addresses, ports and servers that are configured."""
    servers = [
        RTCIceServer(server.urls, server.username, server.credential)
        for server in ice_servers(config, SERVER)
        if config.server_relay or not any(url.startswith("turn") for url in server.urls)
    ]
    return peer_connection(servers, ports=config.udp_ports, public_address=config.public_address)
