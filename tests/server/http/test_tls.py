"""Certificates that browsers of a LAN take after one warning, and files that are none."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509

from server.config.options import Config
from server.core.errors import ConfigError
from server.http import tls
from server.http.tls import FILE, load_certificate, self_signed, ssl_context
from tests.support.full_disk import full_disk


async def test_a_client_that_knows_the_certificate_gets_through(tmp_path: Path) -> None:
    context = ssl_context(Config(tls="self-signed", state=tmp_path))
    app = web.Application()
    app.router.add_get("/", hello)
    server = TestServer(app, scheme="https", host="127.0.0.1")
    await server.start_server(ssl=context)
    known = ssl.create_default_context(cafile=str(tmp_path / FILE))
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=known)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).endswith(b"https")
    writer.close()
    await writer.wait_closed()
    await server.close()


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=request.scheme)


def test_the_certificate_is_kept_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    ssl_context(Config(tls="self-signed", state=state))
    before = (state / FILE).read_bytes()
    ssl_context(Config(tls="self-signed", state=state))
    assert (state / FILE).read_bytes() == before
    assert (state / FILE).stat().st_mode & 0o077 == 0


def test_a_full_disk_leaves_the_certificate_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssl_context(Config(tls="self-signed", state=tmp_path))
    before = (tmp_path / FILE).read_bytes()
    monkeypatch.setattr(tls, "RENEWAL", 2 * tls.VALIDITY)
    with full_disk(), pytest.raises(ConfigError):
        ssl_context(Config(tls="self-signed", state=tmp_path))
    assert (tmp_path / FILE).read_bytes() == before


def test_without_a_folder_nothing_is_left() -> None:
    assert ssl_context(Config(tls="self-signed")) is not None


def test_off_is_http() -> None:
    assert ssl_context(Config()) is None


def test_the_certificate_names_what_it_is_asked_for() -> None:
    certificate = x509.load_pem_x509_certificate(self_signed(["studio.local", "192.0.2.1", "2001:db8::1"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["studio.local"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "2001:db8::1"]


def test_own_files(tmp_path: Path) -> None:
    pem = tmp_path / "both.pem"
    pem.write_bytes(self_signed(["localhost"]))
    assert ssl_context(Config(tls_certificate=pem, tls_key=pem)) is not None


def test_files_that_are_no_certificate(tmp_path: Path) -> None:
    missing, text = tmp_path / "missing.pem", tmp_path / "text.pem"
    text.write_text("not a certificate")
    with pytest.raises(ConfigError, match=r"missing\.pem.*No such file"):
        ssl_context(Config(tls_certificate=missing, tls_key=missing))
    with pytest.raises(ConfigError, match=r"tls_certificate .*text\.pem"):
        ssl_context(Config(tls_certificate=text, tls_key=text))
    (tmp_path / FILE).write_text("broken")
    with pytest.raises(ConfigError, match="state"):
        ssl_context(Config(tls="self-signed", state=tmp_path))


async def test_a_certificate_without_its_key_leaves_the_one_before(tmp_path: Path) -> None:
    """As when the new certificate is there a moment before its key, or only root may read that."""
    pem, key = self_signed(["localhost"]), tmp_path / "key.pem"
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(pem)
    key.write_bytes(pem)
    config = Config(tls_certificate=certificate, tls_key=key)
    context = ssl_context(config)
    assert context is not None
    certificate.write_bytes(self_signed(["localhost"]))
    with pytest.raises(ConfigError):
        load_certificate(context, config)
    async with await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context
    ) as server:
        address = server.sockets[0].getsockname()
        shown = await asyncio.to_thread(ssl.get_server_certificate, address)
    assert shown.strip().encode() in pem
