"""A worker on another machine, as this process sees it: TCP, in mutual TLS 1.3, and otherwise as a process here.

It is not started from here; its own machine does that (`greenroom cluster worker`). While there is no connection it
gets no camera. When one is lost its cameras go on with another worker, after a placeholder.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import deque
from typing import Any, Final

from filters.matting.segmenter import ModelCard
from server.access.certificates import NAME
from server.media.codec.encoder import FilteredVideo
from server.media.workers.base import Owner, Place
from server.media.workers.silence import give_up_when_silent
from server.media.workers.wire import Job, Messages, end_of, read_answer, write_card, write_job

logger = logging.getLogger(__name__)

RETRY: Final = 1.0  # seconds between two tries to connect, and after the end of a connection
CONNECT: Final = 3.0  # seconds that a connection may take; chosen
MAX_WAITING: Final = 1 << 22  # bytes that wait for a worker that takes none, before it is given up

START_LIMIT: Final = 60.0  # seconds until a worker has loaded the network


class RemoteWorker(asyncio.Protocol):
    """One connection to one worker process elsewhere. Made inside a running event loop."""

    def __init__(
        self,
        address: tuple[str, int],
        context: ssl.SSLContext,
        card: ModelCard,
        owner: Owner,
    ) -> None:
        self.ready = False
        """Whether there is a connection, and the worker has loaded the network."""
        self._address, self._context = address, context
        self._card, self._owner = write_card(card), owner
        self._jobs = deque[int]()
        self._connected = 0.0
        self._transport: asyncio.Transport | None = None
        self._messages = Messages()
        self._closed = False
        self._task = asyncio.get_running_loop().create_task(self._connect(0.0))

    @property
    def place(self) -> Place:
        """See AnyWorker."""
        return Place(id(self), here=False)

    @property
    def running(self) -> bool:
        """Whether there is a connection."""
        return self._transport is not None

    def send(self, job: Job) -> None:
        """Send a job, without ever waiting; one that can't be sent is lost with the connection."""
        if self._transport is None:
            return
        if job.frames is not None:
            self._jobs.append(job.camera)
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

    def check(self, now: float) -> None:
        """End a connection whose worker takes too long to load the network; it may serve somebody else."""
        if self.running and not self.ready and now - self._connected > START_LIMIT:
            self.kill()

    def close(self) -> None:
        """End the connection for good, without waiting for the worker's own end of TLS."""
        self._closed = True
        self._task.cancel()
        self.kill()

    async def _connect(self, pause: float) -> None:
        """Connect, after so many seconds: a worker of another version, say, hangs up at once, again and again."""
        loop, told = asyncio.get_running_loop(), False
        await asyncio.sleep(pause)
        while not self._closed:
            try:
                async with asyncio.timeout(CONNECT):
                    await loop.create_connection(
                        lambda: self, *self._address, ssl=self._context, server_hostname=NAME
                    )
                return
            except (OSError, TimeoutError) as error:  # ssl.SSLError is one
                level = logging.DEBUG if told else logging.WARNING  # a certificate that has expired, say
                logger.log(level, "a remote worker can't be reached: %s", error or "no answer")
                told = True
                await asyncio.sleep(RETRY)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        give_up_when_silent(transport.get_extra_info("socket"))
        self._transport, self._messages = transport, Messages()
        self._jobs.clear()
        self._connected = time.monotonic()
        transport.write(self._card)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            for message in self._messages.add(data):
                self._take(*read_answer(message))
        except Exception:  # noqa: BLE001 - a worker that a codec's flaw has taken over may answer anything
            logger.error("a remote worker answers nonsense")
            self.kill()

    def _take(self, answer: dict[str, Any], videos: list[FilteredVideo]) -> None:
        if self.ready:
            self._jobs.popleft()
            self._owner.answer(self, answer, videos)
        else:
            self.ready = True
            logger.info("a remote worker is there")
            self._owner.started(self)

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        camera = self._jobs[0] if self._jobs and self.ready else None
        self._transport, self.ready = None, False
        if not self._closed:
            logger.warning("a remote worker is lost")
            self._owner.lost(self, camera)
            self._task = asyncio.get_running_loop().create_task(self._connect(RETRY))
