"""A worker that serves servers of other machines: one at a time, with its network, over mutual TLS 1.3."""

from __future__ import annotations

import logging
import socket
import ssl
from pathlib import Path
from typing import Final

from filters.base import FilterError
from server.access.certificates import tls_context
from server.media.workers.program import forget, run
from server.media.workers.silence import give_up_when_silent

logger = logging.getLogger(__name__)

HANDSHAKE: Final = 3.0  # seconds; chosen


def serve(address: str, port: int, secret: Path, smoother: str) -> None:
    """Listen and work until the process ends; raise ConfigError, OSError."""
    context = tls_context(secret, server=True)
    with socket.create_server((address, port)) as listening:
        logger.info("a worker listens at %s:%d", *listening.getsockname()[:2])
        while True:
            connection, _ = listening.accept()
            with connection:
                _work(connection, context, smoother)
            forget(everything=True)


def _work(connection: socket.socket, context: ssl.SSLContext, smoother: str) -> None:
    """Work for one server until it is gone. Who has no certificate of the cluster is sent off unheard."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    give_up_when_silent(connection)
    try:
        connection.settimeout(HANDSHAKE)
        with context.wrap_socket(connection, server_side=True) as link:
            link.settimeout(None)
            run(link, smoother)
    except OSError as error:  # ssl.SSLError is one
        logger.info("a server is gone: %s", error)
    except (ValueError, KeyError, TypeError, FilterError):
        logger.exception("a server sends nonsense")
