"""How a server begins and ends: what the operator is told, signals, and a stop that lets people finish."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web
from aioice.ice import get_host_addresses

from server.config.options import Config
from server.core.errors import ConfigError
from server.http.app_keys import ROOMS
from server.http.tls import load_certificate
from server.rooms.rooms import Rooms

logger = logging.getLogger(__name__)

DRAIN_INTERVAL = 0.2  # seconds; chosen


async def drain_on_sigterm(app: web.Application) -> None:
    """Let nobody new in after SIGTERM, and stop when the rooms are empty or `drain_time` is over.

    A second SIGTERM stops at once. For `on_startup`, because aiohttp's own handler has to be there before.
    """
    loop, rooms = asyncio.get_running_loop(), app[ROOMS]
    draining: list[asyncio.Task[None]] = []

    def begin() -> None:
        if draining:
            signal.raise_signal(signal.SIGINT)
        else:
            draining.append(loop.create_task(_drain(rooms)))

    loop.add_signal_handler(signal.SIGTERM, begin)


async def _drain(rooms: Rooms) -> None:
    rooms.draining = True
    deadline = time.monotonic() + rooms.config.drain_time
    logger.info("draining %d rooms", len(rooms.open_rooms.all()))
    while rooms.open_rooms.all() and time.monotonic() < deadline:  # noqa: ASYNC110 - rooms have no event
        await asyncio.sleep(DRAIN_INTERVAL)
    signal.raise_signal(signal.SIGINT)  # aiohttp's run_app ends by that


def reload_on_sighup(
    context: ssl.SSLContext | None, config: Config
) -> Callable[[web.Application], Awaitable[None]]:
    """Return what, on startup, makes SIGHUP read the certificate files again, for connections from then on.

    Without a context there is nothing to read, but SIGHUP would end a process that does not handle it.
    """

    def reload() -> None:
        if context is None:
            return
        try:
            load_certificate(context, config)
        except ConfigError as error:
            logger.error("the old certificate stays: %s", error)

    async def watch(_: web.Application) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)

    return watch


def welcome(config: Config) -> Iterator[str]:
    """Yield what the operator is told at the start: where, and who may come in."""
    scheme = "http" if config.tls == "off" and config.tls_certificate is None else "https"
    anywhere = config.host in ("0.0.0.0", "::")
    host = "localhost" if anywhere or config.host in ("127.0.0.1", "::1") else config.host
    yield f"Greenroom is open at {scheme}://{host}:{config.port} (Ctrl-C ends it)"
    others = get_host_addresses(use_ipv4=True, use_ipv6=False) if anywhere else []
    urls = [f"{scheme}://{address}:{config.port}" for address in others]
    for url in dict.fromkeys([*urls, *filter(None, [config.public_url])]):
        yield f"  and at {url}"
    if not config.token_keys:
        yield "No token keys are configured: whoever reaches it may join any room."
