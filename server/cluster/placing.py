"""A front's dealings with the directory: where somebody is sent, with which ticket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from aiohttp import ClientError

from server.cluster.front_metrics import FrontMetrics
from server.cluster.links import Links
from server.cluster.messages import Placement
from server.cluster.sealing import Seal, Ticket
from server.cluster.service import DirectoryService, Unreachable, Wait
from server.core.errors import SignalingError

PATIENCE: Final = 20.0  # seconds in which a newcomer's server must be found
RETRY: Final = 0.1  # seconds between two questions to a directory that can't decide yet


class Sent(NamedTuple):
    """Where somebody is sent, and what lets them in there."""

    placement: Placement
    ticket: str


class Placing:
    """One newcomer who looks for the server of a room."""

    def __init__(
        self,
        directory: DirectoryService,
        seal: Seal,
        links: Links,
        metrics: FrontMetrics,
        room: str,
        grant: Mapping[str, Any] | None = None,
    ) -> None:
        self._directory, self._seal, self._links, self._metrics = directory, seal, links, metrics
        self._room, self._grant = room, grant
        self._refused = 0
        self._deadline = time.monotonic() + PATIENCE

    async def send(self) -> Sent:
        """Have the room placed, and its server told what the room was elsewhere; raise SignalingError."""
        start, waited = time.monotonic(), False
        while isinstance(found := await self._find(), Wait):
            waited = True
            if time.monotonic() + found.seconds > self._deadline:
                self._metrics.placed("failed", time.monotonic() - start)
                raise _no_server(found.why, found.code)
            await asyncio.sleep(min(found.seconds, RETRY))
        self._metrics.placed("waited" if waited else "placed", time.monotonic() - start)
        ticket = Ticket(found.server, self._room, found.epoch, found.renewal, self._grant)
        return Sent(found, self._seal.ticket(ticket))

    async def refuse(self, sent: Sent) -> None:
        """Note that the server did not take the newcomer in; raise SignalingError when none does in time."""
        self._refused = sent.placement.epoch
        self._metrics.refusals += 1
        if time.monotonic() > self._deadline:
            raise _no_server("its server takes nobody in")
        await asyncio.sleep(RETRY)

    async def _find(self) -> Placement | Wait:
        """Ask the directory; nobody is sent to a server that does not know yet whom the room lets in."""
        try:
            found = await self._directory.place(self._seal.room_id(self._room), self._refused)
        except Unreachable:
            return Wait(RETRY, "the directory does not answer")
        if isinstance(found, Placement) and found.state is not None and not await self._tell(found):
            return Wait(RETRY, "its server does not answer")
        return found

    async def _tell(self, placement: Placement) -> bool:
        """Give the server the state of a room that moves there; tell whether it has it."""
        try:
            path, state = f"/cluster/rooms/{self._room}", (placement.state or "").encode()
            async with self._links.request(placement.url, "PUT", path, {}, state) as answer:
                return answer.status == HTTPStatus.NO_CONTENT
        except (ClientError, TimeoutError, OSError):
            return False


def _no_server(why: str, code: str = "server-full") -> SignalingError:
    return SignalingError(code, f"There is no server for this room now: {why}.")
