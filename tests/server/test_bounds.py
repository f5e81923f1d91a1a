"""What must stay bounded: latency and memory under overload, what visitors leave behind, how long the loop is kept."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from filters.matting.segmenter import Segmenter
from server.app import create_app
from server.config.options import Config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KEPT = 0.010
"""Seconds of CPU that one callback may take on the event loop."""
MEGABYTE = 1 << 20
ENDINGS = ("leave", "drop", "crash")


@pytest.fixture
async def url(segmenter: Segmenter) -> AsyncIterator[str]:
    """A server in this process, whose lost participants are given up soon."""
    runner = web.AppRunner(create_app(Config(workers=2, seat_hold=0.3), segmenter), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    gc.collect()
    gc.freeze()  # pytest's own objects are none of the server's business
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    gc.unfreeze()
    await runner.cleanup()


async def visitors(url: str, count: int, ending: str) -> None:
    """Let people come and go."""
    command = (sys.executable, "-m", "tests.support.visitors", url, str(count), ending)
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


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
    assert resident() - memory < 12 * MEGABYTE


class Watchdog:
    """Notes how much CPU time the callbacks of the event loop's thread take, and whether they wait for threads.

    It is CPU time because a busy machine takes the loop's thread off its core as it pleases.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.longest: list[tuple[float, str]] = []
        self.joins: list[str] = []
        run, join, loop = asyncio.Handle._run, threading.Thread.join, threading.current_thread()

        def timed_run(handle: asyncio.Handle) -> None:
            start = time.thread_time()
            what = repr(handle)
            run(handle)
            self.longest.append((time.thread_time() - start, what))

        def noted_join(thread: threading.Thread, timeout: float | None = None) -> None:
            if threading.current_thread() is loop:
                self.joins.append(thread.name)
            join(thread, timeout)

        monkeypatch.setattr(asyncio.Handle, "_run", timed_run)
        monkeypatch.setattr(threading.Thread, "join", noted_join)


@pytest.fixture
def watchdog(monkeypatch: pytest.MonkeyPatch) -> Watchdog:
    return Watchdog(monkeypatch)


async def test_nothing_keeps_the_event_loop(url: str, watchdog: Watchdog) -> None:
    for ending in ENDINGS:
        await visitors(url, 5, ending)
    worst = sorted(watchdog.longest, reverse=True)[:5]
    assert watchdog.joins == []
    assert worst[0][0] < KEPT, "\n".join(f"{took * 1e3:.1f} ms {what}" for took, what in worst)
