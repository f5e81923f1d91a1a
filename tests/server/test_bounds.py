"""What must stay bounded: latency and memory under overload, what visitors leave behind, how long the loop is kept."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from filters.matting.segmenter import Segmenter
from tests.support import loop_watch
from tests.support.loop_watch import ENDINGS, reachable, visitors
from tests.support.watchdog import Watchdog

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KEPT, CONNECTIONS_KEPT = 0.010, 6
"""Seconds of CPU that one callback may take on the event loop, or as much as so many connections of any server."""
SAID, CONNECTIONS_SAID = 0.020, 12
"""The same of a callback that takes long because of what a client says."""
ROUNDS = 3
"""How often the loop is watched at most."""
MEGABYTE = 1 << 20


@pytest.fixture
async def url(segmenter: Segmenter) -> AsyncIterator[str]:
    async with reachable(segmenter) as url:
        yield url


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def census() -> tuple[int, int, int]:
    """Count tasks, threads and open files."""
    return len(asyncio.all_tasks()), threading.active_count(), open_files()


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
async def test_visitors_leave_nothing_behind(url: str) -> None:
    for ending in ENDINGS:  # once, so that caches, worker threads and the heap are there
        await visitors(url, 10, ending)
    await asyncio.sleep(1)
    before, memory = census(), resident()
    for ending in ENDINGS:
        await visitors(url, 10, ending)
    await until(lambda: all(now <= then for now, then in zip(census(), before, strict=True)))
    await until(
        lambda: resident() - memory < 12 * MEGABYTE
    )  # what has just been closed is freed a little later


@pytest.fixture
def watchdog(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watchdog]:
    watchdog = Watchdog(monkeypatch)
    yield watchdog
    watchdog.close()


async def test_nothing_keeps_the_event_loop() -> None:
    """In a process of its own, where imports and caches are still to come; ROUNDS times at most.

    What keeps the loop does so each time; what a shared machine adds to one callback does not.
    """
    for _ in range(ROUNDS):
        command = (sys.executable, "-m", loop_watch.__name__)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        told = json.loads(printed)
        assert told["joins"] == []
        if told["longest"][0][0] < max(KEPT, CONNECTIONS_KEPT * told["connection"]):
            return
    pytest.fail("\n".join(f"{took * 1e3:.1f} ms {what}" for took, what in told["longest"]))


async def test_nothing_that_is_said_keeps_the_event_loop(url: str, watchdog: Watchdog) -> None:
    """All of the signalling, with inputs that cost as much as they can.

    The same words cost the same again; what a shared machine adds to one callback does not.
    """
    for _ in range(ROUNDS):
        watchdog.longest[:] = [(0.0, "nothing")]
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.support.hostile", url)
        assert await process.wait() == 0
        longest = sorted(watchdog.longest, reverse=True)[:8]
        if longest[0][0] < max(SAID, CONNECTIONS_SAID * watchdog.connection):
            return
    pytest.fail("\n".join(f"{took * 1e3:.1f} ms {what}" for took, what in longest))
