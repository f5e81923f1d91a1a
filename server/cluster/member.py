"""One server of a cluster: the child process of a Host, which outlives it.

On standard input it reads its Orders, then what is said about its lease, a line of JSON each:

    {"renew": true}                                      what do you have?
    {"number": 7, "changed": {"…": -9}, "drain": null}   the directory's answer to renewal 7 (see Renewed)

On standard output it writes {"url": …} when it is ready, then {"number": 7, "report": {…}} (see Report). When its
standard input ends, nobody new comes in any more; whom it has stays connected, and it ends when the last one has left.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.access.certificates import derive, ticket_key, tls_context
from server.access.ed25519 import private_pem
from server.cluster.fence import STATE, Fence, expect_states, fenced
from server.cluster.lease import clock
from server.cluster.messages import Report
from server.cluster.sealing import Seal
from server.config.options import Config
from server.http.app_keys import ROOMS
from server.http.connections import TLS

Say: TypeAlias = Callable[[dict[str, Any]], None]

logger = logging.getLogger(__name__)

MAX_LINE: Final = 1 << 24  # bytes; chosen
EMPTY_INTERVAL: Final = 0.2  # seconds between two looks whether the last one has left
FENCE = web.AppKey("fence", Fence)


@dataclass(frozen=True)
class Orders:
    """What a server of a cluster is told at its start. Nothing of it is seen in the list of processes."""

    name: str
    """What it is called in the directory."""
    cores: float
    """How many it may use."""
    address: str = ""
    """Where it listens for fronts, by mutual TLS."""
    path: str = ""
    """Instead of that, a socket in a private folder, on one machine."""
    secret: str = ""
    """The file of the cluster's secret; see certificates.py."""
    key: str = ""
    """Without one, the key for tickets, in hexadecimal digits."""
    public_address: str = ""
    """Where it listens for WHIP and WHEP clients whom a front has sent; empty for nowhere."""
    public_port: int = 0
    public_url: str = ""
    """What they call it, with {port}, where that is not the address."""
    file: str = ""
    """The configuration's file, assignments and options, as on the command line."""
    assignments: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def line(self) -> bytes:
        """Return this as a line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Orders:
        """Undo `line`."""
        return cls(**json.loads(line))

    def seal(self) -> Seal:
        """Return the cluster's seal; raise ConfigError."""
        return Seal(self._key())

    def _key(self) -> bytes:
        return ticket_key(Path(self.secret)) if self.secret else bytes.fromhex(self.key)

    def with_receipt_key(self, config: Config) -> Config:
        """Have receipts signed with the same key by all servers of the cluster, unless there is one; raise ConfigError.

        Whoever asks a front for the key is answered by any of them.
        """
        if config.receipt_key or config.state is not None:
            return config
        key = Ed25519PrivateKey.from_private_bytes(derive(self._key(), b"greenroom receipt key"))
        return replace(config, receipt_key=private_pem(key).decode())


class ClusterMember:
    """A server that is in a cluster, and its side of the pipe to its Host."""

    def __init__(self, app: web.Application, orders: Orders) -> None:
        """Guard an application that has Rooms; raise ConfigError."""
        self._app, self._orders = app, orders
        self._url = self._public = ""
        self._cpu = (time.monotonic(), time.process_time())
        self._deadline: float | None = None
        seal = orders.seal()
        app.middlewares.insert(0, fenced(lambda request: request.app[FENCE]))
        app.router.add_put(STATE, expect_states(lambda request: request.app[FENCE]))

        async def fence(app: web.Application) -> AsyncIterator[None]:
            app[FENCE] = Fence(app[ROOMS], seal, orders.name)
            yield

        app.cleanup_ctx.append(fence)

    async def run(self, heard: asyncio.StreamReader, say: Say, public: ssl.SSLContext | None) -> None:
        """Serve until the Host says so, or is lost and the last one has left; `public` clients by TLS, if there is."""
        if public is not None:
            self._app[TLS] = public
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await self._listen(runner)
            say({"url": self._url})
            hearing = asyncio.create_task(self._hear(heard, say))
            await self._until_empty()
            hearing.cancel()
        finally:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        orders = self._orders
        if orders.path:
            await web.UnixSite(runner, orders.path).start()
            self._url = f"unix:{orders.path}"
        else:
            context = tls_context(Path(orders.secret), server=True)
            await web.TCPSite(runner, orders.address, 0, ssl_context=context).start()
            self._url = f"https://{orders.address}:{runner.addresses[-1][1]}"
        if orders.public_address:
            await web.TCPSite(runner, orders.public_address, orders.public_port).start()
            scheme, port = "https" if TLS in self._app else "http", runner.addresses[-1][1]
            url = orders.public_url or f"{scheme}://{orders.public_address}:{{port}}"
            self._public = url.replace("{port}", str(port)).rstrip("/")

    async def _hear(self, heard: asyncio.StreamReader, say: Say) -> None:
        fence = self._app[FENCE]
        while line := await heard.readline():
            message = json.loads(line)
            if "renew" in message:
                number = fence.lease.send(clock())
                say({"number": number, "report": self._report(number)._asdict()})
            else:
                await fence.answered(message["number"], message["changed"])
                if message["drain"] is not None:
                    self.drain(message["drain"])
        logger.warning("nobody renews the lease any more; nobody new comes in")
        self.drain(float("inf"))

    def _report(self, number: int) -> Report:
        fence = self._app[FENCE]
        rooms = fence.rooms(number)
        draining = fence.lease.draining
        used = self._used()
        closed, cores = fence.lease.closed, self._orders.cores
        people = sum(len(room.memberships) for room in self._app[ROOMS].open_rooms.all())
        return Report(self._url, cores, used, rooms, closed, draining, self._public, people)

    def _used(self) -> float:
        """Return the cores that were busy since the last call: the event loop's, and the workers'."""
        (then, before), now = self._cpu, (time.monotonic(), time.process_time())
        self._cpu = now
        rooms = self._app[ROOMS]
        workers = rooms.machine.utilisation * rooms.config.workers
        return workers + (now[1] - before) / max(now[0] - then, 1e-3)

    def drain(self, limit: float) -> None:
        """Take in nobody any more, and end when the last one has left, or after so many seconds."""
        deadline = time.monotonic() + limit
        self._deadline = deadline if self._deadline is None else min(deadline, self._deadline)
        self._app[FENCE].lease.draining = self._app[ROOMS].draining = True

    async def _until_empty(self) -> None:
        rooms = self._app[ROOMS]
        while self._deadline is None or (  # noqa: ASYNC110 - rooms have no event
            rooms.open_rooms.all() and time.monotonic() < self._deadline
        ):
            await asyncio.sleep(EMPTY_INTERVAL)


async def standard_input() -> asyncio.StreamReader:
    """Return what the Host says."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=MAX_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def standard_output() -> Say:
    """Return what tells the Host something, without ever waiting for it to read."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, sys.stdout)
    return lambda message: transport.write(json.dumps(message).encode() + b"\n")
