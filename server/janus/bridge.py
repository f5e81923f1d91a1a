"""Filtered copies of everybody who publishes in a private room of Janus, in a public one.

Janus' offers go to a participant's Publisher, and what Janus gets comes from a Caller, as with any other camera: the
public room is sent what a VideoPublication lets through, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator

from aiohttp import web
from prometheus_client import Gauge

from server.config.options import Config
from server.core.backoff import Backoff
from server.core.errors import JanusError
from server.http.app_keys import ROOMS
from server.http.health import METRICS
from server.janus import videoroom
from server.janus.client import LOST, Handle, JanusSession, Message, connect
from server.janus.relay import FIRST_PAUSE, LONGEST_PAUSE, Relay, RoomPair
from server.janus.videoroom import PLUGIN, Feed, Id, JanusRoom, room_id
from server.rooms.rooms import Rooms

logger = logging.getLogger(__name__)

DISPLAY = "Greenroom"
NOT_IN_ROOM_NAMES = re.compile(r"[^a-z0-9._-]")
MAX_ROOM_NAME = 64  # characters, as policy.ROOM_NAME has it


def add_bridge(app: web.Application, config: Config) -> None:
    """Add a bridge, if one is configured, to an application that has ROOMS."""

    async def run(app: web.Application) -> AsyncIterator[None]:
        bridge = Bridge(config, app[ROOMS])
        if METRICS in app:
            Gauge(
                "greenroom_janus_connected",
                "Whether the private room of Janus is being followed.",
                registry=app[METRICS].registry,
            ).set_function(lambda: bridge.connected)
        yield
        await bridge.close()

    if config.janus_server:
        app.cleanup_ctx.append(run)


class Bridge:
    """Follows the private room, for as long as it lives. Made inside a running event loop."""

    def __init__(self, config: Config, rooms: Rooms) -> None:
        self.connected = False
        """Whether the private room is being followed."""
        self._config = config
        self._rooms = rooms
        self._private = JanusRoom(room_id(config.janus_private), config.janus_private_pin, "janus_private")
        self._public = JanusRoom(room_id(config.janus_public), config.janus_public_pin, "janus_public")
        self._people: dict[Id, Relay] = {}
        self._complaint = ""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End it here and there."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        backoff, config = Backoff(FIRST_PAUSE, LONGEST_PAUSE), self._config
        credentials = {"api_secret": config.janus_secret, "token": config.janus_token}
        while True:
            try:
                async with connect(config.janus_server, **credentials) as session:
                    await self._follow(session, backoff)
            except JanusError as error:
                self._complain(str(error))
            except Exception as error:  # noqa: BLE001 - whatever Janus says, it is tried again
                self._complain(f"Janus sent what can't be read: {type(error).__name__}")
            await asyncio.sleep(backoff.pause())

    async def _follow(self, session: JanusSession, backoff: Backoff) -> None:
        """Copy whoever publishes, until the session is lost. Raises JanusError."""
        handle = await session.attach(PLUGIN)
        await videoroom.expect(handle, self._public)
        private_id, feeds = await videoroom.watch(handle, self._private, DISPLAY)
        pair = RoomPair(session, self._private, self._public, private_id, self._name)
        logger.info("the bridge to Janus is up")
        self.connected, self._complaint = True, ""
        backoff.reset()
        try:
            await self._copy(pair, handle, feeds)
        finally:
            self.connected = False
            await asyncio.gather(*(bridged.close() for bridged in self._people.values()))
            self._people.clear()
        raise JanusError(LOST, "the connection is lost")

    @property
    def _name(self) -> str:
        """What the room of ours is called in which those who are bridged are."""
        return ("janus-" + NOT_IN_ROOM_NAMES.sub("-", str(self._private.id).lower()))[:MAX_ROOM_NAME]

    async def _copy(self, pair: RoomPair, handle: Handle, feeds: list[Feed]) -> None:
        for feed in feeds:
            await self._add(pair, feed)
        async for notice in handle.notices():
            data = notice.data
            if data.get("videoroom") == "destroyed":
                raise JanusError(videoroom.NO_SUCH_ROOM, "the private room is no more")
            if videoroom.kicked(data):
                raise JanusError(LOST, "somebody has kicked the bridge out of the private room")
            for feed in videoroom.feeds(data):
                await self._add(pair, feed)
            for gone in (data.get("unpublished"), data.get("leaving"), data.get("kicked")):
                await self._remove(gone)
            await self._rename(data)

    async def _add(self, pair: RoomPair, feed: Feed) -> None:
        """Copy a publisher who is new, or has other streams now."""
        await self._remove(feed.id)
        self._people[feed.id] = Relay(self._config, self._rooms, pair, feed)

    async def _remove(self, feed: object) -> None:
        bridged = self._people.pop(feed, None) if isinstance(feed, int | str) else None
        if bridged is not None:
            await bridged.close()

    async def _rename(self, data: Message) -> None:
        bridged = self._people.get(data.get("id", ""))
        if bridged is not None and "display" in data and "publishers" not in data:
            await bridged.rename(str(data["display"]))

    def _complain(self, complaint: str) -> None:
        """Say once what is wrong, and what to do about it."""
        if complaint != self._complaint:
            logger.warning("the bridge to Janus waits and tries again: %s", complaint)
        self._complaint = complaint
