"""TCP connections while a request comes in and its answer goes out: how many of one address, and for how long.

aiohttp waits without end. Whoever only opens connections, sends a header a minute, or takes no answer would hold a
descriptor of the server for each, and the answer's memory; in TLS asyncio takes .3 MB for a connection besides.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import hdrs, web

from server.core.errors import SignalingError
from server.http.quota import Quota

HEAD_LIMIT: Final = 10.0
"""Seconds until TLS is agreed on, and as many until the first request's head is complete; chosen."""
BODY_LIMIT: Final = 60.0  # seconds until a body is: 10 MiB at 1.4 Mbit/s
KEEPALIVE: Final = 75.0  # seconds between two requests, the head of the second included
HANDSHAKES: Final = 4
"""Times as many connections of one address may be agreeing on TLS: that takes two ways to the server and back, and
browsers open six at once. Chosen."""
STALL_LIMIT: Final = 60.0  # seconds in which nothing of what waits to be sent is taken; chosen
SERVER: Final = "Greenroom"
PENDING = web.AppKey("pending", Quota)
"""Connections and bodies that are not complete, by address."""
TLS = web.AppKey("tls", ssl.SSLContext)
"""What connections are encrypted with, where an application listens by itself."""


class Connection(web.RequestHandler):
    """One connection, which has to say what it wants."""

    __slots__ = ("_give_back", "_head_timer", "_leave", "_stall_timer", "kept", "pending")

    pending: Quota
    kept: Quota

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request; a connection too many of one address is cut."""
        super().connection_made(transport)
        self._give_back: Callable[[], None] = lambda: None
        self._leave: Callable[[], None] | None = None
        address = _address(transport)
        loop = asyncio.get_running_loop()
        self._head_timer: asyncio.TimerHandle | None = loop.call_later(HEAD_LIMIT, self._cut)
        self._stall_timer: asyncio.TimerHandle | None = None
        with contextlib.suppress(SignalingError):
            self._leave = self.kept.take(address)
        try:
            self._give_back = self.pending.take(address)
        except SignalingError:
            self._cut()

    @property
    def crowded(self) -> bool:
        """Whether its address has so many connections that this one is not kept for another request."""
        return self._leave is None

    def data_received(self, data: bytes) -> None:
        """Take what comes; with the first whole head, the connection is as good as any."""
        super().data_received(data)
        if self._head_timer is not None and self._request_count:
            self._stop_waiting()

    def pause_writing(self) -> None:
        """Begin to wait for whoever doesn't take what is sent: it is in memory."""
        super().pause_writing()
        self._stall_timer = asyncio.get_running_loop().call_later(STALL_LIMIT, self._cut)

    def resume_writing(self) -> None:
        """Go on sending."""
        super().resume_writing()
        self._stop_stalling()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it no more."""
        self._stop_waiting()
        self._stop_stalling()
        if self._leave is not None:
            self._leave()
        super().connection_lost(exc)

    def handle_error(self, *args: Any, **options: Any) -> web.StreamResponse:  # noqa: ANN401 - aiohttp's
        """As aiohttp/web_protocol.py, but without telling what the server is made of."""
        response = super().handle_error(*args, **options)
        response.headers[hdrs.SERVER] = SERVER
        return response

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        self._give_back()
        self._give_back = lambda: None

    def _stop_stalling(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _cut(self) -> None:
        self._stop_waiting()
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


class _Handshake(asyncio.Protocol):
    """A connection until both sides agree on TLS; of one address there are so many at a time."""

    def __init__(self, connection: Connection, context: ssl.SSLContext, waiting: Quota) -> None:
        self._connection, self._context, self._waiting = connection, context, waiting
        self._early = bytearray()
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to agree; a connection too many of one address is cut."""
        assert isinstance(transport, asyncio.Transport)
        if transport.get_extra_info("sslcontext") is not None:  # a cluster's own links have agreed
            self._hand_over(transport)
            return
        transport.pause_reading()  # until start_tls reads
        self._task = asyncio.get_running_loop().create_task(self._agree(transport))

    def data_received(self, data: bytes) -> None:
        """Keep what comes in one go with the end of the handshake."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nobody is there any more."""
        self._lost = True

    async def _agree(self, transport: asyncio.Transport) -> None:
        loop, encrypted = asyncio.get_running_loop(), None
        with contextlib.suppress(SignalingError, OSError), self._waiting.hold(_address(transport)):
            encrypted = await loop.start_tls(
                transport, self, self._context, server_side=True, ssl_handshake_timeout=HEAD_LIMIT
            )
        if encrypted is None or self._lost:
            transport.abort()
            return
        self._hand_over(encrypted)
        if self._early:
            self._connection.data_received(bytes(self._early))

    def _hand_over(self, encrypted: asyncio.Transport) -> None:
        encrypted.set_protocol(self._connection)
        self._connection.connection_made(encrypted)


class _Server(web.Server):
    """Makes our connections in place of aiohttp's."""

    pending: Quota
    kept: Quota
    handshakes: Quota
    context: ssl.SSLContext | None

    def __call__(self) -> Any:  # noqa: ANN401 - a protocol, of which aiohttp knows only its own
        connection = Connection(self, loop=self._loop, **self._kwargs)
        connection.pending, connection.kept = self.pending, self.kept
        if self.context is None:
            return connection
        return _Handshake(connection, self.context, self.handshakes)


def guard(app: web.Application, limit: int) -> None:
    """Limit what one address may leave unsaid in an application, however it is served.

    Of one address so many connections are kept for another request; others end with their answer.
    """
    pending = app[PENDING] = Quota(limit)
    stock: Callable[..., web.Server] = app._make_handler  # AppRunner asks it for the server

    def make(**options: Any) -> web.Server:  # noqa: ANN401 - aiohttp's
        server = stock(**options)
        server.__class__ = _Server
        assert isinstance(server, _Server)
        server.pending, server.kept, server.context = pending, Quota(limit), app.get(TLS)
        server.handshakes = Quota(HANDSHAKES * limit)
        return server

    app._make_handler = make  # type: ignore[method-assign]
    app.on_response_prepare.append(_keep_few)


async def _keep_few(request: web.Request, response: web.StreamResponse) -> None:
    if isinstance(request.protocol, Connection) and request.protocol.crowded and response.keep_alive:
        response.force_close()
        response.headers[hdrs.CONNECTION] = "close"


def _address(transport: asyncio.BaseTransport) -> str:
    """Return the other side's address; empty for a socket without one, and for a front, which speaks for many."""
    if transport.get_extra_info("peercert"):
        return ""
    return str((transport.get_extra_info("peername") or ("",))[0])


@asynccontextmanager
async def reading(request: web.Request, limit: float | None = None) -> AsyncIterator[None]:
    """Read a body in time, or in `limit` seconds, as one of not too many of its address.

    Raises SignalingError too-slow, too-many-connections.
    """
    limit = BODY_LIMIT if limit is None else limit
    try:
        with request.app[PENDING].hold(request.remote):
            async with asyncio.timeout(limit):
                yield
    except TimeoutError:
        raise SignalingError("too-slow", f"The body took longer than {limit:g} s.") from None


@web.middleware
async def only_plain_http_1_0(
    request: web.Request, handler: Callable[[web.Request], Any]
) -> web.StreamResponse:
    """Refuse chunks in HTTP/1.0, which has none: a proxy may take them for another request (RFC 9112 section 6.1)."""
    if request.version < (1, 1) and hdrs.TRANSFER_ENCODING in request.headers:
        response = web.Response(status=400, text="HTTP/1.0 has no chunks.\n")
        response.force_close()
        return response
    answer: web.StreamResponse = await handler(request)
    return answer
