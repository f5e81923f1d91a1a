"""Running a front, alone or with the servers of its own machine, until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from aiohttp import web

from server.access.certificates import ticket_key
from server.cluster.front import Front
from server.cluster.host import ANSWER, Host, shares
from server.cluster.links import Links
from server.cluster.member import Orders
from server.cluster.sealing import Seal
from server.cluster.service import DirectoryService, LocalDirectory, Unreachable
from server.config.options import Config
from server.core.errors import ConfigError
from server.http.connections import TLS
from server.http.lifecycle import reload_on_sighup
from server.http.tls import ssl_context

logger = logging.getLogger(__name__)

NODE: Final = "local"
SHUTDOWN: Final = 1.0  # seconds that open requests may take to end


@asynccontextmanager
async def serving_front(
    config: Config, directory: DirectoryService, seal: Seal, secret: Path | None
) -> AsyncIterator[str]:
    """Serve a front for as long as the context lasts; yield its address. Raises ConfigError, OSError."""
    context = ssl_context(config)
    front = Front(directory, seal, Links(secret), config)
    app = front.app()
    if context is not None:
        app[TLS] = context
    app.on_startup.append(reload_on_sighup(context, config))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port).start()
        yield "{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()
        await front.close()


async def run_loops(config: Config, orders: Orders, announce: Callable[[], None]) -> None:
    """Serve with `config.loops` servers on this machine, by the orders that all have in common."""
    count = config.loops
    directory, key = LocalDirectory(fresh=True), secrets.token_bytes(32)
    with tempfile.TemporaryDirectory(prefix="greenroom-") as folder:  # nobody else may enter it
        workers = max(1, config.workers // count)
        orders = replace(orders, key=key.hex(), cores=config.workers / count)
        servers = [
            replace(each, path=f"{folder}/{k}")
            for k, each in enumerate(shares(config, orders, count, workers))
        ]
        async with serving_front(config, directory, Seal(key), None):  # first: its port may be in use
            host = Host(directory, NODE, servers)
            hosting = asyncio.create_task(host.run())
            announcing = asyncio.create_task(_announce(directory, count, announce))
            try:
                await _until_stopped(hosting, directory, config.drain_time)
            finally:  # while the front still passes on what people are told
                announcing.cancel()
                hosting.cancel()
                await asyncio.gather(announcing, hosting, return_exceptions=True)
                await host.close()


async def _announce(directory: LocalDirectory, count: int, announce: Callable[[], None]) -> None:
    while len(await directory.servers()) < count:  # noqa: ASYNC110 - they may end before they are ready
        await asyncio.sleep(0.1)
    announce()


async def _until_stopped(hosting: asyncio.Task[None], directory: DirectoryService, drain: float) -> None:
    """Wait for SIGINT, which stops at once, or SIGTERM, after which the rooms have `drain` seconds to empty.

    Raises ConfigError where no server starts.
    """
    loop, stopped, drained = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def terminate() -> None:
        (stopped if drained.is_set() or not drain else drained).set()

    loop.add_signal_handler(signal.SIGTERM, terminate)
    loop.add_signal_handler(signal.SIGINT, stopped.set)
    draining = asyncio.create_task(drained.wait())
    ending = asyncio.create_task(stopped.wait())
    await asyncio.wait({hosting, draining, ending}, return_when=asyncio.FIRST_COMPLETED)
    if drained.is_set() and not stopped.is_set():
        try:
            await directory.drain(NODE, drain)
        except Unreachable:
            logger.warning("the directory does not answer; stopping now")
        else:
            # A server that hangs, or does not start again, hears nothing of it.
            await asyncio.wait({hosting, ending}, timeout=drain + ANSWER, return_when=asyncio.FIRST_COMPLETED)
    draining.cancel()
    ending.cancel()
    if hosting.done():
        await hosting


async def run_front(config: Config, directory: DirectoryService, announce: Callable[[], None]) -> None:
    """Serve a front of a cluster until SIGINT or SIGTERM; raise ConfigError."""
    secret = config.cluster_secret
    if secret is None:
        raise ConfigError("cluster_secret: make one by `greenroom cluster certificates`, for every machine")
    async with serving_front(config, directory, Seal(ticket_key(secret)), secret):
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        loop.add_signal_handler(signal.SIGINT, stopped.set)
        announce()
        await stopped.wait()
