"""`greenroom cluster`: what needs no cluster."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server.access.certificates import make_secret
from server.cli.cluster import _node, _of_node
from server.config.interpreter import python_environment
from server.core.errors import ConfigError

SNAPSHOT = {
    "servers": [
        {"name": "abc/1", "url": "https://10.0.0.2:40001", "lease": 3.1},
        {"name": "abc/2", "url": "https://10.0.0.2:40002", "lease": 0.0},
        {"name": "abcd/1", "url": "https://[fd00::2]:40001", "lease": 2.0},
        {"name": "def/1", "url": "https://10.0.0.3:40001", "lease": 0.0},
    ]
}


@pytest.mark.parametrize(
    ("given", "name"), [("abc", "abc"), ("10.0.0.2", "abc"), ("abcd", "abcd"), ("fd00::2", "abcd")]
)
def test_a_node_goes_by_its_name_or_its_address(given: str, name: str) -> None:
    assert _node(SNAPSHOT, given) == name


@pytest.mark.parametrize("given", ["ab", "nobody", "10.0.0.3"])
def test_a_node_that_is_not_there_can_not_be_drained(given: str) -> None:
    with pytest.raises(ConfigError, match=given):
        _node(SNAPSHOT, given)


def test_nobody_waits_for_a_server_that_is_gone() -> None:
    assert [server["name"] for server in _of_node(SNAPSHOT, "abc")] == ["abc/1"]


WITHOUT_GCS = """
import asyncio, sys, threading
from pathlib import Path
from types import SimpleNamespace
from server.cli import cluster
from server.cluster.service import LocalDirectory
from server.config.options import Config

class Ensuring:
    def __init__(self, *_): pass
    async def run(self): await asyncio.to_thread(threading.Event().wait)

ray_cluster, secret = SimpleNamespace(Ensuring=Ensuring, RayDirectory=LocalDirectory), Path(sys.argv[1])
cluster.connect = lambda config: (ray_cluster, secret)
cluster.serve_cluster(Config(port=0, cluster_secret=secret), None)
"""
"""A front whose questions to Ray are never answered."""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_front_ends_though_ray_does_not_answer(tmp_path: Path, number: signal.Signals) -> None:
    make_secret(tmp_path / "cluster.pem")
    command = [sys.executable, "-c", WITHOUT_GCS, str(tmp_path / "cluster.pem")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=python_environment()) as front:
        try:
            assert front.stdout is not None
            assert b"is open" in front.stdout.readline()
            front.send_signal(number)
            assert front.wait(30) == 0
        finally:
            front.kill()
