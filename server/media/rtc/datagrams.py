"""Encrypts the packets of a frame and sends them in one call, where the C extension for it is built."""

from __future__ import annotations

import asyncio
from typing import Any

import pylibsrtp
from aioice.turn import TurnTransport

from filters.kernels import WANTED, library

ffi: Any = None
extension: Any = None
"""The library of src/datagrams.c; None where pylibsrtp and udp do its work."""


def _load() -> int:
    """Take the library and return the address of libsrtp's srtp_protect; 0 where one of them can't be had."""
    global extension, ffi
    try:
        found = library("server.media.rtc._datagrams", WANTED)
        # pylibsrtp's own binding, which it has had since 0.6: cffi's, in API mode.
        from pylibsrtp._binding import ffi as binding
        from pylibsrtp._binding import lib

        address = int(binding.cast("uintptr_t", binding.addressof(lib, "srtp_protect")))
    except (ImportError, AttributeError):
        return 0
    extension, ffi = found, binding
    return address


PROTECT = _load()


def send(
    session: pylibsrtp.Session,
    transport: asyncio.DatagramTransport | TurnTransport,
    packets: list[bytes],
    address: tuple[str, int],
) -> int | None:
    """Encrypt RTP packets and send them to `address`, by as few system calls as udp.send_all; return their bytes.

    Returns None, having done nothing, where that can't be done: no extension, TURN, a host that is not a number.
    Raises ValueError for a packet that can't be encrypted. What the socket does not take is lost, as on the network.
    """
    if extension is None:
        return None
    private: Any = session
    sock = getattr(transport, "_sock", None)
    if sock is None:
        return None
    pointer = int(ffi.cast("uintptr_t", private._srtp[0]))
    sent: int | None = extension.send(PROTECT, pointer, sock.fileno(), address[0], address[1], packets)
    return sent
