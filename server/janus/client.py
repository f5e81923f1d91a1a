"""A client of the Janus WebRTC server: sessions and handles of its API, over a WebSocket.

https://janus.conf.meetecho.com/docs/rest.html, sections "WebSockets Interface" and "Plain HTTP REST Interface",
which defines the messages. What the VideoRoom plugin understands is in videoroom.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeAlias

from aiohttp import (
    ClientError,
    ClientResponseError,
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSMsgType,
)

from server.core.errors import JanusError

logger = logging.getLogger(__name__)

SUBPROTOCOL = "janus-protocol"
REQUEST_TIMEOUT = 10.0  # seconds; chosen
CLOSE_TIMEOUT = 2.0  # seconds; chosen
HEARTBEAT = 10.0  # seconds between two pings on the WebSocket
KEEPALIVE = 20.0  # seconds; Janus ends a session that was silent for `session_timeout`, 60 by default
MAX_MESSAGE = 1 << 20  # bytes; chosen
LOST, SESSION_NOT_FOUND = 0, 458  # codes: the first is our own, the second from apierror.h of Janus

Message: TypeAlias = dict[str, Any]


class Reply(NamedTuple):
    """What a plugin answered: its data, and the SDP that came with it or ""."""

    data: Message
    sdp: str


class Notice(NamedTuple):
    """An event of a plugin, or a remote candidate: an RTCIceCandidateInit, or `completed` after the last one."""

    data: Message
    candidate: Message | None


class Handle:
    """One attachment to a plugin, which may have a peer connection of its own."""

    def __init__(self, session: JanusSession, number: int) -> None:
        self._session = session
        self._number = number
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()

    async def request(self, body: Message, *, offer: str = "", answer: str = "") -> Reply:
        """Ask the plugin; raise JanusError."""
        message: Message = {"janus": "message", "handle_id": self._number, "body": body}
        if offer or answer:
            message["jsep"] = {"type": "offer" if offer else "answer", "sdp": offer or answer}
        reply = await self._session.ask(message)
        data = reply.get("plugindata", {}).get("data", {})
        if "error_code" in data:
            raise JanusError(int(data["error_code"]), str(data.get("error", "")))
        return Reply(data, reply.get("jsep", {}).get("sdp", ""))

    async def notices(self) -> AsyncIterator[Notice]:
        """Yield what Janus tells of its own accord, until it hangs up, or is gone."""
        while (message := await self._messages.get()) is not None:
            data = message.get("plugindata", {}).get("data", {})
            yield Notice(data, message.get("candidate"))

    async def detach(self) -> None:
        """End it there, too, without waiting for an answer."""
        await self._session.forget(self._number)

    def take(self, message: Message) -> None:
        """Take a message that is no answer."""
        if message["janus"] in ("event", "trickle"):
            self._messages.put_nowait(message)
        elif message["janus"] in ("hangup", "detached"):
            self.end()

    def end(self) -> None:
        """Yield nothing any more."""
        self._messages.put_nowait(None)


class JanusSession:
    """A session on an open WebSocket, as `connect` makes it."""

    def __init__(self, socket: ClientWebSocketResponse, credentials: Message) -> None:
        self.over = False
        """Whether the session is lost, and with it all of its handles."""
        self._socket = socket
        self._credentials = credentials
        self._number: int | None = None
        self._handles: dict[int, Handle] = {}
        self._pending: dict[str, asyncio.Future[Message]] = {}
        self._transactions = itertools.count(1)

    async def attach(self, plugin: str) -> Handle:
        """Return a handle of a plugin; raise JanusError."""
        number = (await self.ask({"janus": "attach", "plugin": plugin}))["data"]["id"]
        handle = self._handles[number] = Handle(self, number)
        return handle

    async def ask(self, message: Message) -> Message:
        """Return the answer to a message; raise JanusError."""
        transaction = str(next(self._transactions))
        answer = self._pending[transaction] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                await self._send(message, transaction)
                reply: Message = await answer
        except TimeoutError:
            raise JanusError(LOST, f"no answer for {REQUEST_TIMEOUT:.0f} s") from None
        finally:
            del self._pending[transaction]
        error = reply.get("error", {})
        if reply.get("janus") == "error":
            raise JanusError(int(error.get("code", LOST)), str(error.get("reason", "")))
        return reply

    async def _send(self, message: Message, transaction: str) -> None:
        if self.over:
            raise JanusError(LOST, "the connection is lost")
        session = {} if self._number is None else {"session_id": self._number}
        try:
            await self._socket.send_json(message | session | self._credentials | {"transaction": transaction})
        except ConnectionError as error:
            raise JanusError(LOST, "the connection is lost") from error

    async def forget(self, handle: int) -> None:
        """Detach a handle."""
        if self._handles.pop(handle, None) is not None:
            with contextlib.suppress(JanusError):
                await self._send({"janus": "detach", "handle_id": handle}, str(next(self._transactions)))

    async def open(self) -> None:
        """Begin the session; raise JanusError."""
        self._number = (await self.ask({"janus": "create"}))["data"]["id"]

    async def close(self) -> None:
        """End the session there, with all handles."""
        with contextlib.suppress(JanusError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.ask({"janus": "destroy"})

    async def keep_alive(self) -> None:
        """Tell Janus now and then that we are here."""
        while True:
            await asyncio.sleep(KEEPALIVE)
            await self._send({"janus": "keepalive"}, str(next(self._transactions)))

    async def read(self) -> None:
        """Take messages until the connection or the session ends."""
        try:
            async for raw in self._socket:
                if raw.type is not WSMsgType.TEXT or not self._take(json.loads(raw.data)):
                    return
        except (ValueError, KeyError, AttributeError) as error:
            logger.warning("Janus sent what can't be read: %s", type(error).__name__)
        finally:
            self._end()

    def _take(self, message: Message) -> bool:
        """Take one message; tell whether the session goes on."""
        kind, answer = message["janus"], self._pending.get(message.get("transaction", ""))
        if kind == "timeout" or message.get("error", {}).get("code") == SESSION_NOT_FOUND:
            return False
        if kind == "ack":
            return True  # the answer proper follows as an event
        if answer is not None:
            if not answer.done():
                answer.set_result(message)
            return True
        handle = self._handles.get(message.get("sender", -1))
        if handle is not None:
            handle.take(message)
        return True

    def _end(self) -> None:
        self.over = True
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(JanusError(LOST, "the connection is lost"))
        for handle in self._handles.values():
            handle.end()


@asynccontextmanager
async def connect(url: str, *, api_secret: str = "", token: str = "") -> AsyncIterator[JanusSession]:
    """Open a session at a WebSocket URL, which ends with the block. Raises JanusError.

    `api_secret` and `token` are those of Janus' own configuration.
    """
    credentials: Message = {
        key: value for key, value in (("apisecret", api_secret), ("token", token)) if value
    }
    async with ClientSession() as http:
        session = JanusSession(await _open_socket(http, url), credentials)
        tasks = [_task(session.read()), _task(session.keep_alive())]
        try:
            await session.open()
            yield session
        finally:
            await session.close()
            await session._socket.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _open_socket(http: ClientSession, url: str) -> ClientWebSocketResponse:
    timeout = ClientWSTimeout(ws_close=CLOSE_TIMEOUT)
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT):
            return await http.ws_connect(
                url, protocols=(SUBPROTOCOL,), heartbeat=HEARTBEAT, timeout=timeout, max_msg_size=MAX_MESSAGE
            )
    except (ClientError, OSError, TimeoutError) as error:
        raise JanusError(LOST, f"it can't be reached: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "no answer"
        case ClientResponseError():
            return f"it answered {error.status}"
        case OSError():
            return str(error)
        case _:  # what others say may hold the URL, and with it what lets one in
            return type(error).__name__


def _task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work)
