"""The installed program `greenroom`, run in a folder of one's choice."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GREENROOM = Path(sys.executable).with_name("greenroom")
ENDING = 20.0  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
