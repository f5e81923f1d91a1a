"""Several servers behind a front, all in the test's own process: what a Host does over pipes is done by hand."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from filters.matting.segmenter import Segmenter
from server.app import create_app
from server.cluster.front import Front
from server.cluster.links import Links
from server.cluster.member import FENCE, ClusterMember, Orders
from server.cluster.messages import Report
from server.cluster.sealing import Seal
from server.cluster.service import LocalDirectory, server_name
from server.config.options import Config
from server.http.app_keys import ROOMS
from server.rooms.rooms import Rooms
from tests.support.serving import Client

RENEWAL = 0.2  # seconds


class ServerHere:
    """One server of the cluster, and the wire on which a Host would speak to it."""

    def __init__(self, config: Config, segmenter: Segmenter, orders: Orders) -> None:
        self.name = orders.name
        self.app = create_app(config, segmenter)
        self.cut = False
        self._member = ClusterMember(self.app, orders)
        # Servers of one process would each count what the others use of it.
        self._member._used = lambda: 0.0  # type: ignore[method-assign]
        self._heard = asyncio.StreamReader()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task = asyncio.create_task(self._member.run(self._heard, self._said.put_nowait, None))

    @property
    def rooms(self) -> Rooms:
        """Its rooms."""
        return self.app[ROOMS]

    @property
    def refusals(self) -> int:
        """How many newcomers its fence has refused."""
        return self.app[FENCE].refusals

    async def start(self) -> None:
        """Wait until it listens."""
        await self._said.get()

    async def renew(self, directory: LocalDirectory) -> None:
        """Do what a Host does twice a second; not when it is cut off."""
        if self.cut or self._task.done():
            return
        self._say({"renew": True})
        said = await self._said.get()
        if self.cut:
            return
        report = Report(**json.loads(json.dumps(said["report"])))
        renewed = await directory.renew(self.name, said["number"], report)
        self._say({"number": said["number"], "changed": renewed.changed, "drain": renewed.drain})

    def _say(self, message: dict[str, Any]) -> None:
        self._heard.feed_data(json.dumps(message).encode() + b"\n")

    def orphan(self) -> None:
        """End the wire, as when the Host dies."""
        self.cut = True
        self._heard.feed_eof()

    async def ended(self) -> None:
        """Wait until it has ended."""
        async with asyncio.timeout(10):
            await self._task

    async def close(self) -> None:
        """End it."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class ClusterHere:
    """The directory, the servers, and an HTTP client of the front."""

    def __init__(
        self, directory: LocalDirectory, servers: list[ServerHere], front: Client, seal: Seal, config: Config
    ) -> None:
        self.config = config
        self.directory = directory
        self.servers = servers
        self.front = front
        self.seal = seal
        self._stopped = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where the front is."""
        return str(self.front.make_url("/")).rstrip("/")

    def of(self, room: str) -> ServerHere:
        """Return the server that has a room."""
        return next(server for server in self.servers if server.rooms.open_rooms.get(room) is not None)

    def other(self, server: ServerHere) -> ServerHere:
        """Return the other one of two servers."""
        return next(s for s in self.servers if s is not server)

    @asynccontextmanager
    async def another_front(self) -> AsyncIterator[str]:
        """Run one more front; yield its URL."""
        front = Front(self.directory, self.seal, Links(None), self.config)
        async with TestClient(TestServer(front.app(), host="127.0.0.1")) as client:
            yield str(client.make_url("/")).rstrip("/")
        await front.close()

    async def cut_off(self, server: ServerHere) -> None:
        """Have nothing heard of a server any more, until its lease has run out."""
        server.cut = True
        async with asyncio.timeout(10):
            while len(await self.directory.servers()) == len(self.servers):
                await asyncio.sleep(0.05)

    async def lose(self, server: ServerHere) -> None:
        """Have the directory told that a server's process has ended; it renews no more."""
        server.cut = True
        await self.directory.lost(server.name)

    async def renew(self) -> None:
        """Have every server renew its lease once."""
        for server in self.servers:
            await server.renew(self.directory)

    def begin_renewing(self) -> None:
        """Renew again and again."""
        self._renewing = asyncio.create_task(self._keep_renewing())

    async def _keep_renewing(self) -> None:
        while not self._stopped.is_set():
            await self.renew()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), RENEWAL)

    async def stop_renewing(self) -> None:
        """Renew no more."""
        self._stopped.set()
        if self._renewing is not None:
            # A server that has ended answers no more.
            await asyncio.wait([self._renewing], timeout=2 * RENEWAL)
            self._renewing.cancel()


@asynccontextmanager
async def cluster_here(
    config: Config, segmenter: Segmenter, folder: Path, count: int = 2, *, public: bool = False
) -> AsyncIterator[ClusterHere]:
    """Run a front and servers; `public` ones are where WHIP clients are sent."""
    key = secrets.token_bytes(32)
    directory, seal = LocalDirectory(fresh=True), Seal(key)
    address = "127.0.0.1" if public else ""
    orders = [
        Orders(server_name(f"n{k}"), 4.0, path=f"{folder}/{k}", key=key.hex(), public_address=address)
        for k in range(count)
    ]
    servers = [ServerHere(config, segmenter, order) for order in orders]
    for server in servers:
        await server.start()
    front = Front(directory, seal, Links(None), config)
    app: web.Application = front.app()
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        cluster = ClusterHere(directory, servers, client, seal, config)
        await cluster.renew()
        cluster.begin_renewing()
        yield cluster
        await cluster.stop_renewing()
    await front.close()
    for server in servers:
        await server.close()
