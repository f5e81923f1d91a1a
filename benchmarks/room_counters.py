"""What a server process of the room benchmark tells about itself."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

LAG_INTERVAL = 0.01  # seconds; chosen
SAMPLE_INTERVAL = 0.004
"""Seconds of the process's CPU between two samples: a tick of Linux, which takes no shorter ones."""


@dataclass(frozen=True)
class Snapshot:
    """Counters since the process began; times in seconds."""

    time: float
    cpu: float
    loop: float
    """CPU of the event loop's thread."""
    rss: int
    """Bytes."""
    lag: tuple[float, float]
    """How late the event loop woke up since the last snapshot: median and 99th percentile, in ms."""
    stages: Mapping[str, float]
    counts: Mapping[str, int]


class Stopwatch:
    """CPU time of the event loop's thread by stage; the time of a nested stage is not the outer one's.

    Each sample charges the time since the last one to the stage of the moment: a clock that is read whenever the stage
    changes takes a fifth of the loop's time.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._stage = "rest of loop"
        self._since = time.thread_time()
        signal.signal(signal.SIGPROF, self._sample)
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_INTERVAL, SAMPLE_INTERVAL)

    def _sample(self, *_: object) -> None:
        now = time.thread_time()
        self.seconds[self._stage] += now - self._since
        self._since = now

    def time(self, owner: object, name: str, stage: str) -> None:
        """Charge the calls of a function or method, which run on the event loop, to a stage."""
        inner: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(inner)
        def timed(*args: object) -> object:
            before, self._stage = self._stage, stage
            try:
                return inner(*args)
            finally:
                self._stage = before

        setattr(owner, name, timed)


class LoopLag:
    """How much later than asked the event loop wakes a sleeper."""

    def __init__(self) -> None:
        self._late: list[float] = []

    async def run(self) -> None:
        while True:
            start = time.monotonic()
            await asyncio.sleep(LAG_INTERVAL)
            self._late.append(time.monotonic() - start - LAG_INTERVAL)

    def take(self) -> tuple[float, float]:
        """Return the median and the 99th percentile since the last call, in ms."""
        late, self._late = sorted(self._late) or [0.0], []
        return late[len(late) // 2] * 1e3, late[len(late) * 99 // 100] * 1e3


Collect = Callable[[], tuple[Mapping[str, float], Mapping[str, int]]]
"""Returns the seconds of each stage and the counts so far."""


def nothing() -> tuple[Mapping[str, float], Mapping[str, int]]:
    """Collect from a server that is not Greenroom, and has neither."""
    return {}, {}


async def serve(app: web.Application, collect: Collect = nothing) -> None:
    """Serve `app` and GET /benchmark on any port, which is printed, until standard input ends."""
    lag = LoopLag()

    async def snapshot(_: web.Request) -> web.Response:
        stages, counts = collect()
        cpu, memory = family()
        now = Snapshot(time.monotonic(), cpu, time.thread_time(), memory, lag.take(), stages, counts)
        return web.json_response(asdict(now))

    app.router.add_get("/benchmark", snapshot)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gc.collect()
    gc.freeze()  # as server.app does
    print(runner.addresses[0][1], flush=True)
    measuring = asyncio.create_task(lag.run())
    await asyncio.to_thread(sys.stdin.read)
    measuring.cancel()
    await runner.cleanup()


def family() -> tuple[float, int]:
    """Return seconds of CPU and bytes in memory of this process and its children; without /proc, of itself only."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss
    stats = [_stat(path) for path in Path("/proc").glob("[0-9]*/stat")]
    ours = [s for s in stats if s and os.getpid() in (s.pid, s.parent)]
    if ours:
        memory = sum(s.pages for s in ours) * os.sysconf("SC_PAGE_SIZE")
    ticks = sum(s.ticks for s in ours if s.pid != os.getpid())
    return cpu + ticks / os.sysconf("SC_CLK_TCK"), memory


class _Stat(NamedTuple):
    pid: int
    parent: int
    ticks: int
    pages: int


def _stat(path: Path) -> _Stat | None:
    """Read what proc(5) tells of a process; None for one that has ended meanwhile."""
    try:
        text = path.read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return _Stat(int(path.parent.name), int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[21]))
