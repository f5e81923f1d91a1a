"""Runs a server while people come and go, and prints what kept its event loop: `python -m tests.support.loop_watch`.

One line of JSON: `longest` are the callbacks that took the most CPU time, in seconds, and what they were; `joins` the
threads that were waited for; `added` what the machine added to a piece of work of known cost, at most.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys

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


async def visitors(url: str, count: int, ending: str) -> None:
    """Let people come and go."""
    command = (sys.executable, "-m", "tests.support.visitors", url, str(count), ending)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0


async def watch() -> dict[str, object]:
    """Return what is printed."""
    config = Config(workers=2, seat_hold=0.3, log_level="error")
    app = create_app(config, Segmenter(load_card(DEFAULT_MODEL, MODELS)))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gc.collect()
    gc.freeze()  # what was imported is none of the server's business
    with pytest.MonkeyPatch.context() as monkeypatch:
        watchdog = Watchdog(monkeypatch)
        for ending in ENDINGS:
            await visitors(f"http://127.0.0.1:{runner.addresses[0][1]}", COUNT, ending)
        watchdog.close()
    await runner.cleanup()
    longest = sorted(watchdog.longest, reverse=True)[:TOLD]
    return {"longest": longest, "joins": watchdog.joins, "added": watchdog.added}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(watch())) + "\n")
