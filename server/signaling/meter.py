"""Counts the bytes of a connection before anything is made of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Meter(asyncio.Protocol):
    """Stands between a transport and its protocol, which gets only what is paid for.

    A WebSocket's parser tells of messages only: the empty fragments of one that never ends cost the loop as much.
    """

    def __init__(self, protocol: asyncio.Protocol, pay: Callable[[int], bool]) -> None:
        """`pay` takes a number of bytes, and tells whether they may be read."""
        self._protocol = protocol
        self._pay = pay

    @classmethod
    def install(cls, transport: asyncio.Transport, pay: Callable[[int], bool]) -> None:
        """Meter what a transport receives from now on."""
        protocol = transport.get_protocol()
        assert isinstance(protocol, asyncio.Protocol)
        transport.set_protocol(cls(protocol, pay))

    def data_received(self, data: bytes) -> None:
        if self._pay(len(data)):
            self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()
