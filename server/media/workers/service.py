"""A worker that serves servers of other machines: one at a time, with its network, over mutual TLS 1.3."""

from __future__ import annotations

import logging
import socket
import ssl
from pathlib import Path
from threading import Lock, Semaphore, Thread
from typing import Final

from filters.base import FilterError
from server.access.certificates import tls_context
from server.media.workers.program import forget, run
from server.media.workers.silence import give_up_when_silent

logger = logging.getLogger(__name__)

HANDSHAKE: Final = 3.0  # seconds; chosen
HANDSHAKES: Final = 256  # at a time, a thread each; chosen


def serve(address: str, port: int, secret: Path, smoother: str) -> None:
    """Listen and work until the process ends; raise ConfigError, OSError."""
    reception = _Reception(tls_context(secret, server=True), smoother)
    with socket.create_server((address, port)) as listening:
        logger.info("a worker listens at %s:%d", *listening.getsockname()[:2])
        while True:
            connection, _ = listening.accept()
            reception.receive(connection)


class _Reception:
    """Works for the first who has a certificate of the cluster. Nobody waits for others who have yet to show one."""

    def __init__(self, context: ssl.SSLContext, smoother: str) -> None:
        self._context, self._smoother = context, smoother
        self._handshakes = Semaphore(HANDSHAKES)
        self._working = Lock()

    def receive(self, connection: socket.socket) -> None:
        """Hear who somebody is; while there is a server, or too many are heard, they are sent off."""
        if self._working.locked() or not self._handshakes.acquire(blocking=False):
            connection.close()
        else:
            Thread(target=self._hear, args=(connection,), daemon=True).start()

    def _hear(self, connection: socket.socket) -> None:
        with connection:
            try:
                link = self._shake_hands(connection)
            except OSError as error:  # ssl.SSLError is one
                logger.info("somebody is no server of the cluster: %s", error)
                return
            finally:
                self._handshakes.release()
            with link:
                if self._working.acquire(blocking=False):
                    try:
                        _work(link, self._smoother)
                    finally:
                        forget(everything=True)
                        self._working.release()

    def _shake_hands(self, connection: socket.socket) -> ssl.SSLSocket:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        give_up_when_silent(connection)
        connection.settimeout(HANDSHAKE)
        link = self._context.wrap_socket(connection, server_side=True)
        link.settimeout(None)
        return link


def _work(link: ssl.SSLSocket, smoother: str) -> None:
    """Work for one server until it is gone."""
    try:
        run(link, smoother)
    except OSError as error:  # ssl.SSLError is one
        logger.info("a server is gone: %s", error)
    except (ValueError, KeyError, TypeError, FilterError):
        logger.exception("a server sends nonsense")
