"""REST for applications: rooms, people, backgrounds, policy, under /api/v1; openapi.json describes it.

What is about rooms needs a token of the role `host`, for that room or for any (`*`), and is not there on a server
without token keys, where nobody could be told from anybody else. `/backgrounds`, `/receipt-key` and `/openapi.json` are
the same for everybody and need none.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from aiohttp import hdrs, web

from server.access.policy import SignalingError, room_name
from server.access.tokens import ANY_ROOM, Grant
from server.core.messages import parse, required
from server.http.app_keys import CONFERENCE
from server.http.parsing import bearer, read_body
from server.receipts.receipt import public_jwk
from server.rooms.backgrounds import Wardrobe, builtin_backgrounds
from server.rooms.moderation import change_policy, start_recording
from server.rooms.room import Attendance, Meeting

DESCRIPTION = Path(__file__).with_name("openapi.json")
MAX_BODY = 16 * 1024
STATUS = {
    "token-missing": 401,
    "token-invalid": 401,
    "token-expired": 401,
    "token-wrong-room": 403,
    "host-only": 403,
    "no-keys": 403,
    "recording-off": 403,
    "recording-forbidden": 403,
    "background-forbidden": 403,
    "unknown-room": 404,
    "unknown-participant": 404,
    "too-large": 413,
    "unsupported-media-type": 415,
    "unknown-background": 422,
}
"""What each SignalingError is over HTTP; everything else is 400."""

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]
Described: TypeAlias = dict[str, Any]


def add_api(app: web.Application) -> None:
    """Add the routes to an application that has a Conference."""
    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/rooms", _rooms),
        ("GET", "/rooms/{room}", _room),
        ("PATCH", "/rooms/{room}/policy", _policy),
        ("GET", "/rooms/{room}/recording", _recording),
        ("PUT", "/rooms/{room}/recording", _record),
        ("DELETE", "/rooms/{room}/recording", _stop_recording),
        ("GET", "/rooms/{room}/receipts", _receipts),
        ("GET", "/rooms/{room}/participants/{participant}", _participant),
        ("DELETE", "/rooms/{room}/participants/{participant}", _kick),
        ("PUT", "/rooms/{room}/participants/{participant}/background", _background),
    ]
    for method, path, handler in routes:
        app.router.add_route(method, "/api/v1" + path, _answering(handler))
    app.router.add_get("/api/v1/backgrounds", _builtin)
    app.router.add_get("/api/v1/receipt-key", _receipt_key)
    app.router.add_get("/api/v1/openapi.json", _description)


def _answering(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        try:
            _expect_host(request)
            return await handler(request)
        except SignalingError as error:
            status = STATUS.get(error.code, 400)
            headers = {hdrs.WWW_AUTHENTICATE: "Bearer"} if status == 401 else None
            told = {"code": error.code, "message": error.message}
            return web.json_response(told, status=status, headers=headers)

    return handle


def _expect_host(request: web.Request) -> Grant:
    """Return what a host's token allows; raise SignalingError for any other."""
    doorkeeper = request.app[CONFERENCE].doorkeeper
    if doorkeeper.open:
        raise SignalingError("no-keys", "Configure token_keys to use this.")
    room = request.match_info.get("room")
    grant = doorkeeper.admit(bearer(request), room or "any")
    if grant.role != "host" or (room is None and grant.room != ANY_ROOM):
        raise SignalingError("host-only", "This takes a token of the role host for what it is about.")
    return grant


def _meeting(request: web.Request) -> Meeting:
    meeting = request.app[CONFERENCE].rooms.get(room_name(request.match_info["room"]))
    if meeting is None:
        raise SignalingError("unknown-room", "There is nobody in a room of this name.")
    return meeting


def _attendance(request: web.Request) -> Attendance:
    return _meeting(request).find(request.match_info["participant"])


async def _body(request: web.Request) -> Described:
    """Return the JSON object of the body; raise SignalingError."""
    return parse(await read_body(request, "application/json", MAX_BODY))


def _describe(attendance: Attendance) -> Described:
    meeting, participant = attendance.meeting, attendance.participant
    return meeting.describe(participant) | {
        "identity": participant.grant.identity,
        "state": meeting.room.state(participant),
        "background": participant.background,
        "frames": participant.counters()._asdict() | {"sent": participant.video.sent},
    }


def _describe_room(meeting: Meeting) -> Described:
    return {
        "name": meeting.name,
        "policy": meeting.room.policy.describe(),
        "participants": [_describe(attendance) for attendance in meeting.attendances],
    }


async def _rooms(request: web.Request) -> web.Response:
    rooms = request.app[CONFERENCE].rooms.all()
    told = [{"name": meeting.name, "participants": len(meeting.attendances)} for meeting in rooms]
    return web.json_response({"rooms": told})


async def _room(request: web.Request) -> web.Response:
    return web.json_response(_describe_room(_meeting(request)))


async def _policy(request: web.Request) -> web.Response:
    meeting, config = _meeting(request), request.app[CONFERENCE].config
    change_policy(meeting, Wardrobe(config, meeting.uploads), await _body(request))
    return web.json_response(meeting.room.policy.describe())


async def _recording(request: web.Request) -> web.Response:
    return web.json_response({"recording": _meeting(request).recording.state})


async def _record(request: web.Request) -> web.Response:
    start_recording(_meeting(request), _expect_host(request))
    return await _recording(request)


async def _stop_recording(request: web.Request) -> web.Response:
    _meeting(request).recording.stop("stopped")
    return web.Response(status=204)


async def _receipts(request: web.Request) -> web.Response:
    room = room_name(request.match_info["room"])
    return web.json_response({"receipts": request.app[CONFERENCE].receipts.of(room)})


async def _receipt_key(request: web.Request) -> web.Response:
    return web.json_response(public_jwk(request.app[CONFERENCE].receipts.key.public_key()))


async def _participant(request: web.Request) -> web.Response:
    return web.json_response(_describe(_attendance(request)))


async def _kick(request: web.Request) -> web.Response:
    removed = SignalingError("removed", "You have been removed from this room.", fatal=True)
    await request.app[CONFERENCE].expel(_attendance(request), removed)
    return web.Response(status=204)


async def _background(request: web.Request) -> web.Response:
    attendance, wish = _attendance(request), required(await _body(request), "background", str)
    participant = attendance.participant
    participant.choose(wish, attendance.meeting.room.policy)
    told = {"type": "background", "background": participant.background, "reason": "policy"}
    attendance.tell(told)
    return web.json_response(_describe(attendance))


async def _builtin(_: web.Request) -> web.Response:
    return web.json_response({"backgrounds": builtin_backgrounds()})


async def _description(_: web.Request) -> web.StreamResponse:
    return web.json_response(json.loads(DESCRIPTION.read_text(encoding="utf-8")))
