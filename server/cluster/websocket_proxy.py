"""Passing signalling on: a browser's WebSocket and the one to its room's server."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, web

from server.cluster.messages import Move
from server.core.errors import SignalingError
from server.signaling.incoming import Incoming


class WebSocketProxy:
    """One browser that has a server."""

    def __init__(
        self,
        server: str,
        browser: web.WebSocketResponse,
        incoming: Incoming,
        upstream: ClientWebSocketResponse,
    ) -> None:
        self.server = server
        self._browser, self._incoming = browser, incoming
        self._upstream = upstream

    async def run(self) -> None:
        """Pass messages on until one end closes, then close the other.

        A browser whose server is lost is told to come again (RFC 6455, 1012). Raises SignalingError for what a browser
        may not send, and leaves it to the caller to say so.
        """
        up, down = asyncio.create_task(self._up()), asyncio.create_task(self._down())
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost = self._upstream.closed and self._upstream.close_code in (None, WSCloseCode.ABNORMAL_CLOSURE)
            up.cancel()
            down.cancel()
            said, _ = await asyncio.gather(up, down, return_exceptions=True)
            gone = self._browser.close_code == WSCloseCode.GOING_AWAY
            await self._upstream.close(code=WSCloseCode.GOING_AWAY if gone else WSCloseCode.OK)
            if not isinstance(said, SignalingError):
                await self.close(WSCloseCode.SERVICE_RESTART if lost else WSCloseCode.OK)
        if isinstance(said, SignalingError):
            raise said

    async def close(self, code: int) -> None:
        """Close the browser's end."""
        await self._browser.close(code=code)

    async def _up(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._upstream.send_str(await self._incoming.text())

    async def _down(self) -> None:
        with contextlib.suppress(ConnectionError):
            async for message in self._upstream:
                if message.type == WSMsgType.TEXT:
                    await self._browser.send_str(message.data)


class WebSocketProxies:
    """The proxies of a front, by room."""

    def __init__(self) -> None:
        self._open: dict[str, set[WebSocketProxy]] = {}

    def __len__(self) -> int:
        """Return how many browsers are passed on."""
        return sum(map(len, self._open.values()))

    async def run(self, room: str, proxy: WebSocketProxy) -> None:
        """Run a proxy, which belongs to a room."""
        self._open.setdefault(room, set()).add(proxy)
        try:
            await proxy.run()
        finally:
            self._open[room].discard(proxy)
            if not self._open[room]:
                del self._open[room]

    async def follow(self, move: Move) -> None:
        """Close what goes to another server than the room's: whoever is left there comes to the new one."""
        left = [proxy for proxy in self._open.get(move.room, ()) if proxy.server != move.server]
        await asyncio.gather(*(proxy.close(WSCloseCode.SERVICE_RESTART) for proxy in left))
