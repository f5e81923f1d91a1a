"""The web application: the page, its files, the WebSocket, the uploads."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from filters.base import FilterError
from filters.segmenter import Segmenter, load_card
from server.backgrounds import builtin_backgrounds
from server.conference import Attendance, Conference
from server.config import MODELS, STATIC, Config
from server.media.rtc import install
from server.policy import SignalingError, room_name
from server.signaling import Signaling

logger = logging.getLogger(__name__)

CONFERENCE = web.AppKey("conference", Conference)

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(config: Config, segmenter: Segmenter | None = None) -> web.Application:
    """Build the application, with the configured network unless another is given.

    Raises ModelError when the network can't be trusted to be what its card says.
    """
    install()
    network = segmenter or Segmenter(load_card(config.model, MODELS))
    app = web.Application(client_max_size=config.max_upload, middlewares=[_errors])
    app.on_response_prepare.append(_set_headers)

    async def conference(app: web.Application) -> AsyncIterator[None]:
        app[CONFERENCE] = Conference(config, network)
        yield
        await app[CONFERENCE].close()

    app.cleanup_ctx.append(conference)
    # Peers are told before aiohttp waits for their WebSockets to end.
    app.on_shutdown.append(_say_goodbye)
    app.add_routes(
        [
            web.get("/", _page),
            web.get("/r/{room}", _page),
            web.get("/favicon.ico", _favicon),
            web.get("/ws", _websocket),
            web.get("/api/backgrounds", _builtin),
            web.post("/api/rooms/{room}/backgrounds", _upload),
            web.get("/api/rooms/{room}/backgrounds/{key}.jpg", _thumbnail),
            web.delete("/api/rooms/{room}/backgrounds/{key}", _delete),
            web.static("/static", STATIC),
        ]
    )
    return app


def serve(config: Config) -> None:
    """Run until SIGINT or SIGTERM."""
    app = create_app(config)

    def announce(_: str) -> None:
        host = "localhost" if config.host in ("127.0.0.1", "::1", "0.0.0.0", "::") else config.host
        print(f"Greenroom is open at http://{host}:{config.port} (Ctrl-C ends it)", flush=True)  # noqa: T201

    web.run_app(
        app, host=config.host, port=config.port, shutdown_timeout=1.0, access_log=None, print=announce
    )


async def _say_goodbye(app: web.Application) -> None:
    await app[CONFERENCE].close()


async def _set_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors of the API as JSON."""
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        return _error(413, "too-large", "The file is too large.")
    except FilterError as error:
        return _error(422, "bad-picture", f"This picture can't be used: {error}.")
    except SignalingError as error:
        return _error(400, error.code, error.message)


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)


async def _page(request: web.Request) -> web.StreamResponse:
    if "room" in request.match_info:
        room_name(request.match_info["room"])
    return web.FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def _favicon(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(STATIC / "favicon.svg")


async def _websocket(request: web.Request) -> web.StreamResponse:
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return _error(403, "cross-origin", "This page may not speak to this server.")
    return await Signaling(request.app[CONFERENCE]).run(request)


async def _builtin(_: web.Request) -> web.Response:
    return web.json_response(builtin_backgrounds())


async def _upload(request: web.Request) -> web.Response:
    attendance = _owner(request)
    data = await request.read()
    return web.json_response(attendance.participant.wardrobe.add(data, attendance.room.name), status=201)


async def _thumbnail(request: web.Request) -> web.Response:
    conference = request.app[CONFERENCE]
    for attendance in conference.attendances(request.match_info["room"]):
        picture = attendance.participant.wardrobe.thumbnail(request.match_info["key"])
        if picture is not None:
            return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "private"})
    return _error(404, "unknown-background", "There is no such picture.")


async def _delete(request: web.Request) -> web.Response:
    attendance, key = _owner(request), request.match_info["key"]
    if not attendance.participant.wardrobe.delete(key):
        return _error(404, "unknown-background", "There is no such picture.")
    return web.Response(status=204)


def _owner(request: web.Request) -> Attendance:
    """Return whose seat the request shows."""
    scheme, _, seat = request.headers.get("Authorization", "").partition(" ")
    attendance = request.app[CONFERENCE].find(seat.strip(), request.match_info["room"])
    if scheme.lower() != "bearer" or attendance is None:
        raise web.HTTPUnauthorized(
            text='{"code": "unauthorized", "message": "Only somebody in the room may do this."}',
            content_type="application/json",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return attendance
