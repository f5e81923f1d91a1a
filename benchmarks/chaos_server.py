"""The product's server, whose workers can be made to fail: `python -m benchmarks.chaos_server FORWARD_TO`.

POST /chaos/NAME does it: `kill`, `stop` and `continue` a worker; `busy` and `idle` take the machine's cores away and
give them back; anything else is what the network does (benchmarks.chaos_worker).
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks import chaos_worker
from benchmarks.room_counters import serve
from server.app import create_app
from server.config.interpreter import python_command
from server.config.options import Config
from server.media.workers import process

WORKERS = 2  # processes, and others that keep as many cores busy; chosen
SPIN = "while True: pass"
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "continue": signal.SIGCONT}


class Saboteur:
    """Knows the workers' processes, and breaks them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._rng = random.Random(1)
        self._workers: list[subprocess.Popen[bytes]] = []
        self._spinning: list[subprocess.Popen[bytes]] = []
        file.write_text("none", encoding="utf-8")
        os.environ[chaos_worker.VARIABLE] = str(file)

    def install(self) -> None:
        """Start other programs than the product would, and remember them."""
        stock = process._program

        def command(module: str, *words: str) -> list[str]:
            return python_command(chaos_worker.__name__, *words)

        def start(connection: Any, words: Sequence[str]) -> subprocess.Popen[bytes]:  # noqa: ANN401
            self._workers = [worker for worker in self._workers if worker.poll() is None]
            self._workers.append(stock(connection, words))
            return self._workers[-1]

        setattr(process, python_command.__name__, command)
        setattr(process, stock.__name__, start)

    async def do(self, request: web.Request) -> web.Response:
        """Answer POST /chaos/{name}."""
        name = request.match_info["name"]
        alive = [worker for worker in self._workers if worker.poll() is None]
        if name == "busy":
            self._spin()
        elif name == "idle":
            self.idle()
        elif name in SIGNALS:
            for worker in alive if name == "continue" else self._rng.sample(alive, min(1, len(alive))):
                worker.send_signal(SIGNALS[name])
        else:
            self._file.write_text(name, encoding="utf-8")
        return web.Response()

    def _spin(self) -> None:
        self._spinning += [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(WORKERS)]

    def idle(self) -> None:
        for spinning in self._spinning:
            spinning.kill()
            spinning.wait()
        self._spinning.clear()


def main() -> None:
    """Serve on any port, which is printed, until standard input ends."""
    with tempfile.TemporaryDirectory() as folder:
        saboteur = Saboteur(Path(folder, "fault"))
        saboteur.install()
        app = create_app(Config(workers=WORKERS, forward_to=sys.argv[1], log_level="error", seat_hold=5.0))
        app.router.add_post("/chaos/{name}", saboteur.do)
        try:
            asyncio.run(serve(app, lambda: ({}, {})))
        finally:
            saboteur.idle()


if __name__ == "__main__":
    main()
