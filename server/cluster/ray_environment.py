"""What Ray is told by the environment, on every node and in every front; ray itself is not imported."""

from __future__ import annotations

import os
import re
import socket
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from server.access.certificates import ray_token
from server.core.errors import ConfigError

OUTLIVE: Final = {
    "RAY_gcs_rpc_server_reconnect_timeout_s": "86400",
    "RAY_kill_child_processes_on_worker_exit": "0",
}
"""By default raylets, actors and fronts end themselves 60 s after the GCS is lost, and actors their children, so the
rooms. Ray reads these from the environment only (ray-project/ray#62074)."""
FAST: Final = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
"""A node that is lost is noticed within 3 s; by default it takes 16."""
CONNECT: Final = 5  # seconds until a cluster that isn't there is given up; chosen
CONNECTING: Final = {
    "RAY_gcs_rpc_server_connect_timeout_s": str(CONNECT),
    "RAY_gcs_server_port_wait_time_s": "1",
}
"""A cluster that refuses our token, or is none, is tried once. By default it is tried 20 times, half a minute each."""
OLDEST: Final = (2, 60)
"""The version that pyproject.toml asks for. Before 2.52 Ray has no tokens: anybody could run code on every machine."""


def ray_environment(secret: Path) -> dict[str, str]:
    """Return the variables that Ray needs here; raise ConfigError.

    Without token authentication whoever reaches a port of Ray's can run code on every machine.
    """
    if os.environ.get("RAY_AUTH_MODE", "token") != "token":
        raise ConfigError("RAY_AUTH_MODE must be token: without it anybody could run code on every machine")
    variables = OUTLIVE | FAST | {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
    if not os.environ.get("RAY_AUTH_TOKEN") and not os.environ.get("RAY_AUTH_TOKEN_PATH"):
        variables["RAY_AUTH_TOKEN"] = ray_token(secret)
    return variables


def expect_ray() -> None:
    """Raise ConfigError where Ray is missing or too old."""
    try:
        found = version("ray")
    except PackageNotFoundError:
        raise ConfigError("a cluster needs Ray: pip install 'greenroom[cluster]'") from None
    if tuple(map(int, re.findall(r"\d+", found)[:2])) < OLDEST:
        raise ConfigError(f"Ray {found} is too old for a cluster: pip install 'greenroom[cluster]'")


def expect_reachable(address: str) -> None:
    """Raise ConfigError where nothing listens at HOST:PORT, for which Ray would wait; other addresses are Ray's own."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConfigError(f"cluster {address}: {error}") from error
