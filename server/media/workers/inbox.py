"""What a worker has been sent: one message after the other, and whether there is another one already."""

from __future__ import annotations

import socket
import ssl
from collections import deque
from typing import Final

from server.media.workers.wire import Messages

READ_SIZE: Final = 1 << 18  # bytes of one read; chosen


class Inbox:
    """Reads the messages of a blocking connection, in order."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._messages = Messages()
        self._read = deque[bytes]()

    def next(self) -> bytes | None:
        """Wait for the next message; None at the end. Raises ValueError for one that is too long, OSError."""
        while not self._read:
            data = self._connection.recv(READ_SIZE)
            if not data:
                return None
            self._read.extend(self._messages.add(data))
        return self._read.popleft()

    def waiting(self) -> bool:
        """Tell, without waiting, whether there is a next message; raises as `next`."""
        if not self._read:
            self._connection.setblocking(False)
            try:
                self._read.extend(self._messages.add(self._connection.recv(READ_SIZE)))
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            finally:
                self._connection.setblocking(True)
        return bool(self._read)
