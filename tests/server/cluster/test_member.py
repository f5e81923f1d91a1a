"""Where a server of a cluster listens: for fronts by mutual TLS, for WHIP and WHEP clients by its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from yarl import URL

from filters.matting.segmenter import Segmenter
from server.access.certificates import NAME, make_secret, tls_context
from server.app import create_app
from server.cluster.links import Links
from server.cluster.member import ClusterMember, Orders
from server.config.options import Config
from server.http import connections
from server.http.connections import HANDSHAKES
from server.http.tls import ssl_context

LIMIT = 3


class Listening:
    """A server that listens in both ways."""

    def __init__(self, secret: Path, front: URL, public: URL) -> None:
        self.secret, self.front, self.public = secret, front, public


@pytest.fixture
async def member(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Listening]:
    """Connections of this machine count, too."""
    monkeypatch.setattr("server.http.quota.site", lambda address: str(address) if address else None)
    secret, said = tmp_path / "cluster.pem", asyncio.Queue[dict[str, Any]]()
    make_secret(secret)
    config = Config(workers=1, max_connections_per_address=LIMIT, tls="self-signed", state=tmp_path)
    orders = Orders("n/1", 1.0, address="127.0.0.1", secret=str(secret), public_address="127.0.0.1")
    server, heard = ClusterMember(create_app(config, segmenter), orders), asyncio.StreamReader()
    running = asyncio.create_task(server.run(heard, said.put_nowait, ssl_context(config)))
    url = URL((await said.get())["url"])
    heard.feed_data(b'{"renew": true}\n')
    yield Listening(secret, url, URL((await said.get())["report"]["public"]))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@contextlib.asynccontextmanager
async def opened(
    count: int, url: URL, context: ssl.SSLContext | None
) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Open connections on which nothing is asked."""
    name = NAME if context is not None else None
    made = [
        await asyncio.open_connection(url.host, url.port, ssl=context, server_hostname=name)
        for _ in range(count)
    ]
    try:
        yield [reader for reader, _ in made]
    finally:
        for _, writer in made:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def end(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            return await reader.read()
    return b""


async def test_both_ways_lead_to_the_server(member: Listening) -> None:
    links = Links(member.secret)
    async with links.request(str(member.front), "GET", "/healthz", {}) as response:
        assert response.status == 200
    await links.close()
    async with ClientSession() as session, session.get(member.public / "healthz", ssl=False) as response:
        assert response.status == 200


async def test_who_begins_no_tls_on_the_public_port_is_counted_and_not_waited_for(
    member: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_LIMIT", 3.0)  # seconds, in which all can connect
    most = HANDSHAKES * LIMIT
    async with opened(most + 1, member.public, None) as readers:
        assert await end(readers[most]) == b""
        assert not any(reader.at_eof() for reader in readers[:most])
        for reader in readers:
            assert await end(reader) == b""


async def test_a_front_speaks_for_more_people_than_one_address_may(member: Listening) -> None:
    """When a server is lost, a front brings all its people at once."""
    async with opened(LIMIT + 1, member.front, tls_context(member.secret, server=False)) as readers:
        ending = [asyncio.create_task(reader.read()) for reader in readers]
        links = Links(member.secret)
        async with links.request(str(member.front), "GET", "/healthz", {}) as response:
            assert response.status == 200
        await links.close()
        assert not any(task.done() for task in ending)
        for task in ending:
            task.cancel()
