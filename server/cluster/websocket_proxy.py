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
        answer: str,
    ) -> None:
        """`answer` is the first that the server has said, which the browser has not been told."""
        self.server = server
        self._browser, self._incoming = browser, incoming
        self._upstream, self._answer = upstream, answer
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Pass messages on until one end closes, or the room has moved, then close the other.

        A browser whose server is lost, or not the room's any more, is told to come again (RFC 6455, 1012). Raises
        SignalingError for what a browser may not send, and leaves it to the caller to say so.
        """
        tasks = [asyncio.create_task(each) for each in (self._up(), self._down(), self._moved.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost = self._upstream.closed and self._upstream.close_code in (None, WSCloseCode.ABNORMAL_CLOSURE)
            for task in tasks:
                task.cancel()
            said, *_ = await asyncio.gather(*tasks, return_exceptions=True)
            gone = self._browser.close_code == WSCloseCode.GOING_AWAY
            code = WSCloseCode.GOING_AWAY if gone else WSCloseCode.OK
            closing = asyncio.create_task(self._upstream.close(code=code))  # one that hangs does not answer
            if not isinstance(said, SignalingError):
                again = lost or self._moved.is_set()
                await self._browser.close(code=WSCloseCode.SERVICE_RESTART if again else WSCloseCode.OK)
            await closing
        if isinstance(said, SignalingError):
            raise said

    def move(self) -> None:
        """Have the browser come again: its room has another server now."""
        self._moved.set()

    async def _up(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._upstream.send_str(await self._incoming.text())

    async def _down(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self._browser.send_str(self._answer)
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

    def follow(self, move: Move) -> None:
        """Close what goes to another server than the room's: whoever is left there comes to the new one."""
        for proxy in self._open.get(move.room, ()):
            if proxy.server != move.server:
                proxy.move()
