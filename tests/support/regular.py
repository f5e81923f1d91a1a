"""Somebody who comes back by themselves, as the page does: with the same seat, again and again."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable
from itertools import pairwise

import aiohttp
import av

from filters.base import new_frame
from tests.support.client import CameraTrack, Client

RETRY = 0.25  # seconds, as the page's first retry


def grey(number: int) -> av.VideoFrame:
    frame, planes = new_frame(160, 96)
    planes.y[:], planes.u[:], planes.v[:] = 60 + number % 100, 128, 128
    return frame


class Regular:
    """One participant with a camera; `start` it, and `leave` in the end."""

    def __init__(self, url: str, room: str, name: str) -> None:
        self.joined: dict[str, object] = {}
        self.arrivals = 0
        self.seen: list[float] = []
        """When each frame of somebody else came, in seconds."""
        self._url, self._room, self._name = url, room, name
        self._seat = ""
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Come in."""
        self._task = asyncio.create_task(self._stay())
        await self.until(lambda: self.arrivals == 1)

    @staticmethod
    async def until(met: Callable[[], bool], limit: float = 60.0) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(limit):
            while not met():
                await asyncio.sleep(0.01)

    async def together(self, since: float | None = None, limit: float = 60.0) -> float:
        """Wait for a frame of somebody else after `since`; return how long after that it came."""
        start = time.monotonic() if since is None else since
        await self.until(lambda: bool(self.seen) and self.seen[-1] > start, limit)
        return next(when for when in self.seen if when > start) - start

    def longest_gap(self, since: float) -> float:
        """Return the longest time without a frame since then."""
        times = [since, *(when for when in self.seen if when > since), time.monotonic()]
        return max(b - a for a, b in pairwise(times))

    async def _stay(self) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError, TimeoutError, OSError):
                await self._once()
            await asyncio.sleep(RETRY)

    async def _once(self) -> None:
        client = self._client = Client(self._url, self._room, self._look)
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(self._url.replace("http", "ws", 1) + "/ws", max_msg_size=0)
            reading = client.listen(socket)
            try:
                message = {"type": "join", "version": 1, "room": self._room, "name": self._name}
                await client.send(message | ({"seat": self._seat} if self._seat else {}))
                arriving = asyncio.create_task(client.wait_for("joined", 30))
                await asyncio.wait({arriving, reading}, return_when=asyncio.FIRST_COMPLETED)
                if not arriving.done():
                    arriving.cancel()
                    return
                self.joined = arriving.result()
                client.id, self._seat = str(self.joined["participant"]), str(self.joined["seat"])
                self.arrivals += 1
                await client.publish(CameraTrack(grey, rate=10))
                await asyncio.shield(reading)
            finally:
                await client.close(say_goodbye=False)

    def _look(self, owner: str, _: av.VideoFrame) -> None:
        if self._client is not None and owner != self._client.id:
            self.seen.append(time.monotonic())

    def told(self, kind: str) -> int:
        """Return how many messages of a type have come since the last arrival."""
        return sum(message["type"] == kind for message in self._client.messages) if self._client else 0

    async def say(self, message: dict[str, object]) -> None:
        """Send a message of the protocol."""
        assert self._client is not None
        await self._client.send(message)

    async def leave(self) -> None:
        """Go for good, and say so."""
        if self._client is not None and self._client._socket is not None:
            with contextlib.suppress(ConnectionError):
                await self.say({"type": "leave"})
        await self.vanish()

    async def vanish(self) -> None:
        """Go for good, without a word."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._client = None
        gc.collect()
