"""Runs a server while people come and go, and prints what kept its event loop: `python -m tests.support.loop_watch`.

One line of JSON: `longest` are the callbacks that took the most CPU time, in seconds, and what they were; `joins` the
threads that were waited for; `connection` what a connection takes on the loop of any server.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from filters.matting.segmenter import Segmenter, load_card
from server.app import create_app
from server.config.options import DEFAULT_MODEL, MODELS, Config
from tests.support.watchdog import Watchdog

ENDINGS = ("leave", "drop", "crash")
COUNT = 5
"""Visitors, for each way to end."""
TOLD = 5
"""Callbacks."""


@asynccontextmanager
async def reachable(segmenter: Segmenter) -> AsyncIterator[str]:
    """Lend the URL of a server in this process, whose lost participants are given up soon."""
    runner = web.AppRunner(create_app(Config(workers=2, seat_hold=0.3), segmenter), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gc.collect()
    gc.freeze()  # what is there already is none of the server's business
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    gc.unfreeze()
    await runner.cleanup()


async def visitors(url: str, count: int, ending: str) -> None:
    """Let people come and go."""
    command = (sys.executable, "-m", "tests.support.visitors", url, str(count), ending)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0


async def watch() -> dict[str, object]:
    """Return what is printed."""
    async with reachable(Segmenter(load_card(DEFAULT_MODEL, MODELS))) as url:
        with pytest.MonkeyPatch.context() as monkeypatch:
            watchdog = Watchdog(monkeypatch)
            for ending in ENDINGS:
                await visitors(url, COUNT, ending)
            watchdog.close()
    longest = sorted(watchdog.longest, reverse=True)[:TOLD]
    return {"longest": longest, "joins": watchdog.joins, "connection": watchdog.connection}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(watch())) + "\n")
