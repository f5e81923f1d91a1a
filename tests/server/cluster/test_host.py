"""A machine's servers: real child processes, with the directory in this one."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from server.cluster import host
from server.cluster.host import Host, shares
from server.cluster.member import Orders
from server.cluster.service import LocalDirectory
from server.config.options import Config
from server.core.errors import ConfigError
from server.receipts.keys import signing_key

KEY = "00" * 32
LIMIT = 60.0  # seconds


def orders(path: Path) -> Orders:
    return Orders("", 1.0, path=str(path), key=KEY, options={"workers": 1})


def test_servers_of_one_machine_share_its_ports() -> None:
    first, second = shares(Config(udp_ports=(5000, 5099)), Orders("", 1.0), 2, workers=3)
    assert first.options == {"workers": 3, "udp_ports": "5000, 5049"}
    assert second.options == {"workers": 3, "udp_ports": "5050, 5099"}


def test_too_few_ports_are_refused() -> None:
    with pytest.raises(ConfigError, match="udp_ports"):
        shares(Config(udp_ports=(5000, 5004)), Orders("", 1.0), 3, workers=3)


def test_all_servers_sign_receipts_with_one_key(tmp_path: Path) -> None:
    """Whoever asks a front for it is answered by any of them."""
    first, second = (orders(tmp_path / name).with_receipt_key(Config()) for name in "ab")
    assert first.receipt_key == second.receipt_key
    assert signing_key(first).private_bytes_raw() != bytes.fromhex(KEY)
    for config in (Config(receipt_key="ours.pem"), Config(state=tmp_path)):
        assert orders(tmp_path).with_receipt_key(config) is config


class Unstartable(Host):
    """A host on a machine that has no process to spare, `failures` times."""

    def __init__(self, failures: int, path: Path) -> None:
        super().__init__(LocalDirectory(fresh=True), "node", [orders(path)])
        self._begun = True
        self.failures = failures

    async def _start(self, told: Orders) -> asyncio.subprocess.Process:
        self.failures -= 1
        if self.failures >= 0:
            raise BlockingIOError("Resource temporarily unavailable")
        raise EOFError


async def test_a_machine_without_a_process_to_spare_tries_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Otherwise one server that can't be replaced would end all others of the machine."""
    monkeypatch.setattr(host, "PAUSE", 0.01)
    machine = Unstartable(2, tmp_path)
    with pytest.raises(EOFError):
        await machine.run()
    assert machine.failures == -1


@pytest.mark.parametrize("line", [b"x" * 200, b"no JSON\n"])
async def test_a_server_that_says_nonsense_is_one_that_hangs(tmp_path: Path, line: bytes) -> None:
    said = asyncio.StreamReader(limit=100)
    said.feed_data(line)
    said.feed_eof()
    child = SimpleNamespace(stdout=said)
    machine = Host(LocalDirectory(fresh=True), "node", [orders(tmp_path)])
    assert await machine._line(cast(Process, child), 1.0) is None


async def test_servers_that_hang_are_waited_for_all_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(host, "ENDING", 0.5)
    machine = Host(LocalDirectory(fresh=True), "node", [orders(tmp_path)])
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as children inherit it
    hanging = [await asyncio.create_subprocess_exec("sleep", "60") for _ in range(10)]
    signal.signal(signal.SIGTERM, before)
    machine._children.update(hanging)
    async with asyncio.timeout(10 * host.ENDING / 2):
        await machine.close()
    assert {child.returncode for child in hanging} == {-signal.SIGKILL}


class Running:
    """A host with one server."""

    def __init__(self, directory: LocalDirectory, running: Host, task: asyncio.Task[None]) -> None:
        self.directory = directory
        self.task = task
        self._host = running

    @property
    def server(self) -> int:
        """The server's process."""
        (child,) = self._host._children
        return child.pid

    async def names(self) -> list[str]:
        """Return what the servers that answer are called."""
        servers = (await self.directory.snapshot())["servers"]
        return [server["name"] for server in servers if server["lease"]]

    async def until(self, met: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the servers are as they shall be; return their names."""
        async with asyncio.timeout(LIMIT):
            while not met(names := await self.names()):
                await asyncio.sleep(0.05)
        return names


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[Running]:
    directory = LocalDirectory(fresh=True)
    machine = Host(directory, "node", [orders(path)])
    task = asyncio.create_task(machine.run())
    try:
        yield Running(directory, machine, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await machine.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_server_that_ends_or_hangs_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fate: signal.Signals
) -> None:
    monkeypatch.setattr(host, "ANSWER", 5.0)
    async with running(tmp_path / "server") as machine:
        (first,) = await machine.until(lambda names: len(names) == 1)
        os.kill(machine.server, fate)
        await machine.until(lambda names: bool(names) and first not in names)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_server_that_hangs_does_not_keep_a_machine_from_draining(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(host, "ANSWER", 5.0)
    async with running(tmp_path / "server") as machine:
        await machine.until(lambda names: len(names) == 1)
        os.kill(machine.server, signal.SIGSTOP)
        await machine.directory.drain("node", 1.0)
        async with asyncio.timeout(LIMIT):
            await machine.task
        assert await machine.names() == []
