"""A server of the tests' own: the real page, and the signalling protocol without media."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, TypeAlias
from urllib.parse import unquote

from aiohttp import web

from server.app import HEADERS, compress
from server.http.page import add_page

Message: TypeAlias = dict[str, Any]

BACKGROUNDS: list[Message] = [
    {"id": "blur", "kind": "blur", "title": "Soft blur", "thumbnail": None},
    {"id": "blur-strong", "kind": "blur", "title": "Strong blur", "thumbnail": None},
    {
        "id": "fjord",
        "kind": "picture",
        "title": "Fjord",
        "thumbnail": "/static/backgrounds/fjord.thumb.jpg",
    },
]
LIMITS = {
    "uploadBytes": 10 << 20,
    "uploads": 8,
    "chat": 2000,
    "caption": 300,
    "fileBytes": 1000,
    "video": {"width": 1280, "height": 720, "frameRate": 30, "maxBitrate": 2_500_000, "scaleDown": 2.0},
    "screen": {"width": 1920, "height": 1080, "frameRate": 15, "maxBitrate": 2_500_000},
    "recording": "policy",
    "deviceFilter": "optional",
    "invitations": "pin",
    "invitationLifetime": 604_800,
}
POLICY = {
    "locked": False,
    "waitingRoom": False,
    "backgrounds": "any",
    "screenShare": "allowed",
    "recording": False,
    "deviceFilter": "optional",
    "unmute": "allowed",
    "captions": True,
    "files": False,
}
MODEL = {"name": "fake", "sha256": "0123456789abcdef" * 4, "leak": 0.35, "union": 4.8}
COUNTERS = {
    "received": 900,
    "filtered": 890,
    "covered": 4,
    "slated": 5,
    "repeated": 1,
    "withheld": 0,
    "errors": 0,
    "raw": 0,
}
NOW = 1_719_829_384_123  # ms since 1970


class FakeServer:
    """Serves the real page; answers for an otherwise silent room, and keeps what it is sent."""

    def __init__(self) -> None:
        self.url = ""
        self.others: list[Message] = []
        self.role = "guest"
        self.policy: Message = dict(POLICY)
        self.refuse: str | None = None
        self.pin = ""
        """What a join has to show, if anything."""
        self.how = "pin"
        """How hosts invite people."""
        self.invitations: list[Message] = []
        self.grant: Message | None = None
        self.forced_name = ""
        self.restricted: Message = {}
        """What one's token makes of the policy."""
        self.refuse_entry: str | None = None
        self.redirect: tuple[str, str] | None = None
        self.held = False
        self.followed = "off"
        self.recording: Message | None = None
        self.receipt: Message | None = None
        self.receipt_key: Message = {}
        self.chat: list[Message] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.uploads: list[tuple[str, bytes]] = []
        self.deleted: list[str] = []
        self.files: list[tuple[str, str, bytes]] = []
        """Name, reader and content of each file that was put into the chat."""
        self.refuse_file = ""
        self.take_files = asyncio.Event()
        """Until then no file's body is read."""
        self.take_files.set()
        self.me: Message = {}
        self._messages: list[Message] = []
        self._news = asyncio.Condition()

    def messages(self, kind: str) -> list[Message]:
        """Return the messages of a type so far."""
        return [message for message in self._messages if message["type"] == kind]

    async def expect(self, kind: str, number: int = 1) -> Message:
        """Wait for the number-th message of a type."""
        async with asyncio.timeout(15), self._news:
            await self._news.wait_for(lambda: len(self.messages(kind)) >= number)
        return self.messages(kind)[number - 1]

    async def until(self, kind: str, **fields: object) -> Message:
        """Wait for a message of a type with these fields."""

        def found() -> Message | None:
            fitting = (m for m in self.messages(kind) if fields.items() <= m.items())
            return next(fitting, None)

        async with asyncio.timeout(15), self._news:
            await self._news.wait_for(found)
        message = found()
        assert message is not None
        return message

    async def send(self, kind: str, **fields: object) -> None:
        """Tell the page something."""
        await self.sockets[-1].send_json({"type": kind, **fields})

    async def key(self, _: web.Request) -> web.Response:
        return web.json_response(self.receipt_key)

    async def backgrounds(self, _: web.Request) -> web.Response:
        return web.json_response(BACKGROUNDS)

    async def upload(self, request: web.Request) -> web.Response:
        self.uploads.append((request.headers["Authorization"], await request.read()))
        number = len(self.uploads)
        picture = {"id": f"upload:{number}", "kind": "picture", "title": "Yours", "thumbnail": None}
        return web.json_response(picture | {"mine": True}, status=201)

    async def delete(self, request: web.Request) -> web.Response:
        self.deleted.append(request.match_info["key"])
        return web.Response(status=204)

    async def put_file(self, request: web.Request) -> web.Response:
        await self.take_files.wait()
        if request.transport is None:
            return web.Response(status=400)  # cancelled
        if self.refuse_file:
            return web.json_response({"code": self.refuse_file, "message": "…"}, status=409)
        data, to = await request.read(), request.query.get("to")
        name = unquote(request.headers["File-Name"])
        self.files.append((name, to or "", data))
        file = {"id": f"f{len(self.files)}", "size": len(data)}
        chat = self.say("me", name, to)
        chat["file"] = file
        await self.send("chat", chat=chat)
        return web.json_response(file, status=201)

    async def get_file(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != "Bearer secret":
            return web.Response(status=401)
        number = int(request.match_info["key"].removeprefix("f"))
        if number > len(self.files):
            return web.json_response({"code": "unknown-file", "message": "…"}, status=404)
        return web.Response(body=self.files[number - 1][2], content_type="application/octet-stream")

    async def delete_file(self, request: web.Request) -> web.Response:
        if self.refuse_file:
            return web.json_response({"code": self.refuse_file, "message": "…"}, status=403)
        await self.send("file-deleted", file=request.match_info["key"])
        return web.Response(status=204)

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for frame in socket:
            message = json.loads(frame.data)
            for answer in self._answers(message):
                await socket.send_json(answer)
            async with self._news:
                self._messages.append(message)
                self._news.notify_all()
        return socket

    def _answers(self, message: Message) -> list[Message]:
        match message["type"]:
            case "join":
                return [self._join(message)]
            case "enter":
                return [self._enter(message)]
            case "background":
                return [{**message, "reason": None}]
            case "totals":
                return [self._totals()]
            case "hand":
                self.me["hand"] = NOW if message["raised"] else None
                return [{"type": "participant-updated", "participant": self.me}]
            case "reaction" | "caption":
                return [{**message, "participant": "me"}]
            case "chat":
                return [{"type": "chat", "chat": self.say("me", message["text"], message.get("to"))}]
            case "policy":
                self.policy |= message["policy"]
                return [{"type": "policy", "policy": self.policy, "effective": self.policy | self.restricted}]
            case "invitations":
                return [self.told()]
            case "invite":
                return [self._invite(message)]
            case "revoke":
                self.invitations = [i for i in self.invitations if i["id"] != message["invitation"]]
                return [self.told()]
            case "pin":
                self.pin = message["pin"] or ""
                return [self.told()]
            case "leave":
                return [self.receipt] if self.receipt is not None else []
            case "recording":
                self.recording = {"since": NOW, "by": "me"} if message["on"] else None
                reason = None if message["on"] else "stopped"
                return [{"type": "recording", "recording": self.recording, "reason": reason}]
        return []

    def say(self, participant: str, text: str, to: str | None = None) -> Message:
        """Return a new chat message."""
        people = {each["id"]: each["name"] for each in [self.me, *self.others]}
        said = {"id": len(self.chat) + 1, "participant": participant, "name": people[participant]}
        self.chat.append(
            {**said, "text": text, "time": NOW + 1000 * len(self.chat)} | ({} if to is None else {"to": to})
        )
        return self.chat[-1]

    def _join(self, join: Message) -> Message:
        if self.refuse:
            return error(self.refuse)
        if self.pin and join.get("pin") != self.pin:
            return error("pin-wrong" if "pin" in join else "pin-missing")
        self.me = participant("me", self.forced_name or join["name"], role=self.role)
        held = self.held and "seat" in join
        background = join.get("background", "blur")
        shown, redirected = self.redirect or (background, None)
        return {
            "type": "joined",
            "version": 1,
            "participant": "me",
            "seat": "secret",
            "room": join["room"],
            "state": "room" if held else "lobby",
            "present": len(self.others),
            **self._room(inside=held),
            "policy": self.policy,
            "effective": self.policy | self.restricted,
            "grant": self.grant,
            "backgrounds": self.backgrounds_offered,
            "background": shown,
            "followed": self.followed,
            "redirected": redirected,
            "iceServers": [],
            "model": MODEL,
            "reactions": ["👍", "🎉"],
            "limits": LIMITS | {"invitations": self.how},
        }

    @property
    def backgrounds_offered(self) -> list[Message]:
        """What the policy, as restricted, lets one choose."""
        allowed = self.restricted.get("backgrounds")
        return [each for each in BACKGROUNDS if allowed is None or each["id"] in allowed]

    def told(self, made: str | None = None) -> Message:
        """Return what hosts are told of invitations."""
        return {
            "type": "invitations",
            "invitations": self.invitations,
            "made": made,
            "pin": self.pin or None,
            "hostToken": "token",
        }

    def _invite(self, invite: Message) -> Message:
        made = f"i{len(self.invitations) + 1}"
        self.invitations.append(
            {
                "id": made,
                "role": invite["role"],
                "expires": NOW + 1000 * invite["lifetime"],
                "pin": "pin" in invite,
                "by": self.me["name"],
                "token": f"signed.{made}.token",
            }
        )
        return self.told(made)

    def _enter(self, enter: Message) -> Message:
        self.me["name"] = self.forced_name or enter.get("name", self.me["name"])
        if self.refuse_entry:
            return error(self.refuse_entry) | {"fatal": False}
        if self.policy["waitingRoom"]:
            return {"type": "waiting"}
        return self.entered()

    def entered(self) -> Message:
        """Return what lets somebody in."""
        return {"type": "entered", **self._room(inside=True)}

    def _room(self, *, inside: bool) -> Message:
        room: Message = {
            "participants": [self.me, *(self.others if inside else [])],
            "chat": self.chat if inside else [],
            "knocking": [],
            "lobby": [],
            "banned": [],
            "viewers": [],
            "recording": self.recording,
        }
        return room | ({"hostToken": "token"} if inside and self.role == "host" else {})

    def _totals(self) -> Message:
        return {
            "type": "totals",
            "since": NOW,
            "participants": 1 + len(self.others),
            "screens": 0,
            "model": MODEL,
            **COUNTERS,
        }


def participant(identity: str, name: str, **changes: object) -> Message:
    plain = {
        "id": identity,
        "name": name,
        "audio": True,
        "video": False,
        "deviceFilter": False,
        "captions": False,
        "connected": True,
    }
    room = {"role": "guest", "hand": None, "screen": False, "spotlit": False, "quality": None}
    return {**plain, **room, **changes}


def report(**changes: object) -> Message:
    """Return a `filter` message."""
    state = {
        "fps": 29.9,
        "delay": 12.5,
        "plate": "none",
        "followed": "off",
        "degraded": None,
        "reason": None,
        "rtt": 21.0,
        "lost": 0.002,
    }
    return {"type": "filter", **COUNTERS, **state, "model": MODEL, **changes}


def error(code: str) -> Message:
    return {"type": "error", "code": code, "message": "…", "fatal": True}


async def _set_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


@contextlib.asynccontextmanager
async def fake_server() -> AsyncIterator[FakeServer]:
    """Run one on a free port."""
    fake = FakeServer()
    app = web.Application(client_max_size=1 << 24, middlewares=[compress])
    app.add_routes(
        [
            web.get("/ws", fake.websocket),
            web.get("/api/backgrounds", fake.backgrounds),
            web.get("/api/v1/receipt-key", fake.key),
            web.post("/api/rooms/{room}/backgrounds", fake.upload),
            web.delete("/api/rooms/{room}/backgrounds/{key}", fake.delete),
            web.post("/api/rooms/{room}/files", fake.put_file),
            web.get("/api/rooms/{room}/files/{key}", fake.get_file),
            web.delete("/api/rooms/{room}/files/{key}", fake.delete_file),
        ]
    )
    files = add_page(app)

    async def nothing(request: web.Request) -> web.Response:
        return files.page(request, status=404)

    app.router.add_get("/nothing", nothing)
    app.on_response_prepare.append(_set_headers)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()
