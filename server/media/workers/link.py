"""A worker on another machine, as this process sees it: TCP, in mutual TLS 1.3, and otherwise as a process here.

It is not started from here; its own machine does that (`greenroom cluster worker`). While there is no connection it
gets no camera. When one is lost its cameras go on with another worker, after a placeholder.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from server.access.certificates import NAME
from server.media.codec.encoder import FilteredVideo
from server.media.workers.wire import Job, Messages, end_of, read_answer, write_job

logger = logging.getLogger(__name__)

RETRY: Final = 1.0  # seconds between two tries to connect
CONNECT: Final = 3.0  # seconds that a connection may take
MAX_WAITING: Final = 1 << 22  # bytes that wait for a worker that takes none, before it is given up

OnAnswer: TypeAlias = Callable[["RemoteWorker", dict[str, Any], list[FilteredVideo]], None]
OnLost: TypeAlias = Callable[["RemoteWorker"], None]


class RemoteWorker(asyncio.Protocol):
    """One connection to one worker process elsewhere. Made inside a running event loop."""

    def __init__(
        self,
        address: tuple[str, int],
        context: ssl.SSLContext,
        on_answer: OnAnswer,
        on_lost: OnLost,
    ) -> None:
        self._address, self._context = address, context
        self._on_answer, self._on_lost = on_answer, on_lost
        self._transport: asyncio.Transport | None = None
        self._messages = Messages()
        self._closed = False
        self._task = asyncio.get_running_loop().create_task(self._connect())

    @property
    def ready(self) -> bool:
        """Tell whether it can be given a camera."""
        return self._transport is not None

    def send(self, job: Job) -> None:
        """Send a job, without ever waiting; one that can't be sent is lost with the connection."""
        if self._transport is None:
            return
        self._transport.write(write_job(job))
        if self._transport.get_write_buffer_size() > MAX_WAITING:
            self.kill()

    def close_camera(self, camera: int) -> None:
        """Have a camera forgotten."""
        self.send(end_of(camera))

    def kill(self) -> None:
        """End the connection; the worker forgets its cameras then, and it is tried again."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End the connection for good."""
        self._closed = True
        self._task.cancel()
        if self._transport is not None:
            self._transport.close()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closed:
            try:
                async with asyncio.timeout(CONNECT):
                    await loop.create_connection(
                        lambda: self, *self._address, ssl=self._context, server_hostname=NAME
                    )
                return
            except (OSError, TimeoutError) as error:  # ssl.SSLError is one
                logger.debug("a remote worker can't be reached: %s", error)
                await asyncio.sleep(RETRY)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._messages = transport, Messages()
        logger.info("a remote worker is there")

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            for message in self._messages.add(data):
                self._on_answer(self, *read_answer(message))
        except Exception:  # noqa: BLE001 - a worker that a codec's flaw has taken over may answer anything
            logger.error("a remote worker answers nonsense")
            self.kill()

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._transport = None
        if not self._closed:
            logger.warning("a remote worker is lost")
            self._on_lost(self)
            self._task = asyncio.get_running_loop().create_task(self._connect())
