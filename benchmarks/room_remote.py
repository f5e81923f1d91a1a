"""Workers behind mutual TLS on this machine, for benchmarks.room."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.access.certificates import make_secret
from server.config.options import ROOT
from tests.support.program import free_port

ADDRESS = "127.0.0.1"
START_LIMIT = 60.0  # seconds; chosen


@contextmanager
def remote_workers(count: int) -> Iterator[list[str]]:
    """Run `greenroom cluster worker`s; yield the words that have benchmarks.room_server use them, and no others."""
    with tempfile.TemporaryDirectory(prefix="greenroom-") as folder:
        secret = Path(folder) / "cluster.pem"
        make_secret(secret)
        ports = [free_port() for _ in range(count)]
        workers = [_start(port, secret) for port in ports]
        try:
            for port in ports:
                _until_open(port)
            yield ["--secret", str(secret), "--remote", *(f"{ADDRESS}:{port}" for port in ports)]
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()


def _start(port: int, secret: Path) -> subprocess.Popen[bytes]:
    words = ("cluster", "worker", "--address", ADDRESS, "--port", str(port))
    command = [sys.executable, "-m", "server", *words, "--set", f"cluster_secret={secret}"]
    return subprocess.Popen([*command, "--set", "log_level=error"], cwd=ROOT)


def _until_open(port: int) -> None:
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            socket.create_connection((ADDRESS, port), 1.0).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
