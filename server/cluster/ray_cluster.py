"""The cluster on Ray (https://docs.ray.io): a directory actor, and a host actor on every machine that has rooms.

Ray starts them where they belong, says when they have ended, and starts them anew. It does not carry media, and what it
keeps (names and arguments of actors) tells nothing of rooms. The only module that imports ray; not on one machine.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from server.cluster.host import Host, shares
from server.cluster.member import Orders
from server.cluster.messages import Move, Placement, Report
from server.cluster.ray_environment import OUTLIVE
from server.cluster.service import PATIENCE, LocalDirectory, Renewed, Unreachable, Wait
from server.config.loading import load
from server.core.errors import ConfigError

T = TypeVar("T")

logger = logging.getLogger(__name__)

NAMESPACE: Final = "greenroom"
DIRECTORY: Final = "directory"
ROOMS: Final = "greenroom"
"""The resource of nodes that have rooms: as many as CPUs for them."""
HEAD: Final = {"node:__internal_head__": 0.001}
CALL: Final = 3.0  # seconds that a call may take; chosen
LOOK: Final = 5.0  # seconds between two looks for new nodes
PAUSE: Final = 60.0  # seconds until a host that failed for good, by a wrong option, is tried again; chosen
NAMED: Final = 12  # characters by which a node is called
CORES_PER_SERVER: Final = 4  # an event loop and the workers that it can keep busy
CONCURRENT: Final = 1000  # calls that an actor works on at a time


def connect(address: str) -> None:
    """Join the cluster as a front does, in a ray_environment; raise ConfigError where that can't be."""
    try:
        ray.init(
            address=address,
            namespace=NAMESPACE,
            logging_level="ERROR",
            log_to_driver=False,
            configure_logging=False,
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ConfigError(f"cluster {address}: {str(error).splitlines()[0]}") from error


class RayDirectory:
    """The DirectoryService of the cluster's actor. Made inside a running event loop."""

    def __init__(self) -> None:
        self._handle: Any = None

    async def renew(self, name: str, number: int, report: Report) -> Renewed:
        """See LocalDirectory."""
        return Renewed(*await self._call("renew", name, number, report))

    async def lost(self, name: str) -> None:
        """See LocalDirectory."""
        await self._call("lost", name)

    async def place(self, room: str, refused: int) -> Placement | Wait:
        """See LocalDirectory."""
        found: Placement | Wait = await self._call("place", room, refused)
        return found

    async def find(self, room: str) -> Placement | None:
        """See LocalDirectory."""
        found: Placement | None = await self._call("find", room)
        return found

    async def servers(self) -> list[str]:
        """See LocalDirectory."""
        return list(await self._call("servers"))

    async def moves(self, after: int) -> list[Move]:
        """See LocalDirectory."""
        return list(await self._call("moves", after, limit=PATIENCE + CALL))

    async def drain(self, node: str, limit: float) -> None:
        """See LocalDirectory."""
        await self._call("drain", node, limit)

    async def snapshot(self) -> dict[str, Any]:
        """See LocalDirectory."""
        return dict(await self._call("snapshot"))

    async def _call(self, method: str, *arguments: object, limit: float = CALL) -> Any:  # noqa: ANN401 - of the method
        try:
            async with asyncio.timeout(limit):
                if self._handle is None:
                    self._handle = await asyncio.to_thread(ray.get_actor, DIRECTORY, NAMESPACE)
                return await getattr(self._handle, method).remote(*arguments)
        except (ray.exceptions.RayError, ValueError, TimeoutError) as error:
            self._handle = None
            raise Unreachable(type(error).__name__) from error


class HostActor:
    """A Host as an actor; its servers outlive it."""

    async def __init__(self, file: str, secret: str, cores: int) -> None:  # type: ignore[misc] # Ray awaits it
        """Serve by this machine's configuration, of `file` and its environment, with so many cores."""
        _expect_safe_environment()
        node = ray.get_runtime_context().get_node_id()[:NAMED]
        config = load(Path(file) if file else None, os.environ, {})
        address = ray.util.get_node_ip_address()
        count = config.loops or max(1, cores // CORES_PER_SERVER)
        workers = max(1, min(cores // count - 1, config.workers))
        orders = Orders(
            "",
            cores / count,
            address=address,
            secret=secret,
            public_address=address if config.cluster_url else "",
            public_url=config.cluster_url,
            file=file,
        )
        self._host = Host(RayDirectory(), node, shares(config, orders, count, workers))
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._host.run()
        except Exception:
            logger.exception("the host fails; Ray starts another one")
            os._exit(1)

    async def begun(self) -> None:
        """Answer once this machine's servers are looked after."""


def _expect_safe_environment() -> None:
    """Raise ConfigError on a node that Ray was started on without what keeps rooms safe and alive."""
    wanted = OUTLIVE | {"RAY_AUTH_MODE": "token"}
    missing = [name for name, value in wanted.items() if os.environ.get(name) != value]
    if missing:
        raise ConfigError(f"start Ray by `greenroom cluster node`, or set {', '.join(missing)}")


class Ensuring:
    """Sees to it that there are a directory, and a host on every node that has rooms."""

    def __init__(self, file: str, secret: str) -> None:
        self._arguments = (file, secret)
        self._hosts: dict[str, Any] = {}
        self._again: dict[str, float] = {}
        """When nodes are tried again whose hosts have failed for good."""

    async def run(self) -> None:
        """Look again and again; several fronts may."""
        while True:
            try:
                await asyncio.to_thread(self.once)
            except (ray.exceptions.RayError, RuntimeError, ValueError) as error:
                logger.warning("the cluster can't be looked after: %s", type(error).__name__)
            await asyncio.sleep(LOOK)

    def once(self) -> None:
        """Start what is missing."""
        _actor(LocalDirectory, DIRECTORY, num_cpus=0, resources=HEAD).remote()
        for node in ray.nodes():
            cores = int(node["Resources"].get(ROOMS, 0))
            if not node["Alive"] or not cores or node["NodeID"] in self._hosts:
                continue
            if time.monotonic() < self._again.get(node["NodeID"], 0.0):
                continue
            affinity = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            options = {"num_cpus": cores, "resources": {ROOMS: cores}, "scheduling_strategy": affinity}
            host = _actor(HostActor, f"host-{node['NodeID']}", **options).remote(*self._arguments, cores)
            self._hosts[node["NodeID"]] = host
        self._expect_hosts()

    def _expect_hosts(self) -> None:
        """Say which nodes have no rooms, and why."""
        asked = {host.begun.remote(): node for node, host in self._hosts.items()}
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=CALL) if asked else ([], [])
        for each in answered:
            try:
                ray.get(each)
            except ray.exceptions.ActorDiedError as error:
                node = asked[each]
                logger.error("node %s has no rooms: %s", node[:NAMED], str(error).strip().splitlines()[-1])
                self._again[node] = time.monotonic() + PAUSE
                del self._hosts[node]
            except ray.exceptions.RayError:
                continue  # Ray starts it anew


def _actor(kind: Callable[..., object], name: str, **options: object) -> Any:  # noqa: ANN401 - Ray's own
    return ray.remote(kind).options(
        name=name,
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=CONCURRENT,
        **options,
    )
