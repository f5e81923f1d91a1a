"""What Ray is told by the environment, on every node and in every front; ray itself is not imported."""

from __future__ import annotations

import os
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
CONNECTING: Final = {"RAY_gcs_rpc_server_connect_timeout_s": "5"}
"""A cluster that isn't there, or refuses our token, is given up after so many seconds."""


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
