"""Pictures of participants' own as backgrounds, and the built-in ones. protocol.md, *Backgrounds over HTTP*."""

from __future__ import annotations

from aiohttp import web

from server.core.errors import SignalingError
from server.http.app_keys import ROOMS
from server.http.connections import reading
from server.http.errors import error_response
from server.http.parsing import seat_holder
from server.rooms.backgrounds import builtin_backgrounds

NO_PICTURE = SignalingError("unknown-background", "There is no such picture.")


def add_uploads(app: web.Application) -> None:
    """Add the routes to an application that has Rooms."""
    app.add_routes(
        [
            web.get("/api/backgrounds", _builtin),
            web.post("/api/rooms/{room}/backgrounds", _upload),
            web.get("/api/rooms/{room}/backgrounds/{key}.jpg", _thumbnail),
            web.delete("/api/rooms/{room}/backgrounds/{key}", _delete),
        ]
    )


async def _builtin(_: web.Request) -> web.Response:
    return web.json_response(builtin_backgrounds())


async def _upload(request: web.Request) -> web.Response:
    membership = seat_holder(request)
    with membership.room.backgrounds.uploading(membership):
        async with reading(request):
            data = await request.read()
        uploaded = await request.app[ROOMS].upload(membership, data)
    return web.json_response(uploaded, status=201)


async def _thumbnail(request: web.Request) -> web.Response:
    room = request.app[ROOMS].open_rooms.get(request.match_info["room"].lower())
    picture = room and room.backgrounds.thumbnail(request.match_info["key"])
    if picture is not None:
        return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "private"})
    return error_response(NO_PICTURE, status=404)


async def _delete(request: web.Request) -> web.Response:
    membership, key = seat_holder(request), request.match_info["key"]
    if not membership.room.backgrounds.delete(membership, key):
        return error_response(NO_PICTURE, status=404)
    return web.Response(status=204)
