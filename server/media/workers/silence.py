"""A TCP connection whose other end falls silent, as when a machine or the network to it is gone."""

from __future__ import annotations

import socket
from typing import Final

IDLE: Final = 5  # seconds of silence until the other end is asked whether it is there; chosen
INTERVAL: Final = 2  # seconds between two such questions; chosen
TRIES: Final = 3  # questions without an answer after which the connection is given up; chosen
PROBING: Final = {"TCP_KEEPIDLE": IDLE, "TCP_KEEPINTVL": INTERVAL, "TCP_KEEPCNT": TRIES}
MILLISECONDS: Final = 1000  # in a second; the unit of TCP_USER_TIMEOUT


def give_up_when_silent(connection: socket.socket) -> None:
    """Have a connection end when nothing has come of the other end for some ten seconds, as far as the system can."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in PROBING.items():
        _set(connection, name, value)
    # While something waits for an acknowledgement nobody is asked: it is sent again, for a quarter of an hour.
    _set(connection, "TCP_USER_TIMEOUT", (IDLE + INTERVAL * TRIES) * MILLISECONDS)


def _set(connection: socket.socket, name: str, value: int) -> None:
    if hasattr(socket, name):
        connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
