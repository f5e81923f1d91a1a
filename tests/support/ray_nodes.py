"""Two real Ray nodes on this machine, and a front, by the product's own commands; ends only what it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from server.access.certificates import make_secret
from server.config.options import ROOT
from tests.support.processes import children, command_line, processes

START = 120.0  # seconds that a part may take on a busy machine
BASE = 24000
ROOMS = 24  # cores that a server is said to have, so that 40 rooms fit
ADDRESSES = {"a": "127.0.0.3", "b": "127.0.0.4"}  # 127.0.0.1 would be taken for the machine's own
PORTS = {"a": BASE + 100, "b": BASE + 300}


class RayNodes:
    """The head `a` and a node `b`, each with cores for one server."""

    def __init__(self, folder: Path, variables: Mapping[str, str], rooms: int = ROOMS) -> None:
        """Keep everything in a folder; all nodes get these variables of the environment."""
        self.folder = folder
        self._rooms = rooms
        self.variables = variables
        self.secret = folder / "cluster.pem"
        self.config = folder / "greenroom.toml"
        self.address = f"{ADDRESSES['a']}:{BASE}"
        self._front: subprocess.Popen[bytes] | None = None
        make_secret(self.secret)
        self.config.write_text(
            f'cluster = "{self.address}"\ncluster_secret = "{self.secret}"\nopen = true\nloops = 1\nworkers = 1\n'
        )

    def greenroom(
        self, *words: str, limit: float = START, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the product."""
        command = [sys.executable, "-m", "server", *words]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self._environment(variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
        )

    def greenroom_begun(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command of the product."""
        return subprocess.Popen(
            [sys.executable, "-m", "server", *words],
            cwd=ROOT,
            env=self._environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), **self.variables, **variables}

    def start(self, name: str) -> None:
        """Start one node."""
        base = PORTS[name]
        where = ["--head", f"--port={BASE}", f"--temp-dir={self.folder}/ray", "--include-dashboard=false"]
        if name != "a":
            where = [f"--address={self.address}"]
        numbers = {
            "node-manager-port": base,
            "object-manager-port": base + 1,
            "dashboard-agent-listen-port": base + 2,
            "dashboard-agent-grpc-port": base + 3,
            "runtime-env-agent-port": base + 4,
            "metrics-export-port": base + 5,
            "min-worker-port": base + 10,
            "max-worker-port": base + 150,
            "num-cpus": self._rooms + 2,
            "object-store-memory": 100_000_000,
        }
        options = [f"--{option}={number}" for option, number in numbers.items()]
        started = self.greenroom(
            *("cluster", "node", "--secret", str(self.secret), "--rooms", str(self._rooms)),
            *(f"--node-ip-address={ADDRESSES[name]}", *where, *options),
        )
        assert started.returncode == 0, started.stdout + started.stderr

    def serve(self, port: int) -> str:
        """Start a front; return its URL when it has a server on every node."""
        command = [sys.executable, "-m", "server", "serve", "--config", str(self.config), "--port", str(port)]
        self._front = subprocess.Popen(command, cwd=ROOT, env=self._environment({}))
        url = f"http://127.0.0.1:{port}"
        self.until_servers(url, 2)
        return url

    @property
    def front(self) -> int:
        """The front's process."""
        assert self._front is not None
        return self._front.pid

    def until_servers(self, url: str, count: int) -> None:
        """Wait until so many servers renew their leases."""
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{url}/metrics", timeout=5) as response:
                lines = response.read().decode().splitlines()
                leases = [line for line in lines if line.startswith("greenroom_lease_seconds{")]
                if sum(float(line.rpartition(" ")[2]) > 2 for line in leases) >= count:
                    return
            time.sleep(0.2)
        raise RuntimeError(f"there are no {count} servers")

    def raylet(self, name: str) -> int:
        """Return the process id of a node's raylet."""
        return _process("/raylet ", f"--node_ip_address={ADDRESSES[name]}")

    def gcs(self) -> int:
        """Return the process id of the GCS."""
        return _process("/gcs_server ", str(self.folder))

    def actor(self, name: str, kind: str) -> int:
        """Return the process id of an actor of a node."""
        return next(pid for pid in children(self.raylet(name)) if f"ray::{kind}" in command_line(pid))

    def server(self, name: str) -> int:
        """Return the process id of a node's server."""
        return next(p for p in children(self.actor(name, "HostActor")) if "cluster server" in command_line(p))

    def kill(self, name: str) -> None:
        """End a node and everything that runs on it."""
        raylet = self.raylet(name)
        for pid in [raylet, *children(raylet)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End everything that belongs here."""
        if self._front is not None:
            self._front.kill()
            self._front.wait()
        ours = [pid for pid in processes() if self._is_ours(pid)]
        for pid in [*ours, *(child for each in ours for child in children(each))]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _is_ours(self, pid: int) -> bool:
        line = command_line(pid)
        if f"{self.folder}/ray" in line or f"--address={self.address}" in line:
            return True
        with suppress(OSError):
            return f"RAY_AUTH_TOKEN={self._token()}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
        return False

    def _token(self) -> str:
        from server.access.certificates import ray_token

        return ray_token(self.secret)


def _process(*words: str) -> int:
    """Return the process that was started with all of these words; raise LookupError."""
    for pid in processes():
        line = command_line(pid)
        if all(word in line for word in words):
            return pid
    raise LookupError(words)
