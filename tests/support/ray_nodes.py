"""Two real Ray nodes on this machine, and a front, by the product's own commands; ends only what it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from server.access.certificates import make_secret
from server.config.options import ROOT

START = 120.0  # seconds that a part may take on a busy machine
BASE = 24000
ROOMS = 24  # cores that a server is said to have, so that 40 rooms fit
ADDRESSES = {"a": "127.0.0.3", "b": "127.0.0.4"}  # 127.0.0.1 would be taken for the machine's own
PORTS = {"a": BASE + 100, "b": BASE + 300}


def children(pid: int) -> list[int]:
    """Return the processes below one, the nearest first."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(path.parent.name))
    found, queue = list[int](), [pid]
    while queue:
        below = parents.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def command_line(pid: int) -> str:
    """Return what a process was started as; empty for one that has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


class RayNodes:
    """The head `a` and a node `b`, each with cores for one server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=limit
        )

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
            "num-cpus": ROOMS + 2,
            "object-store-memory": 100_000_000,
        }
        options = [f"--{option}={number}" for option, number in numbers.items()]
        started = self.greenroom(
            *("cluster", "node", "--secret", str(self.secret), "--rooms", str(ROOMS)),
            *(f"--node-ip-address={ADDRESSES[name]}", *where, *options),
        )
        assert started.returncode == 0, started.stdout + started.stderr

    def serve(self, port: int) -> str:
        """Start a front; return its URL when it has a server on every node."""
        command = [sys.executable, "-m", "server", "serve", "--config", str(self.config), "--port", str(port)]
        self._front = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
        url = f"http://127.0.0.1:{port}"
        self.until_servers(url, 2)
        return url

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
        for path in Path("/proc").glob("[0-9]*"):
            line = command_line(int(path.name))
            if "/raylet " in line and f"--node_ip_address={ADDRESSES[name]}" in line:
                return int(path.name)
        raise LookupError(name)

    def gcs(self) -> int:
        """Return the process id of the GCS."""
        for path in Path("/proc").glob("[0-9]*"):
            line = command_line(int(path.name))
            if "/gcs_server " in line and str(self.folder) in line:
                return int(path.name)
        raise LookupError("gcs_server")

    def actor(self, name: str, kind: str) -> int:
        """Return the process id of an actor of a node."""
        return next(pid for pid in children(self.raylet(name)) if f"ray::{kind}" in command_line(pid))

    def server(self, name: str) -> int:
        """Return the process id of a node's server."""
        return next(p for p in children(self.actor(name, "HostActor")) if "cluster server" in command_line(p))

    def stop(self) -> None:
        """End everything that belongs here."""
        if self._front is not None:
            self._front.kill()
            self._front.wait()
        ours = [pid for pid in map(int, (p.name for p in Path("/proc").glob("[0-9]*"))) if self._is_ours(pid)]
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
