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

from aiohttp import web

from server.access.invitations import REVOKED
from server.access.policy import ROLES, room_name
from server.access.tokens import ANY_ROOM, Grant
from server.core.errors import SignalingError, TokenError
from server.core.messages import number, one_of, parse, required
from server.http.app_keys import ROOMS
from server.http.errors import error_response
from server.http.parsing import bearer, read_body
from server.receipts.receipt import public_jwk
from server.rooms.backgrounds import BackgroundLibrary, builtin_backgrounds
from server.rooms.invitations import Maker, invite, revoke
from server.rooms.membership import Membership
from server.rooms.moderation import change_policy, keep_viewer_out, start_recording
from server.rooms.room import Room
from server.rooms.room_description import describe_participant

DESCRIPTION = Path(__file__).with_name("openapi.json")
MAX_BODY = 16 * 1024  # bytes of JSON; chosen

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]
Described: TypeAlias = dict[str, Any]


def add_api(app: web.Application) -> None:
    """Add the routes to an application that has ROOMS."""
    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/rooms", _rooms),
        ("GET", "/rooms/{room}", _room),
        ("PATCH", "/rooms/{room}/policy", _policy),
        ("GET", "/rooms/{room}/recording", _recording),
        ("PUT", "/rooms/{room}/recording", _record),
        ("DELETE", "/rooms/{room}/recording", _stop_recording),
        ("GET", "/rooms/{room}/invitations", _invitations),
        ("POST", "/rooms/{room}/invitations", _invite),
        ("DELETE", "/rooms/{room}/invitations/{invitation}", _revoke),
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
            return error_response(error)

    return handle


def _expect_host(request: web.Request) -> Grant:
    """Return what a host's token allows; raise SignalingError for any other."""
    authenticator = request.app[ROOMS].authenticator
    if authenticator.open:
        raise SignalingError("no-keys", "Configure token_keys to use this.")
    room = request.match_info.get("room")
    grant = authenticator.admit(bearer(request), room or "any")
    if grant.role != "host" or (room is None and grant.room != ANY_ROOM):
        raise SignalingError("host-only", "This takes a token of the role host for what it is about.")
    return grant


def _room_of(request: web.Request) -> Room:
    room = request.app[ROOMS].open_rooms.get(room_name(request.match_info["room"]))
    if room is None:
        raise SignalingError("unknown-room", "There is nobody in a room of this name.")
    return room


def _membership(request: web.Request) -> Membership:
    return _room_of(request).find(request.match_info["participant"])


async def _body(request: web.Request) -> Described:
    """Return the JSON object of the body; raise SignalingError."""
    return parse(await read_body(request, "application/json", MAX_BODY))


def _describe(membership: Membership) -> Described:
    room, participant = membership.room, membership.participant
    return describe_participant(room, participant) | {
        "identity": participant.grant.identity,
        "state": room.roster.state(participant),
        "background": participant.background,
        "frames": participant.counters()._asdict() | {"sent": participant.video.sent},
    }


def _describe_room(room: Room) -> Described:
    return {
        "name": room.name,
        "policy": room.roster.policy.describe(),
        "participants": [_describe(membership) for membership in room.memberships],
        "viewers": room.viewers.describe(),
    }


async def _rooms(request: web.Request) -> web.Response:
    rooms = request.app[ROOMS].open_rooms.all()
    told = [{"name": room.name, "participants": len(room.memberships)} for room in rooms]
    return web.json_response({"rooms": told})


async def _room(request: web.Request) -> web.Response:
    return web.json_response(_describe_room(_room_of(request)))


async def _policy(request: web.Request) -> web.Response:
    room, config = _room_of(request), request.app[ROOMS].config
    change_policy(room, BackgroundLibrary(config, room.backgrounds.uploads), await _body(request))
    return web.json_response(room.roster.policy.describe())


async def _recording(request: web.Request) -> web.Response:
    return web.json_response({"recording": _room_of(request).recording.state})


async def _record(request: web.Request) -> web.Response:
    start_recording(_room_of(request), _expect_host(request))
    return await _recording(request)


async def _stop_recording(request: web.Request) -> web.Response:
    _room_of(request).recording.stop("stopped")
    return web.Response(status=204)


async def _invitations(request: web.Request) -> web.Response:
    name = room_name(request.match_info["room"])
    return web.json_response({"invitations": request.app[ROOMS].authenticator.invitations.describe(name)})


async def _invite(request: web.Request) -> web.Response:
    rooms, name, body = request.app[ROOMS], room_name(request.match_info["room"]), await _body(request)
    role, lifetime = one_of(body, "role", ROLES), number(body, "lifetime")
    grant, pin = _expect_host(request), required(body, "pin", str) if "pin" in body else None
    maker = Maker(name, grant, grant.name)
    made = invite(rooms.authenticator, rooms.config, maker, role, lifetime, pin)
    told = next(each for each in rooms.authenticator.invitations.describe(name) if each["id"] == made)
    return web.json_response(told, status=201)


async def _revoke(request: web.Request) -> web.Response:
    rooms, name = request.app[ROOMS], room_name(request.match_info["room"])
    revoked, room = TokenError("token-revoked", REVOKED), rooms.open_rooms.get(name)
    for target in revoke(rooms.authenticator, name, room, request.match_info["invitation"]):
        await rooms.expel(target, revoked)
    return web.Response(status=204)


async def _receipts(request: web.Request) -> web.Response:
    room = room_name(request.match_info["room"])
    return web.json_response({"receipts": request.app[ROOMS].receipts.of(room)})


async def _receipt_key(request: web.Request) -> web.Response:
    return web.json_response(public_jwk(request.app[ROOMS].receipts.key.public_key()))


async def _participant(request: web.Request) -> web.Response:
    return web.json_response(_describe(_membership(request)))


async def _kick(request: web.Request) -> web.Response:
    room = _room_of(request)
    viewer = room.viewers.find(request.match_info["participant"])
    if viewer is not None:
        keep_viewer_out(room, viewer)
        return web.Response(status=204)
    removed = SignalingError("removed", "You have been removed from this room.", fatal=True)
    await request.app[ROOMS].remove(_membership(request), removed)
    return web.Response(status=204)


async def _background(request: web.Request) -> web.Response:
    membership, wish = _membership(request), required(await _body(request), "background", str)
    participant = membership.participant
    participant.choose(wish, membership.room.roster.policy)
    told = {"type": "background", "background": participant.background, "reason": "policy"}
    membership.tell(told)
    return web.json_response(_describe(membership))


async def _builtin(_: web.Request) -> web.Response:
    return web.json_response({"backgrounds": builtin_backgrounds()})


async def _description(_: web.Request) -> web.StreamResponse:
    return web.json_response(json.loads(DESCRIPTION.read_text(encoding="utf-8")))
