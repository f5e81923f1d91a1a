"""What comes over one WebSocket, paid for before anybody looks at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiohttp import WSMsgType, web

from server.config.options import Config
from server.core.errors import SignalingError
from server.core.token_bucket import TokenBucket
from server.signaling.meter import Meter

BYTES_PER_COST: Final = 8 * 1024
"""Length of text that costs as much of the rate limit as a message: reading 8 KiB of JSON takes 0.1 to 0.5 ms."""
ENDS: Final = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class Incoming:
    """Reads the messages of a WebSocket that does not answer pings by itself: a ping costs as well."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        config: Config,
        refuse: Callable[[SignalingError], None] | None = None,
    ) -> None:
        """Where more bytes come than are paid for, tell `refuse` why none are read any more, or cut the connection."""
        self._socket = socket
        self._refuse = refuse
        self._transport: asyncio.Transport | None = None
        rate = config.max_messages_per_second
        self._messages = TokenBucket(rate, rate)  # a burst of one second's messages, then so many a second
        byte_rate = rate * BYTES_PER_COST
        self._bytes = TokenBucket(byte_rate + config.max_message, byte_rate)

    def begin(self, transport: asyncio.Transport | None) -> None:
        """Count the bytes of a socket that is prepared."""
        self._transport = transport
        if transport is not None:
            Meter.install(transport, self._pay)

    def stop(self) -> None:
        """Leave what else comes to the kernel: whoever is told a fatal error is not listened to any more."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    async def text(self) -> str:
        """Return the text of the next message.

        Raises ConnectionResetError at the end; SignalingError bad-message, or too-many-messages, which is fatal.
        """
        while True:
            frame = await self._socket.receive()
            if frame.type in ENDS:
                raise ConnectionResetError
            self.spend(1 + len(frame.data) / BYTES_PER_COST)
            match frame.type:
                case WSMsgType.TEXT:
                    return str(frame.data)
                case WSMsgType.PING:
                    await self._socket.pong(frame.data)
                case WSMsgType.PONG:
                    pass
                case _:
                    raise SignalingError("bad-message", "Messages are JSON text.")

    def spend(self, cost: float) -> None:
        """Pay for so many messages; raise SignalingError too-many-messages."""
        if not self._messages.take(cost, time.monotonic()):
            raise _too_many()

    def _pay(self, count: int) -> bool:
        """Tell whether so many more bytes may be read; otherwise none are, ever."""
        paid = self._bytes.take(count, time.monotonic())
        if not paid:
            self.stop()
            if self._refuse is not None:
                self._refuse(_too_many())
            elif self._transport is not None:
                self._transport.abort()
        return paid


def _too_many() -> SignalingError:
    return SignalingError("too-many-messages", "Too many messages; slower, please.", fatal=True)
