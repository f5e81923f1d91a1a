"""A server of the tests' own: the real page, and the signalling protocol without media."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from server.app import HEADERS
from server.config import STATIC

BACKGROUNDS = [
    {"id": "blur", "kind": "blur", "title": "Soft blur", "thumbnail": None},
    {"id": "fjord", "kind": "picture", "title": "Fjord", "thumbnail": "/static/favicon.svg"},
]
LIMITS = {
    "uploadBytes": 10 << 20,
    "video": {"width": 640, "height": 360, "frameRate": 30, "maxBitrate": 1_500_000},
}


class FakeServer:
    """Serves the real page; answers joins, and keeps what it is sent."""

    def __init__(self) -> None:
        self.url = ""
        self.others: list[dict[str, Any]] = []
        self.refuse: str | None = None
        self.sockets: list[web.WebSocketResponse] = []
        self.uploads: list[tuple[str, bytes]] = []
        self._messages: list[dict[str, Any]] = []
        self._news = asyncio.Condition()

    def messages(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of a type so far."""
        return [message for message in self._messages if message["type"] == kind]

    async def expect(self, kind: str, number: int = 1) -> dict[str, Any]:
        """Wait for the number-th message of a type."""
        async with asyncio.timeout(15), self._news:
            await self._news.wait_for(lambda: len(self.messages(kind)) >= number)
        return self.messages(kind)[number - 1]

    async def page(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "index.html", headers=HEADERS)

    async def backgrounds(self, _: web.Request) -> web.Response:
        return web.json_response(BACKGROUNDS)

    async def upload(self, request: web.Request) -> web.Response:
        self.uploads.append((request.headers["Authorization"], await request.read()))
        picture = {"id": "upload:1", "kind": "picture", "title": "Yours", "thumbnail": None, "mine": True}
        return web.json_response(picture, status=201)

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for frame in socket:
            message = json.loads(frame.data)
            if message["type"] == "join":
                await self._answer(socket, message)
            if message["type"] == "background":
                await socket.send_json(message)
            async with self._news:
                self._messages.append(message)
                self._news.notify_all()
        return socket

    async def _answer(self, socket: web.WebSocketResponse, join: dict[str, Any]) -> None:
        if self.refuse:
            await socket.send_json(error(self.refuse))
            return
        me = participant("me", join["name"])
        await socket.send_json(
            {
                "type": "joined",
                "version": 1,
                "participant": "me",
                "seat": "secret",
                "room": join["room"],
                "participants": [me, *self.others],
                "backgrounds": BACKGROUNDS,
                "background": join.get("background", "blur"),
                "iceServers": [],
                "model": {"name": "fake", "sha256": "0" * 64},
                "limits": LIMITS,
            }
        )


def participant(identity: str, name: str) -> dict[str, Any]:
    return {"id": identity, "name": name, "audio": True, "video": False, "connected": True}


def error(code: str) -> dict[str, Any]:
    return {"type": "error", "code": code, "message": "…", "fatal": True}


@contextlib.asynccontextmanager
async def fake_server() -> AsyncIterator[FakeServer]:
    """Run one on a free port."""
    fake = FakeServer()
    app = web.Application(client_max_size=1 << 24)
    app.add_routes(
        [
            web.get("/", fake.page),
            web.get("/r/{room}", fake.page),
            web.get("/ws", fake.websocket),
            web.get("/api/backgrounds", fake.backgrounds),
            web.post("/api/rooms/{room}/backgrounds", fake.upload),
            web.static("/static", STATIC),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()
