import asyncio
import contextlib
import ssl
import stat
from pathlib import Path

import pytest

from server.access.certificates import make_secret, ticket_key, tls_context
from server.core.errors import ConfigError


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    make_secret(tmp_path / "cluster.pem")
    return tmp_path / "cluster.pem"


async def exchange(server: ssl.SSLContext | None, client: ssl.SSLContext | None) -> tuple[bytes, bytes]:
    """Return what a server has read, and what a client has, of a greeting each."""
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read(5))
        writer.write(b"hello")
        await writer.drain()
        await end(writer)
        ended.set()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        name = "greenroom" if client else None
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
        writer.write(b"hello")
        answer = await reader.read(5)
        await end(writer)
        if heard.done():
            await ended.wait()
        return (heard.result() if heard.done() else b""), answer


async def end(writer: asyncio.StreamWriter) -> None:
    """Close a connection, and wait until the other end has ended TLS as well."""
    writer.close()
    with contextlib.suppress(OSError):  # ssl.SSLError is one
        await writer.wait_closed()


async def test_both_ends_have_the_secret(secret: Path) -> None:
    server, client = tls_context(secret, server=True), tls_context(secret, server=False)
    assert await exchange(server, client) == (b"hello", b"hello")


async def test_without_it_no_byte_gets_in(secret: Path, tmp_path: Path) -> None:
    """A client learns in TLS 1.3 only when it reads that its certificate was refused."""
    make_secret(tmp_path / "other.pem")
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.load_verify_locations(secret)
    wrong = tls_context(tmp_path / "other.pem", server=False)
    wrong.load_verify_locations(secret)
    for client in (bare, wrong):
        try:
            heard = await exchange(tls_context(secret, server=True), client)
        except (ssl.SSLError, ConnectionError):
            continue
        assert heard == (b"", b"")


async def test_a_server_without_it_is_told_nothing(secret: Path, tmp_path: Path) -> None:
    make_secret(tmp_path / "other.pem")
    with pytest.raises(ssl.SSLError):
        await exchange(tls_context(tmp_path / "other.pem", server=True), tls_context(secret, server=False))


def test_only_its_owner_may_read_it(secret: Path) -> None:
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_secret_is_not_overwritten(secret: Path) -> None:
    before = secret.read_bytes()
    with pytest.raises(ConfigError):
        make_secret(secret)
    assert secret.read_bytes() == before


def test_tickets_have_a_key_of_their_own(secret: Path, tmp_path: Path) -> None:
    make_secret(tmp_path / "other.pem")
    key = ticket_key(secret)
    assert key == ticket_key(secret)
    assert key != ticket_key(tmp_path / "other.pem")
    assert len(key) == 32


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN"])
def test_a_secret_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "cluster.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cluster\.pem"):
        tls_context(file, server=True)
    with pytest.raises(ConfigError, match=r"cluster\.pem"):
        ticket_key(file)
