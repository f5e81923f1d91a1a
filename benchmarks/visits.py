"""What people who come and go leave behind in the server: tasks, threads, open files, megabytes.

    python -m benchmarks.visits [--visits 500] [--json FILE]

They join, send and receive in processes of their own, and in turn leave, close everything without a word, or die.
The heap is given back to the system before it is measured, so that what is left is in use. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.network_rig import Process

ENDINGS = ("leave", "drop", "crash")
BATCH = 10  # visitors at a time; chosen
SETTLE, PATIENCE = 3.0, 20  # seconds before each count of what is left, and counts at most; chosen
SEAT_HOLD = 0.5  # seconds; short, so that who has crashed is gone soon; chosen


async def run(visits: int) -> list[dict[str, Any]]:
    """Return a row for the start and one after each batch."""
    words = [sys.executable, "-m", "benchmarks.network_server", "127.0.0.1", "--seat-hold", str(SEAT_HOLD)]
    server = await Process.start(words)
    url = f"http://127.0.0.1:{await server.read()}"
    rows = []
    for done, ending in zip(range(0, visits + 1, BATCH), cycle(ENDINGS), strict=False):
        if done % (BATCH * len(ENDINGS)) == 0 or done + BATCH > visits:
            rows.append({"visits": done, "time": round(time.monotonic()), **await _count(server)})
            print(
                "{visits:>6} {tasks:>6} {threads:>8} {files:>6} {megabytes:>10.1f}".format(**rows[-1]),
                flush=True,
            )
        if done < visits:
            command = (sys.executable, "-m", "tests.support.visitors", url, str(BATCH), ending)
            visitors = await asyncio.create_subprocess_exec(*command)
            if await visitors.wait():
                raise SystemExit("the visitors failed")
    await server.end()
    return rows


async def _count(server: Process) -> dict[str, Any]:
    """Wait until everybody is gone, and return what the server holds then."""
    for _ in range(PATIENCE):
        await asyncio.sleep(SETTLE)
        counted: dict[str, Any] = (await server.ask())["process"]
        if counted:
            return counted
    raise SystemExit("the server does not notice that people have gone")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--visits", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"{'visits':>6} {'tasks':>6} {'threads':>8} {'files':>6} {'megabytes':>10}")
    rows = asyncio.run(run(options.visits))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
