"""STUN as it may reach aioice: well formed, and with what its class must have."""

from __future__ import annotations

import struct
from typing import Any, Protocol, TypeAlias, cast

from aioice.ice import StunProtocol
from aioice.stun import Class, Message, parse_message

from . import udp
from .refusals import REFUSALS

Address: TypeAlias = tuple[str, int]


class DatagramReceiver(Protocol):
    """The ICE connection that a socket belongs to."""

    def request_received(self, message: Message, addr: Address, protocol: StunProtocol) -> None:
        """Take a STUN request."""
        ...

    def take(self, data: bytes, address: Address, socket: IceSocket, arrival: int) -> None:
        """Take a datagram that is not STUN, and its arrival in µs of wall-clock time."""
        ...


def read_stun(data: bytes) -> Message:
    """Return a STUN message; raise ValueError for what is none, or lacks what its class must have."""
    try:
        message = parse_message(data)
    except struct.error as error:  # aioice/stun.py:139 unpacks integers of any length
        raise ValueError("an attribute has a wrong length") from error
    is_check = message.message_class is Class.REQUEST and "MESSAGE-INTEGRITY" in message.attributes
    if (
        is_check and "PRIORITY" not in message.attributes
    ):  # RFC 8445 section 7.1.1; aioice/ice.py:861 expects it
        raise ValueError("a connectivity check without priority")
    return message


class IceSocket(StunProtocol):
    """One UDP socket of an ICE connection. Strangers reach it: nothing that comes in raises, or is answered unknown."""

    receiver: Any  # a DatagramReceiver, besides the aioice.ice.Connection that it is

    @classmethod
    def adopt(cls, stock: StunProtocol) -> IceSocket:
        """Turn a protocol that aioice has made into one of ours."""
        stock.__class__ = cls
        assert isinstance(stock, cls)
        return stock

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Take a datagram from asyncio's own reader, or from a TURN server."""
        self.take(cast(bytes, data), (addr[0], addr[1]), udp.now_us())

    def take(self, data: bytes, address: Address, arrival: int) -> None:
        """Take a datagram and its arrival in µs of wall-clock time."""
        receiver: DatagramReceiver = self.receiver
        if not data or data[0] > 3:  # RFC 7983
            receiver.take(data, address, self, arrival)
            return
        try:
            message = read_stun(data)
        except ValueError:
            REFUSALS.add("stun")
            return
        if message.message_class is Class.REQUEST:
            receiver.request_received(message, address, self)
        elif message.message_class is not Class.INDICATION and message.transaction_id in self.transactions:
            self.transactions[message.transaction_id].response_received(message, address)
