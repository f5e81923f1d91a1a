"""The web application: the page, its files, the WebSocket, the uploads."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from filters import kernels
from filters.matting.segmenter import Segmenter, load_card
from server.access.tokens import check_exposure, is_private
from server.config.folders import check_folders
from server.config.options import MODELS, STATIC, Config
from server.core.errors import SignalingError
from server.core.logs import configure_logging
from server.http.api import add_api
from server.http.app_keys import QUOTA, ROOMS
from server.http.connections import KEEPALIVE, SERVER, TLS, guard, only_plain_http_1_0
from server.http.device_network import add_device_network
from server.http.errors import api_errors
from server.http.files import add_files
from server.http.forwarded import only_for_localhost, trust
from server.http.health import add_health
from server.http.lifecycle import drain_on_sigterm, reload_on_sighup, welcome
from server.http.page import PageFiles, add_page
from server.http.parsing import is_foreign
from server.http.quota import Quota, site
from server.http.tls import ssl_context
from server.http.uploads import add_uploads
from server.http.webhooks import add_webhooks
from server.janus.bridge import add_bridge
from server.media.rtc import install
from server.rooms.rooms import Rooms
from server.signaling.websocket import Signaling
from server.whip.endpoint import add_whip

logger = logging.getLogger(__name__)

__all__ = ["ROOMS", "create_app", "serve"]

HEADERS = {
    # WebAssembly runs the filter on the device.
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self)",
    "Referrer-Policy": "no-referrer",
    "Server": SERVER,  # aiohttp tells its own version, and Python's
    "X-Content-Type-Options": "nosniff",
}

STRICT_TRANSPORT = f"max-age={365 * 86_400}"
"""RFC 6797; browsers ignore it from addresses without a name, and with a certificate that they don't trust."""

PAGE = web.AppKey("page", PageFiles)

PICTURES = (".jpg", ".png", ".webp")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(config: Config, segmenter: Segmenter | None = None) -> web.Application:
    """Build the application, with the configured network in worker processes unless another is given.

    Raises ModelError when the network can't be trusted to be what its card says, ConfigError for a folder that can't be
    written into.
    """
    check_folders(config)
    install()
    if segmenter is None:
        Segmenter(load_card(config.model, MODELS))
    guards = [only_for_localhost] if is_private(config) else []
    app = web.Application(
        client_max_size=config.max_upload,
        handler_args={
            "auto_decompress": False,  # nobody sends compressed bodies, but bombs
            "keepalive_timeout": KEEPALIVE,
        },
        middlewares=[only_plain_http_1_0, trust(config.trusted_proxies), *guards, compress, _errors],
    )
    app.on_response_prepare.append(_set_headers)
    guard(app, config.max_connections_per_address)
    app[QUOTA] = Quota(config.max_connections_per_address)

    async def rooms(app: web.Application) -> AsyncIterator[None]:
        app[ROOMS] = Rooms(config, segmenter)
        yield
        await app[ROOMS].close()

    app.cleanup_ctx.append(rooms)
    add_health(app, config)
    add_whip(app)
    add_api(app)
    add_uploads(app)
    add_files(app)
    add_device_network(app)
    add_webhooks(app, config)
    add_bridge(app, config)
    app[PAGE] = add_page(app)
    # Peers are told before aiohttp waits for their WebSockets to end.
    app.on_shutdown.append(_say_goodbye)
    app.add_routes(
        [
            web.get("/favicon.ico", _favicon),
            web.get("/ws", _websocket),
        ]
    )
    return app


def serve(config: Config) -> None:
    """Run until SIGINT or SIGTERM. Raises ConfigError for options that can't be met."""
    check_exposure(config)
    configure_logging(config.log_format, config.log_level)
    if kernels.native.variant == "none":
        logger.warning("without its C kernels the filter takes longer (%s)", kernels.native.reason)
    context = ssl_context(config)
    app = create_app(config)
    if context is not None:
        app[TLS] = context
    app.on_startup.append(drain_on_sigterm)
    app.on_startup.append(_freeze)
    app.on_startup.append(reload_on_sighup(context, config))

    def announce(_: str) -> None:
        for line in welcome(config):
            print(line, flush=True)  # noqa: T201

    web.run_app(
        app,
        host=config.host,
        port=config.port,
        shutdown_timeout=1.0,
        access_log=None,
        print=announce,
    )


async def _freeze(_: web.Application) -> None:
    """Spare the garbage collector what was imported: it would look through that again and again, at the calls' cost."""
    gc.collect()
    gc.freeze()


async def _say_goodbye(app: web.Application) -> None:
    await app[ROOMS].close()


async def _set_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    if request.secure:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT


@web.middleware
async def compress(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send the page and its text files compressed."""
    response = await handler(request)
    if isinstance(response, web.FileResponse) and not request.path.endswith(PICTURES):
        response.enable_compression()
    return response


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors of the API as JSON, and people at an address without anything by the page."""
    try:
        return await api_errors(request, handler)
    except web.HTTPNotFound:
        if request.method != "GET" or "text/html" not in request.headers.get("Accept", ""):
            raise
        return request.app[PAGE].page(request, status=404)


async def _favicon(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(STATIC / "icons" / "favicon.svg")


async def _websocket(request: web.Request) -> web.StreamResponse:
    if is_foreign(request):
        raise SignalingError("cross-origin", "This page may not speak to this server.")
    give_back = request.app[QUOTA].take(request.remote)
    signaling = Signaling(request.app[ROOMS], site(request.remote) or "")
    try:
        return await signaling.run(request)
    finally:
        signaling.keep(give_back)
