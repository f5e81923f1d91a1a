"""The directory as a service: what servers and fronts call, in the same process or, as an actor, from any machine."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from server.cluster.directory import LEASE, Directory, NotYet
from server.cluster.messages import Move, Placement, Report

PATIENCE: Final = 20.0  # seconds after which who waits for moves asks again: a lost caller is not waited for


class Wait(NamedTuple):
    """Nobody may place the room for so many seconds."""

    seconds: float
    why: str
    code: str = "server-full"
    """The error for whom there is no time to wait."""


class Renewed(NamedTuple):
    """The answer to a renewal."""

    changed: Mapping[str, int]
    """See Directory.renew."""
    drain: float | None
    """Seconds within which the server shall end; None for none."""


class Unreachable(Exception):
    """The directory does not answer."""


class DirectoryService(Protocol):
    """What may be asked of a directory, wherever it is. Every call raises Unreachable."""

    async def renew(self, name: str, number: int, report: Report) -> Renewed: ...

    async def lost(self, name: str) -> None: ...

    async def place(self, room: str, refused: int) -> Placement | Wait: ...

    async def find(self, room: str) -> Placement | None: ...

    async def servers(self) -> list[str]: ...

    async def moves(self, after: int) -> list[Move]: ...

    async def drain(self, node: str, limit: float) -> None: ...

    async def snapshot(self) -> dict[str, Any]: ...


class LocalDirectory:
    """The DirectoryService itself. Made inside a running event loop."""

    def __init__(self, *, fresh: bool = False) -> None:
        """Begin to listen; not where it is `fresh`, because there can't have been a directory before."""
        now = time.monotonic()
        self._directory = Directory(now - LEASE if fresh else now)
        self._drains: dict[str, float] = {}
        self._moved = asyncio.Condition()

    async def renew(self, name: str, number: int, report: Report) -> Renewed:
        """See Directory.renew."""
        changed = self._directory.renew(name, number, report, now=time.monotonic())
        return Renewed(changed, self._drains.get(node_of(name)))

    async def lost(self, name: str) -> None:
        """See Directory.lost."""
        self._directory.lost(name, now=time.monotonic())

    async def place(self, room: str, refused: int) -> Placement | Wait:
        """See Directory.place; NotYet is returned."""
        try:
            placement = self._directory.place(room, now=time.monotonic(), refused=refused)
        except NotYet as error:
            return Wait(error.seconds, str(error), error.code)
        async with self._moved:
            self._moved.notify_all()
        return placement

    async def find(self, room: str) -> Placement | None:
        """See Directory.find."""
        return self._directory.find(room, now=time.monotonic())

    async def servers(self) -> list[str]:
        """See Directory.servers."""
        return self._directory.servers(now=time.monotonic())

    async def moves(self, after: int) -> list[Move]:
        """Wait for moves under epochs above `after`, for PATIENCE at most, and return them."""
        async with self._moved:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._moved.wait_for(lambda: self._directory.moves(after))
            except TimeoutError:
                return []
        return self._directory.moves(after)

    async def drain(self, node: str, limit: float) -> None:
        """Have the servers of a node take in nobody, and end when the last has left or after `limit` seconds."""
        self._drains[node] = limit

    async def snapshot(self) -> dict[str, Any]:
        """See Directory.snapshot."""
        return self._directory.snapshot(now=time.monotonic())


def server_name(node: str) -> str:
    """Return what a new server's process is called in the directory: its node and something of its own."""
    return f"{node}/{secrets.token_hex(4)}"


def node_of(name: str) -> str:
    """Return the node of a server."""
    return name.rpartition("/")[0]
