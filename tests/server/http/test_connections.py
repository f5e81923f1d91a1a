"""Half-open connections, slow bodies, and what no header tells."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer

from filters.matting.segmenter import Segmenter
from server.app import create_app
from server.config.options import Config
from server.http import connections
from server.http.connections import HANDSHAKES, PENDING, TLS
from server.http.tls import ssl_context
from tests.support.serving import Client, serving

Until: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]
LIMIT = 3


@pytest.fixture
async def here(segmenter: Segmenter) -> AsyncIterator[Client]:
    async with serving(Config(workers=1, max_connections_per_address=LIMIT), segmenter) as client:
        yield client


@pytest.fixture
def as_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count connections of this machine, too."""
    monkeypatch.setattr("server.http.quota.site", lambda address: str(address))


Connect: TypeAlias = Callable[[bytes], Awaitable[asyncio.StreamReader]]


@pytest.fixture
async def connect(here: Client) -> AsyncIterator[Connect]:
    """Open a connection, send something and return what comes; all end with the test, or with `hang_up`."""
    writers: list[asyncio.StreamWriter] = []

    async def run(sent: bytes) -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection(here.host, here.port)
        writers.append(writer)
        writer.write(sent)
        return reader

    yield run
    await hang_up(writers)


async def hang_up(writers: list[asyncio.StreamWriter]) -> None:
    for writer in writers:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    writers.clear()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return what came before the server closed the connection."""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            return await reader.read()
    return b""


HALVES = (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-a: ", b"POST /whip/a HTTP/1.1\r\nHost: x\r\n")


@pytest.mark.parametrize("half", HALVES)
async def test_a_request_that_never_comes_is_not_waited_for(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, half: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_LIMIT", 0.05)
    assert await ended(await connect(half)) == b""


@pytest.mark.slow
@pytest.mark.usefixtures("as_from_elsewhere")
async def test_one_address_leaves_so_many_requests_unsaid(
    here: Client, connect: Connect, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_LIMIT", 1.0)
    waiting = [await connect(HALVES[1]) for _ in range(LIMIT)]
    assert await ended(await connect(HALVES[1])) == b""
    for reader in waiting:
        assert await ended(reader) == b""
    await until(lambda: not here.app[PENDING]._held)
    async with here.get("/healthz") as response:
        assert response.status == 200


@pytest.mark.usefixtures("as_from_elsewhere")
async def test_a_connection_that_has_asked_counts_no_more(here: Client, connect: Connect) -> None:
    request = f"GET /healthz HTTP/1.1\r\nHost: localhost:{here.port}\r\n\r\n".encode()
    for _ in range(2 * LIMIT):
        assert b"200 OK" in await (await connect(request)).readline()
    assert not here.app[PENDING]._held


async def test_a_body_that_never_ends_is_not_waited_for(
    here: Client, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BODY_LIMIT", 0.05)
    head = (
        f"POST /whip/a HTTP/1.1\r\nHost: localhost:{here.port}\r\nContent-Type: application/sdp\r\n"
        "Content-Length: 60000\r\n\r\nv=0"
    )
    reader = await connect(head.encode())
    async with asyncio.timeout(10):
        assert b" 408 " in await reader.readline()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\x00\r\n\r\n", b"400"),
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n", b"200"),
        (b"POST /whip/a HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
    ],
)
async def test_no_answer_tells_a_version(connect: Connect, request_: bytes, status: bytes) -> None:
    answer = await ended(await connect(request_))
    assert answer.split()[1] == status
    assert b"Server: Greenroom\r\n" in answer
    assert b"Python" not in answer
    assert b"aiohttp" not in answer.partition(b"\r\n\r\n")[0]


@pytest.mark.usefixtures("as_from_elsewhere")
async def test_few_connections_of_one_address_are_kept_for_another_request(
    here: Client, connect: Connect
) -> None:
    request = f"GET /healthz HTTP/1.1\r\nHost: localhost:{here.port}\r\n\r\n".encode()
    kept = [await connect(request) for _ in range(LIMIT)]
    for reader in kept:
        await reader.readuntil(b"ok\n")
    answer = await ended(await connect(request))
    assert answer.endswith(b"ok\n")
    assert b"Connection: close" in answer
    async with here.ws_connect("/ws") as socket:  # is no answer that ends
        await socket.send_json({"type": "join", "version": 1, "room": "studio", "name": "Ada"})
        assert (await socket.receive_json())["type"] == "joined"
    assert not any(reader.at_eof() for reader in kept)


@pytest.fixture
async def encrypted(segmenter: Segmenter, tmp_path: Path) -> AsyncIterator[Client]:
    config = Config(workers=1, max_connections_per_address=LIMIT, tls="self-signed", state=tmp_path)
    app, context = create_app(config, segmenter), ssl_context(config)
    assert context is not None
    app[TLS] = context
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        yield client


async def test_https_is_strict_and_http_is_not(here: Client, encrypted: Client) -> None:
    url = encrypted.make_url("/healthz").with_scheme("https")
    async with ClientSession() as session, session.get(url, ssl=False) as response:
        assert response.headers["Strict-Transport-Security"].startswith("max-age=")
    async with here.get("/healthz") as response:
        assert "Strict-Transport-Security" not in response.headers


@pytest.mark.usefixtures("as_from_elsewhere")
async def test_who_begins_no_tls_is_counted_and_not_waited_for(
    encrypted: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes .3 MB."""
    monkeypatch.setattr(connections, "HEAD_LIMIT", 1.0)
    most = LIMIT * HANDSHAKES
    opened = [await asyncio.open_connection(encrypted.host, encrypted.port) for _ in range(most + 1)]
    assert await ended(opened[most][0]) == b""
    assert not any(reader.at_eof() for reader, _ in opened[:most])
    for reader, _ in opened:
        assert await ended(reader) == b""
    await hang_up([writer for _, writer in opened])
    url = encrypted.make_url("/healthz").with_scheme("https")
    async with ClientSession() as session, session.get(url, ssl=False) as response:
        assert response.status == 200


def test_every_server_of_the_application_is_guarded(segmenter: Segmenter) -> None:
    assert PENDING in create_app(Config(workers=1), segmenter)
