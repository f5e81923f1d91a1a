"""A machine's servers: child processes that are started, renewed in the directory, and replaced when they end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from server.cluster.directory import LEASE
from server.cluster.member import MAX_LINE, Orders
from server.cluster.messages import Report
from server.cluster.service import DirectoryService, Unreachable, server_name
from server.config.interpreter import RAY, python_command, python_environment
from server.config.options import Config
from server.core.backoff import Backoff
from server.core.errors import ConfigError

logger = logging.getLogger(__name__)

RENEWAL: Final = 0.5  # seconds between two renewals, some of which may be lost within a lease; chosen
START: Final = 60.0  # seconds that a server may take to start
ANSWER: Final = 30.0
"""Seconds after which a server that says nothing hangs: its people have lost it before; chosen."""
PAUSE: Final = 1.0  # seconds before a server that has ended is started anew
LONGEST_PAUSE: Final = 30.0  # seconds between attempts that fail
PORTS: Final = 2  # UDP ports that one person takes
ENDING: Final = 5.0  # seconds that a server may take to say goodbye


def shares(config: Config, orders: Orders, count: int, workers: int) -> list[Orders]:
    """Return the orders of `count` servers of one machine with so many workers each, and equal parts of its ports.

    Raises ConfigError.
    """
    first, last = config.udp_ports
    size = (last - first + 1) // count
    if last and size < PORTS:
        raise ConfigError(f"udp_ports: {last - first + 1} are too few for {count} servers")
    made = []
    for k in range(count):
        options = orders.options | {"workers": workers}
        if last:
            options["udp_ports"] = f"{first + k * size}, {first + (k + 1) * size - 1}"
        made.append(replace(orders, options=options))
    return made


class Host:
    """Supervises servers. They live on when it ends without `close`."""

    def __init__(self, directory: DirectoryService, node: str, servers: Sequence[Orders]) -> None:
        """Keep as many servers as there are Orders; their names are made here, from the node's."""
        self._directory = directory
        self._node = node
        self._orders = list(servers)
        self._children: set[asyncio.subprocess.Process] = set()
        self._begun = False
        """Whether any server has ever started."""

    async def run(self) -> None:
        """Keep the servers running, until cancelled or all are drained; raise ConfigError where none ever starts."""
        await asyncio.gather(*(self._keep(orders) for orders in self._orders))

    async def close(self) -> None:
        """End the servers: they tell their people, who ask for another one."""
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        ending = [asyncio.create_task(child.wait()) for child in self._children]
        if ending:
            await asyncio.wait(ending, timeout=ENDING)
        for child in self._children:
            if child.returncode is None:
                child.kill()
        await asyncio.gather(*ending)

    async def _keep(self, orders: Orders) -> None:
        pauses = Backoff(PAUSE, LONGEST_PAUSE)
        while True:
            name, began = server_name(self._node), time.monotonic()
            if await self._serve(name, replace(orders, name=name)):
                logger.info("server %s has ended, drained", name)
                return
            if not self._begun:
                raise ConfigError("a server ends before it has started")
            logger.error("server %s has ended; another one is started", name)
            await asyncio.sleep(pauses.pause(time.monotonic() - began))

    async def _serve(self, name: str, orders: Orders) -> bool:
        """Run a server until it ends; tell whether it was to end."""
        try:
            child = await self._start(orders)
        except OSError as error:  # this machine has no process, or no descriptor, to spare
            logger.error("server %s can't be started, for now: %s", name, error)
            return False
        drained = await self._renew(name, child)
        self._children.discard(child)
        return drained

    async def _start(self, orders: Orders) -> asyncio.subprocess.Process:
        # Whoever breaks a codec shall not find the token of the whole cluster in the environment.
        child = await asyncio.create_subprocess_exec(
            *python_command("server", "cluster", "server"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=python_environment(RAY),
            start_new_session=True,
            limit=MAX_LINE,
        )
        self._children.add(child)
        _write(child, orders.line())
        return child

    async def _renew(self, name: str, child: asyncio.subprocess.Process) -> bool:
        """Renew a server's lease until it ends; tell whether it was to end."""
        drained = False
        ended = asyncio.create_task(child.wait())
        if await self._line(child, START) is not None:
            self._begun = True
            while not ended.done():
                drained |= await self._renew_once(name, child)
                await asyncio.wait([ended], timeout=RENEWAL)
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        await ended
        await self._lost(name)
        return drained

    async def _renew_once(self, name: str, child: asyncio.subprocess.Process) -> bool:
        _write(child, b'{"renew": true}\n')
        said = await self._line(child, ANSWER)
        if said is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            return False
        try:
            async with asyncio.timeout(LEASE):
                renewed = await self._directory.renew(name, said["number"], Report(**said["report"]))
        except (Unreachable, TimeoutError) as error:
            logger.warning("the directory does not hear renewals: %s", error or "no answer")
            return False
        answer = {"number": said["number"], "changed": dict(renewed.changed), "drain": renewed.drain}
        _write(child, json.dumps(answer).encode() + b"\n")
        return renewed.drain is not None

    async def _line(self, child: asyncio.subprocess.Process, limit: float) -> dict[str, Any] | None:
        """Return what a server says; None when it ends, says nothing in time, or nonsense."""
        assert child.stdout is not None
        try:
            async with asyncio.timeout(limit):
                line = await child.stdout.readline()
            return dict(json.loads(line)) if line else None
        except (TimeoutError, ValueError):
            return None

    async def _lost(self, name: str) -> None:
        try:
            async with asyncio.timeout(LEASE):
                await self._directory.lost(name)
        except (Unreachable, TimeoutError):
            logger.warning("the directory learns of a lost server by its lease")


def _write(child: asyncio.subprocess.Process, line: bytes) -> None:
    assert child.stdin is not None
    with contextlib.suppress(ConnectionError):
        child.stdin.write(line)
