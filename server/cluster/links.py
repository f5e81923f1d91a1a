"""HTTP from a front to servers: over mutual TLS, or over their private sockets on the same machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import (
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    DummyCookieJar,
    StreamReader,
    TCPConnector,
    UnixConnector,
)
from yarl import URL

from server.access.certificates import NAME, tls_context

CONNECT: Final = 2.0  # seconds that a server may take to accept a connection
READ: Final = 30.0  # seconds without a byte after which a request is given up
MAX_SOCKETS: Final = 64  # private sockets that are kept, of which some may be of servers that have ended
UNIX: Final = "unix:"
NOT_SAID: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""What aiohttp would say in the name of who has not: that they take compressed answers, for one."""


class Links:
    """Connections to servers by the URLs that they tell the directory. Made inside a running event loop."""

    def __init__(self, secret: Path | None) -> None:
        """Use the cluster's secret for servers elsewhere; raise ConfigError."""
        context = tls_context(secret, server=False) if secret is not None else True
        self._elsewhere = _session(TCPConnector(limit=0, ssl=context))
        self._here: dict[str, ClientSession] = {}

    @asynccontextmanager
    async def request(
        self, url: str, method: str, path: str, headers: Mapping[str, str], body: bytes | StreamReader = b""
    ) -> AsyncIterator[ClientResponse]:
        """Send a request; `path` is quoted and has its query. Raises ClientError."""
        session, base, options = await self._way(url)
        async with session.request(
            method,
            URL(base + path, encoded=True),
            headers=headers,
            data=body if isinstance(body, StreamReader) else body or None,
            allow_redirects=False,
            timeout=ClientTimeout(total=None, sock_connect=CONNECT, sock_read=READ),
            **options,
        ) as response:
            yield response

    async def websocket(
        self, url: str, headers: Mapping[str, str], heartbeat: float
    ) -> ClientWebSocketResponse:
        """Open a WebSocket to the signalling of a server, with pings every so many seconds; raise ClientError."""
        session, base, options = await self._way(url)
        opened: ClientWebSocketResponse = await session.ws_connect(
            base + "/ws", headers=headers, heartbeat=heartbeat, max_msg_size=0, **options
        )
        return opened

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._elsewhere, *self._here.values()):
            await session.close()

    async def _way(self, url: str) -> tuple[ClientSession, str, dict[str, Any]]:
        if not url.startswith(UNIX):
            return self._elsewhere, url, {"server_hostname": NAME}
        path = url.removeprefix(UNIX)
        session = self._here.pop(path, None)
        if session is None:
            session = _session(UnixConnector(path, limit=0))
        self._here[path] = session
        if len(self._here) > MAX_SOCKETS:
            await self._here.pop(next(iter(self._here))).close()
        return session, "http://localhost", {}


def _session(connector: TCPConnector | UnixConnector) -> ClientSession:
    timeout = ClientTimeout(total=None, sock_connect=CONNECT)
    return ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=NOT_SAID,
    )
