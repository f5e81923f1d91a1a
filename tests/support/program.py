"""The installed program `greenroom`, run in a folder of one's choice."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GREENROOM = Path(sys.executable).with_name("greenroom")
ENDING = 20.0  # seconds
FIRST_PORT = 11_000
"""Browsers refuse some below; from 32768 on systems give ports to whoever asks for any."""
PORTS = 1_000
"""Of each process of pytest-xdist."""
PROCESSES = 20
"""Those after them share the same ports again."""


def _ports() -> Iterator[int]:
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES
    return (FIRST_PORT + process * PORTS + n % PORTS for n in itertools.count(os.getpid()))


_PORTS = _ports()


def free_port() -> int:
    """Return a TCP port at which nobody listens, and which no other test takes before it is used."""
    while True:
        port = next(_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def served(folder: Path, *options: str, greenroom: Path = GREENROOM) -> Iterator[str]:
    """Start a server with a folder as its current directory; yield its URL as soon as it is open."""
    port = free_port()
    command = [str(greenroom), "serve", "--port", str(port), *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert f"localhost:{port}" in line, line
            yield f"{'https' if 'https' in line else 'http'}://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(ENDING)


def take_interrupts() -> None:
    """Undo what a shell does to the programs that it runs in the background, and nohup: they ignore signals."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
