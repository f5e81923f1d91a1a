"""The UDP sockets below aioice: drained at once, with the kernel's arrival times, and never queued up."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from aioice.ice import StunProtocol
from aioice.turn import TurnTransport

MAX_DATAGRAM = 1500
"""Nothing longer is SRTP or DTLS of ours; pylibsrtp raises ValueError above it."""
RECEIVE_BUFFER = 1 << 20
"""Bytes in the kernel: a second at 8 Mbit/s; Linux gives no more than net.core.rmem_max."""
BATCH = 64
"""Datagrams read in one turn of the event loop."""
SO_TIMESTAMPNS = 35
"""asm-generic/socket.h; Python's socket module has no name for it. The control message's type is the same."""
UDP_SEGMENT = 103
"""linux/udp.h; since Linux 4.18."""
MAX_SEGMENTS = 64  # datagrams in one call: UDP_MAX_SEGMENTS of Linux, 128 in new ones
MAX_SEGMENTED = 65_000  # bytes in one call; an IPv4 datagram holds 65,507
SEGMENTATION = sys.platform == "linux" and hasattr(socket, "SOL_UDP")
TURN_BACKLOG = 128  # datagrams that wait to be wrapped; chosen
TURN_BUFFER = 1 << 16  # bytes; asyncio's high-water mark for a transport

Take = Callable[[bytes, tuple[str, int], int], None]
"""Takes a datagram, whom it is from, and its arrival in µs of wall-clock time."""


def now_us() -> int:
    return time.time_ns() // 1000


def take_over(protocol: StunProtocol, take: Take) -> bool:
    """Read the socket of `protocol` until it is empty, instead of one datagram per turn of the event loop.

    `take` gets the kernel's time stamp (SO_TIMESTAMPNS), which is free of the loop's own delay;
    aiortc/rtcdtlstransport.py:668 stamps after it. Returns False, with only the buffer changed, where that can't
    be done: not Linux, not asyncio's selector loop, a TURN allocation.
    """
    transport: Any = protocol.transport
    wrapped = transport.get_extra_info("socket")
    if wrapped is None:
        return False
    wrapped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    loop: Any = asyncio.get_running_loop()
    sock: socket.socket | None = getattr(transport, "_sock", None)
    if sys.platform != "linux" or sock is None or not hasattr(loop, "_add_reader"):
        return False
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    # The public add_reader refuses a transport's descriptor. Closing the transport removes the reader.
    loop._add_reader(sock.fileno(), _drain, protocol, sock, take)
    return True


def _drain(protocol: StunProtocol, sock: socket.socket, take: Take) -> None:
    for _ in range(BATCH):
        if protocol.transport.is_closing():
            return
        try:
            data, control, _flags, address = sock.recvmsg(MAX_DATAGRAM + 1, 64)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:  # an ICMP error for something sent earlier
            protocol.error_received(error)
            return
        take(data, address[:2], _stamp(control))


def _stamp(control: list[tuple[int, int, bytes]]) -> int:
    for level, kind, value in control:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(value) == 16:
            seconds, nanoseconds = struct.unpack("qq", value)
            return int(seconds * 1_000_000 + nanoseconds // 1000)
    return now_us()


def send_all(
    transport: asyncio.DatagramTransport | TurnTransport, datagrams: Sequence[bytes], address: tuple[str, int]
) -> None:
    """Send datagrams to one address, with one system call (udp(7), UDP_SEGMENT) where only the last is shorter.

    What the socket does not take is lost, as on the network.
    """
    sock: socket.socket | None = getattr(transport, "_sock", None) if SEGMENTATION else None
    while datagrams:
        run = _segments(datagrams) if sock is not None else 1
        if sock is None or run == 1:
            transport.sendto(datagrams[0], address)
        elif not _send_segments(sock, datagrams[:run], address):
            for datagram in datagrams[:run]:
                transport.sendto(datagram, address)
        datagrams = datagrams[run:]


def _segments(datagrams: Sequence[bytes]) -> int:
    """Return how many of the first datagrams can go together."""
    size, count, total = len(datagrams[0]), 0, 0
    for datagram in datagrams[:MAX_SEGMENTS]:
        total += len(datagram)
        if len(datagram) > size or total > MAX_SEGMENTED:
            break
        count += 1
        if len(datagram) < size:
            break
    return max(1, count)


def _send_segments(sock: socket.socket, datagrams: Sequence[bytes], address: tuple[str, int]) -> bool:
    control = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("H", len(datagrams[0])))]
    try:
        sock.sendmsg(datagrams, control, 0, address)
    except BlockingIOError:
        return True
    except OSError:  # no such thing on this way, or an ICMP error for something sent earlier
        return False
    return True


def is_congested(transport: asyncio.DatagramTransport | TurnTransport) -> bool:
    """Whether a datagram sent now would be queued in this process and not in the kernel."""
    if isinstance(transport, TurnTransport):
        private: Any = transport
        inner = private._TurnTransport__inner_protocol.transport
        waiting = len(private._TurnTransport__send_tasks)
        return waiting > TURN_BACKLOG or inner.get_write_buffer_size() > TURN_BUFFER
    private = transport
    return bool(private.get_write_buffer_size())
