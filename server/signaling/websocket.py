"""The WebSocket protocol of protocol.md: one connection of one browser. No media in it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable

from aiohttp import WSCloseCode, web

from server.core.errors import SignalingError
from server.core.messages import Message, error_message, parse
from server.rooms.rooms import Rooms
from server.signaling.handlers import cost, handle
from server.signaling.incoming import Incoming
from server.signaling.session import Session

logger = logging.getLogger(__name__)

MAX_OUTGOING = 256  # messages waiting for one browser; chosen
FILTER_INTERVAL = 2.0  # seconds between `filter` messages; chosen


class Signaling:
    """Speaks with one browser until it leaves, breaks off, or errs fatally."""

    def __init__(self, rooms: Rooms, address: str = "") -> None:
        self._config = rooms.config
        self._socket = web.WebSocketResponse(
            heartbeat=self._config.heartbeat,
            max_msg_size=self._config.max_message,
            timeout=1.0,
            autoping=False,  # a ping costs as well
        )
        self._outgoing: asyncio.Queue[Message | None] = asyncio.Queue(MAX_OUTGOING)
        self._session = Session(rooms, self._send, address)
        self._transport: asyncio.Transport | None = None
        self._incoming = Incoming(self._socket, self._config, lambda error: self._send(error_message(error)))

    async def run(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one WebSocket request from its first message to its end."""
        self._transport = request.transport
        await self._socket.prepare(request)
        self._incoming.begin(self._transport)
        tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._report())]
        try:
            await self._talk()
        except SignalingError as error:
            error.fatal = True
            self._incoming.stop()
            self._send(error_message(error))
        except ConnectionError:
            if self._socket.close_code == WSCloseCode.GOING_AWAY:
                self._session.go_away()
        finally:
            await self._end(tasks)
        return self._socket

    def keep(self, give_back: Callable[[], None]) -> None:
        """See Session."""
        self._session.keep(give_back)

    async def _talk(self) -> None:
        await self._session.join(await self._first_message())
        while not self._session.left:
            try:
                request = parse(await self._incoming.text())
                self._incoming.spend(cost(request) - 1)
                await handle(self._session, request)
            except SignalingError as error:
                if error.fatal:
                    raise
                self._send(error_message(error))

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        await self._session.end()
        tasks[1].cancel()
        if not self._outgoing.full():
            self._outgoing.put_nowait(None)
        await asyncio.wait(tasks, timeout=1.0)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close()

    async def _first_message(self) -> Message:
        try:
            async with asyncio.timeout(self._config.join_timeout):
                return parse(await self._incoming.text())
        except TimeoutError:
            raise SignalingError("not-joined", "No join message came in time.", fatal=True) from None

    def _send(self, message: Message) -> None:
        """Queue a message; a browser that doesn't read its messages is cut off."""
        try:
            self._outgoing.put_nowait(message)
        except asyncio.QueueFull:
            if self._transport is not None:
                self._transport.abort()

    async def _write(self) -> None:
        while (message := await self._outgoing.get()) is not None:
            try:
                await self._socket.send_str(json.dumps(message, ensure_ascii=False))
            except ConnectionError:
                return
            if message.get("fatal"):
                await self._socket.close(message=str(message.get("code")).encode())
                return

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(FILTER_INTERVAL)
            self._session.report(time.monotonic())
