"""Janus' VideoRoom, which forwards and filters nothing: `python -m benchmarks.room_janus N`, for benchmarks.room.

The floor of what handing media on costs. Janus runs in a process of its own; this one translates the signalling
protocol into Janus' API while people join, and does nothing afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.room_counters import serve
from server.janus.client import Handle, JanusSession, connect
from server.janus.videoroom import PLUGIN, start
from tests.support.janus import janus_server

Message = dict[str, Any]

ROOM = 7  # its number at Janus; chosen
BITRATE = 2_000_000  # bit/s that Janus lets a camera send; the clip has less
VIDEO_MID = "0"  # the clients offer it first
POLL = 0.1  # seconds; chosen


@dataclass(eq=False)
class Member:
    """One participant: a handle that publishes, and one that subscribes."""

    id: str
    socket: web.WebSocketResponse
    publish: Handle
    subscribe: Handle
    feed: int = 0


class Room:
    """A room for so many; everybody gets everybody else once all have come."""

    def __init__(self, url: str, size: int) -> None:
        self.members: list[Member] = []
        self._url = url
        self._size = size
        self._session: JanusSession | None = None

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Hold the session, and in it the room, for as long as the application runs."""
        async with connect(self._url) as self._session:
            keeper = await self._session.attach(PLUGIN)
            await keeper.request(
                {"request": "create", "room": ROOM, "publishers": self._size, "bitrate": BITRATE}
            )
            showing = asyncio.create_task(self._show(keeper))
            yield
            showing.cancel()

    async def join(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one WebSocket."""
        assert self._session is not None
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        publish, subscribe = [await self._session.attach(PLUGIN) for _ in range(2)]
        member = Member(f"p{len(self.members)}", socket, publish, subscribe)
        self.members.append(member)
        async for raw in socket:
            await self._dispatch(member, raw.json())
        return socket

    async def _dispatch(self, member: Member, message: Message) -> None:
        match message["type"]:
            case "join":
                await member.socket.send_json({"type": "joined", "participant": member.id})
            case "offer":
                await self._publish(member, message)
            case "answer":
                await start(member.subscribe, message["sdp"])

    async def _publish(self, member: Member, offer: Message) -> None:
        body = {"request": "joinandconfigure", "ptype": "publisher", "room": ROOM}
        reply = await member.publish.request(body, offer=offer["sdp"])
        member.feed = reply.data["id"]
        await member.socket.send_json(
            {"type": "answer", "connection": "publish", "id": offer["id"], "sdp": reply.sdp}
        )

    async def _show(self, keeper: Handle) -> None:
        """Let everybody subscribe once everybody's media flow: before, Janus knows of no feed."""
        flowing = 0
        while flowing < self._size:
            await asyncio.sleep(POLL)
            listed = (await keeper.request({"request": "listparticipants", "room": ROOM})).data
            flowing = sum(participant["publisher"] for participant in listed["participants"])
        for viewer in self.members:
            await self._subscribe(viewer)

    async def _subscribe(self, viewer: Member) -> None:
        owners = {member.feed: member.id for member in self.members}
        wanted: list[Message] = [{"feed": feed} for feed in owners if feed != viewer.feed]
        wanted.append({"feed": viewer.feed, "mid": VIDEO_MID})  # as Greenroom shows everybody themselves
        body = {"request": "join", "ptype": "subscriber", "room": ROOM, "streams": wanted}
        reply = await viewer.subscribe.request(body)
        streams = [
            {"mid": each["mid"], "participant": owners[each["feed_id"]], "kind": each["type"]}
            for each in reply.data["streams"]
        ]
        offer = {"type": "offer", "connection": "subscribe", "id": 1, "sdp": reply.sdp, "streams": streams}
        await viewer.socket.send_json(offer)


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("participants", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, janus_server(Path(folder)) as janus:
        if janus is None:
            parser.error("Janus is not installed (Debian: apt-get install janus)")
        room = Room(janus.url, options.participants)
        app = web.Application()
        app.cleanup_ctx.append(room.run)
        app.router.add_get("/ws", room.join)
        asyncio.run(serve(app))


if __name__ == "__main__":
    main()
