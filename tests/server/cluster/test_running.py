"""`greenroom serve --loops`: several servers and a front on one machine, as one program."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.http.tls import self_signed
from tests.support.program import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LIMIT = 60.0  # seconds


@asynccontextmanager
async def program(port: int, *arguments: str) -> AsyncIterator[Process]:
    """Run two servers; what is left of them at the end is ended."""
    command = [sys.executable, "-m", "server", "serve", "--loops", "2", "--workers", "2", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        *command, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(LIMIT):
            await process.communicate()


async def said(process: Process) -> tuple[int, str]:
    """Wait until a program has ended; return its status and what it has said on standard error."""
    async with asyncio.timeout(LIMIT):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


async def test_sighup_reads_the_certificate_again_and_ends_nothing(tmp_path: Path) -> None:
    port, pem = free_port(), tmp_path / "both.pem"
    pem.write_bytes(self_signed(["first.example"]))

    async def certificate() -> bytes:
        shown = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
        return shown.strip().encode()

    files = ["--set", f"tls_certificate={pem}", "--set", f"tls_key={pem}"]
    async with program(port, *files) as process:
        assert process.stdout is not None
        async with asyncio.timeout(LIMIT):
            await process.stdout.readline()
        assert await certificate() in pem.read_bytes()
        pem.write_bytes(self_signed(["second.example"]))
        process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(LIMIT):
            while await certificate() not in pem.read_bytes():
                await asyncio.sleep(0.05)


async def test_a_wrong_option_that_only_a_server_can_see_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with program(free_port(), "--set", f"state={tmp_path}/file/state") as process:
        status, errors = await said(process)
    assert status == 1
    assert "Not a directory" in errors


async def test_where_the_port_is_in_use_no_server_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with program(taken.getsockname()[1]) as process:
            status, errors = await said(process)
    assert status == 1
    assert len(errors.splitlines()) == 1
    assert "in use" in errors
