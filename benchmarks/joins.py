"""What a front costs a join, and how many people come in a second. Linux only.

    python -m benchmarks.joins [--joins 100] [--at-once 1 8] [--seconds 10]

A server by itself, and a front with two servers on two real Ray nodes (extra `cluster`), all on this machine, are
joined in turn. *joined* is from opening the WebSocket to the room, *answered* until the offer of a camera and a
microphone has its answer; media are not sent. Then rooms of two come and go at the front, so many at once, and the
share of a core that each event loop takes is read.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from aiohttp import ClientSession
from rich.console import Console
from rich.table import Table

from tests.e2e.conftest import run_server
from tests.support.program import free_port
from tests.support.ray_nodes import ADDRESSES, RayNodes
from tests.support.whip_client import offer

PEOPLE = 2  # in a room; chosen
CORES = 400  # that each server is said to have: a newcomer's cost is counted for 20 s (directory.py)


class Timing(NamedTuple):
    """Seconds from the beginning of one join."""

    joined: float
    answered: float


class Loops(NamedTuple):
    """The processes whose event loops are watched."""

    front: int
    servers: list[int]


class Rush(NamedTuple):
    """What came of rooms that come and go; shares are of a core."""

    rate: float
    """Joins a second."""
    front: float
    servers: list[float]


async def join(session: ClientSession, url: str, room: str, sdp: str) -> Timing:
    """Come in, offer, and leave; raise RuntimeError when that is refused."""
    start = time.monotonic()
    async with session.ws_connect(f"{url}/ws", max_msg_size=0) as socket:

        async def until(kind: str) -> float:
            while (message := await socket.receive_json())["type"] != kind:
                if message["type"] == "error":
                    raise RuntimeError(message["message"])
            return time.monotonic() - start

        await socket.send_json({"type": "join", "version": 1, "room": room, "name": "Ada"})
        joined = await until("joined")
        await socket.send_json({"type": "offer", "connection": "publish", "id": 1, "sdp": sdp})
        answered = await until("answer")
        await socket.send_json({"type": "leave"})
    return Timing(joined, answered)


async def alternate(urls: Sequence[str], count: int) -> list[list[Timing]]:
    """Return the timings of each URL, which are joined in turn; the first of each are not counted."""
    sdp = await offer("sendonly", "audio", "video")
    timings: list[list[Timing]] = [[] for _ in urls]
    async with ClientSession() as session:
        for k in range(count + 1):
            for url, found in zip(urls, timings, strict=True):
                found.append(await join(session, url, f"alternate-{k}", sdp))
    return [found[1:] for found in timings]


async def rush(url: str, loops: Loops, at_once: int, seconds: float) -> Rush:
    """Have rooms of two come and go, so many at once."""
    sdp, numbers = await offer("sendonly", "audio", "video"), itertools.count()
    deadline = time.monotonic() + seconds

    async def come_and_go(session: ClientSession) -> int:
        joins = 0
        while time.monotonic() < deadline:
            room = f"rush-{at_once}-{next(numbers)}"
            joins += len(await asyncio.gather(*(join(session, url, room, sdp) for _ in range(PEOPLE))))
        return joins

    pids = [loops.front, *loops.servers]
    async with ClientSession() as session:
        start, before = time.monotonic(), [loop_time(pid) for pid in pids]
        joins = sum(await asyncio.gather(*(come_and_go(session) for _ in range(at_once))))
        elapsed, after = time.monotonic() - start, [loop_time(pid) for pid in pids]
    front, *servers = ((b - a) / elapsed for a, b in zip(before, after, strict=True))
    return Rush(joins / elapsed, front, servers)


def loop_time(pid: int) -> float:
    """Return the seconds of CPU that a process's main thread has taken: its event loop's (proc(5))."""
    text = Path(f"/proc/{pid}/task/{pid}/stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def cluster() -> Iterator[tuple[str, Loops]]:
    """Run a front, and a server on each of two Ray nodes of this machine."""
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        nodes = RayNodes(Path(folder), {}, rooms=CORES)
        try:
            for name in ADDRESSES:
                nodes.start(name)
            url = nodes.serve(free_port())
            yield url, Loops(nodes.front, [nodes.server(name) for name in ADDRESSES])
        finally:
            nodes.stop()


def timings_table(ways: Sequence[str], timings: Sequence[Sequence[Timing]]) -> Table:
    """Return the median and the 95th percentile of each way."""
    table = Table(title="From opening the WebSocket, ms", title_justify="left")
    for i, name in enumerate(("", "joined p50", "p95", "answered p50", "p95")):
        table.add_column(name, justify="right" if i else "left")
    for way, found in zip(ways, timings, strict=True):
        cells = []
        for times in zip(*found, strict=True):
            ordered = sorted(times)
            cells += [median(ordered), ordered[len(ordered) * 95 // 100]]
        table.add_row(way, *(f"{1e3 * seconds:.1f}" for seconds in cells))
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.joins",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--joins", type=int, default=100, help="of each, in turn")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 8], metavar="N", help="rooms at once")
    parser.add_argument("--seconds", type=float, default=10, help="of each rush")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    with ExitStack() as stack:
        command = ("server", "serve", "--workers", "1", "--port", "PORT")
        server = stack.enter_context(run_server(*command))
        front, loops = stack.enter_context(cluster())
        timings = asyncio.run(alternate((server, front), options.joins))
        console.print(timings_table(("a server itself", "through a front"), timings))
        for at_once in options.at_once:
            found = asyncio.run(rush(front, loops, at_once, options.seconds))
            shares = ", ".join(f"{share:.0%}" for share in found.servers)
            console.print(
                f"{at_once} rooms of {PEOPLE} at once: {found.rate:.0f} joins a second;"
                f" share of a core of the front's loop {found.front:.0%}, of the servers' {shares}"
            )


if __name__ == "__main__":
    main()
