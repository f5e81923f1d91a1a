"""Files of a room's chat: put in by people in the room, and given to them only. protocol.md, *Files in the chat*."""

from __future__ import annotations

import asyncio
import time
from typing import Final
from urllib.parse import quote, unquote

from aiohttp import hdrs, web

from server.access.policy import file_name
from server.core.errors import SignalingError
from server.http.connections import PENDING, reading
from server.http.parsing import seat_holder
from server.rooms.files import SharedFile
from server.rooms.membership import Membership
from server.rooms.moderation import expect_host

NAME: Final = "File-Name"
"""The header with a file's name, percent-encoded UTF-8 (RFC 3986): unlike an address, proxies don't log it."""
BODY_LIMIT: Final = 180.0  # seconds until a file is here, or with who fetches it: 5 MiB at 240 kbit/s
PIECE: Final = 1 << 16  # bytes that wait for a slow line; aiohttp's own limit of what is not sent yet


def add_files(app: web.Application) -> None:
    """Add the routes to an application that has Rooms."""
    app.add_routes(
        [
            web.post("/api/rooms/{room}/files", _put),
            web.get("/api/rooms/{room}/files/{key}", _get, allow_head=False),
            web.delete("/api/rooms/{room}/files/{key}", _delete),
        ]
    )


async def _put(request: web.Request) -> web.Response:
    membership, to = seat_holder(request), request.query.get("to") or None
    room, owner = membership.room, membership.participant.id
    room.chat.expect_files(membership, to)
    if request.content_type.startswith("multipart/"):
        raise SignalingError("unsupported-media-type", "The body is the file itself, without parts.")
    size = request.content_length
    if size is None:
        raise SignalingError("length-required", "The length of a file is told before it comes.")
    name = file_name(unquote(request.headers.get(NAME, "")))
    with room.files.space(owner, size, time.monotonic()) as keep:
        data = bytearray()
        async with reading(request, BODY_LIMIT):
            async for chunk in request.content.iter_any():
                data += chunk
        if len(data) != size:
            raise SignalingError("bad-file", "The file is not as long as it was said to be.")
        room.chat.expect_files(membership, to)
        file = keep(name, bytes(data), to)
    room.chat.say(membership, name, to, file.describe())
    return web.json_response(file.describe(), status=201)


async def _get(request: web.Request) -> web.StreamResponse:
    membership = seat_holder(request)
    file = _readable(request, membership)
    headers = {
        hdrs.CONTENT_DISPOSITION: f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        hdrs.CONTENT_TYPE: "application/octet-stream",
        hdrs.CACHE_CONTROL: "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    response = web.StreamResponse(headers=headers)
    response.content_length = len(file.data)
    with request.app[PENDING].hold(request.remote):
        await response.prepare(request)
        try:
            async with asyncio.timeout(BODY_LIMIT):
                for start in range(0, len(file.data), PIECE):
                    _readable(request, membership)  # it may be gone meanwhile, or forbidden
                    await response.write(memoryview(file.data)[start : start + PIECE])
        except (SignalingError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()  # so that a part is not taken for the whole
    return response


async def _delete(request: web.Request) -> web.Response:
    membership = seat_holder(request)
    file = _find(request, membership)
    if file.owner != membership.participant.id:
        expect_host(membership)
    membership.room.chat.delete_file(file)
    return web.Response(status=204)


def _find(request: web.Request, membership: Membership) -> SharedFile:
    """Return the file that a request asks for; raise SignalingError not-in-room, unknown-file."""
    membership.room.expect_inside(membership)
    return membership.room.files.find(request.match_info["key"], membership.participant.id)


def _readable(request: web.Request, membership: Membership) -> SharedFile:
    """The same, for who wants to read it; raise SignalingError files-forbidden besides."""
    membership.room.files.permit(membership.room.policy_for(membership))
    return _find(request, membership)
