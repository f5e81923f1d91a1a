"""`greenroom cluster`: the certificate of a cluster, and what goes on in one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from threading import Timer
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from server.cli.console import Assignments, ConfigFile, configuration, fail
from server.config.options import Config
from server.core.errors import ConfigError

if TYPE_CHECKING:
    from server.cluster.service import DirectoryService

Options = Mapping[str, object]

DRAIN_INTERVAL: Final = 1.0  # seconds between two looks at what is left
ENDING: Final = 5.0  # seconds that what asks Ray may take to end after a front has; chosen
DRAIN_SLACK: Final = 15.0  # seconds that servers may take to end after the limit

cluster = typer.Typer(help="Several servers: the secret they share, what goes on, and draining one.")


@cluster.command()
def certificates(
    file: Annotated[
        Path, typer.Argument(help="The PEM file that every machine of the cluster gets a copy of.")
    ],
) -> None:
    """Make the certificate, and its key, by which the machines of a cluster know each other."""
    from server.access.certificates import make_secret

    try:
        make_secret(file)
    except ConfigError as error:
        fail(error)


@cluster.command(hidden=True)
def server() -> None:
    """Run one server of a cluster; started by its host."""
    from server.app import create_app
    from server.cluster.member import ClusterMember, Orders, standard_input, standard_output
    from server.core.core_dumps import forbid_core_dumps
    from server.core.logs import configure_logging
    from server.http.lifecycle import reload_on_sighup
    from server.http.tls import ssl_context

    async def run() -> None:
        heard = await standard_input()
        orders = Orders.read(await heard.readline())
        file = Path(orders.file) if orders.file else None
        config = orders.with_receipt_key(configuration(file, orders.assignments, orders.options))
        configure_logging(config.log_format, config.log_level)
        app, context = create_app(config), ssl_context(config)
        app.on_startup.append(reload_on_sighup(context, config))
        member = ClusterMember(app, orders)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, member.drain, 0.0)
        await member.run(heard, await standard_output(), context)

    try:
        forbid_core_dumps()
        asyncio.run(run())
    except ConfigError as error:
        fail(error)


def serve_loops(config: Config, file: Path | None, assignments: list[str] | None, options: Options) -> None:
    """Serve with several servers on this machine, until SIGINT or SIGTERM; raise ConfigError, OSError."""
    from server.access.tokens import check_exposure
    from server.cluster.member import Orders
    from server.cluster.running import run_loops
    from server.core.logs import configure_logging
    from server.http.lifecycle import welcome

    check_exposure(config)
    configure_logging(config.log_format, config.log_level)
    given = {name: str(v) if isinstance(v, Path) else v for name, v in options.items() if v is not None}
    orders = Orders("", 0.0, file=str(file or ""), assignments=assignments or [], options=given)

    def announce() -> None:
        typer.echo("\n".join(welcome(config)))

    asyncio.run(run_loops(config, orders, announce))


def serve_cluster(config: Config, file: Path | None) -> None:
    """Serve as a front of a Ray cluster, until SIGINT or SIGTERM; raise ConfigError, OSError."""
    from server.access.tokens import check_exposure
    from server.cluster.running import run_front
    from server.core.logs import configure_logging
    from server.http.lifecycle import welcome

    check_exposure(config)
    configure_logging(config.log_format, config.log_level)
    ray_cluster, secret = connect(config)
    ensuring = ray_cluster.Ensuring(str(file.resolve()) if file else "", str(secret.resolve()))

    async def run() -> None:
        looking = asyncio.create_task(ensuring.run())
        await run_front(config, ray_cluster.RayDirectory(), lambda: typer.echo("\n".join(welcome(config))))
        looking.cancel()
        hurry = Timer(ENDING, os._exit, [0])  # threads that ask Ray wait for as long as its GCS is away
        hurry.daemon = True
        hurry.start()

    asyncio.run(run())


def connect(config: Config) -> tuple[ModuleType, Path]:
    """Join the configured cluster; return the module that speaks to it, and the cluster's secret."""
    from server.cluster.ray_environment import CONNECTING, expect_ray, expect_reachable, ray_environment

    if config.cluster_secret is None:
        raise ConfigError("cluster_secret: make one by `greenroom cluster certificates`, for every machine")
    expect_ray()
    # Ray reads its environment when it is imported.
    os.environ.update(ray_environment(config.cluster_secret) | CONNECTING)
    expect_reachable(config.cluster)
    from server.cluster import ray_cluster

    ray_cluster.connect(config.cluster)
    return ray_cluster, config.cluster_secret


@cluster.command()
def worker(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 24900,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",
    config: ConfigFile = None,
    assignments: Assignments = None,
) -> None:
    """Work for servers of other machines, one at a time: the address is one of their `remote_workers`."""
    from filters.base import FilterError
    from server.core.core_dumps import forbid_core_dumps
    from server.core.logs import configure_logging
    from server.media.workers.service import serve

    try:
        chosen = configuration(config, assignments, {})
        if chosen.cluster_secret is None:
            raise ConfigError("cluster_secret: a worker takes one")
        forbid_core_dumps()
        configure_logging(chosen.log_format, chosen.log_level)
        serve(address, port, chosen.cluster_secret, chosen.smoother)
    except (ConfigError, FilterError, OSError) as error:
        fail(error)


@cluster.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def node(
    context: typer.Context,
    secret: Annotated[Path, typer.Option(help="The cluster's secret.")],
    rooms: Annotated[int, typer.Option(min=0, help="CPUs of this machine for rooms.")] = 0,
) -> None:
    """Start Ray on this machine, by `ray start` with all other options, in an environment in which rooms are safe.

    The first machine gets --head and, best, no rooms; the others get --address=HOST:PORT of that one.
    """
    from server.cluster.ray_environment import expect_ray, ray_environment

    resources = ["--resources", json.dumps({"greenroom": rooms})] if rooms else []
    try:
        expect_ray()
        environment = os.environ | ray_environment(secret)
    except ConfigError as error:
        fail(error)
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--disable-usage-stats"]
    os.execve(sys.executable, [*command, *resources, *context.args], environment)


@cluster.command()
def status(config: ConfigFile = None, assignments: Assignments = None) -> None:
    """Print the servers of the cluster: load, rooms, what is left of the lease."""

    async def ask(directory: DirectoryService) -> None:
        shown = await directory.snapshot()
        for server in sorted(shown["servers"], key=lambda each: str(each["name"])):
            state = "draining" if server["draining"] else "serving" if server["lease"] else "silent"
            load = f"{server['rooms']:5} rooms  {server['load']:4.0%} load  {server['lease']:3.1f} s"
            typer.echo(f"{server['name']:24} {state:9} {load}  {server['url']}")
        moves = ", ".join(f"{count} {reason}" for reason, count in shown["moves"].items()) or "none"
        typer.echo(f"{shown['rooms']} rooms; moves: {moves}")

    _speak(config, assignments, ask)


@cluster.command()
def drain(
    node: Annotated[
        str, typer.Argument(help="The node: the first part of its servers' names, or their address.")
    ],
    limit: Annotated[
        float, typer.Option(min=0, help="Seconds after which they end with people in them.")
    ] = 3600.0,
    config: ConfigFile = None,
    assignments: Assignments = None,
) -> None:
    """Have a machine's servers take in nobody, and end when the last one has left; wait for that."""

    async def ask(directory: DirectoryService) -> None:
        deadline = time.monotonic() + limit + DRAIN_SLACK
        name = _node(await directory.snapshot(), node)
        await directory.drain(name, limit)
        while left := _of_node(await directory.snapshot(), name):
            if time.monotonic() > deadline:
                raise ConfigError(f"{node} has not ended within {limit:g} s")
            typer.echo(f"{sum(server['rooms'] for server in left)} rooms are left on {node}", err=True)
            await asyncio.sleep(DRAIN_INTERVAL)
        typer.echo(f"{node} is drained")

    _speak(config, assignments, ask)


def _node(snapshot: dict[str, Any], given: str) -> str:
    """Return the name of a node that is given by its name or its address; raise ConfigError."""
    from yarl import URL

    from server.cluster.service import node_of

    for server in snapshot["servers"]:
        name = node_of(server["name"])
        if server["lease"] and given in (name, URL(server["url"]).host):
            return name
    raise ConfigError(f"{given}: there is no such node, or its servers do not answer")


def _of_node(snapshot: dict[str, Any], node: str) -> list[dict[str, Any]]:
    """Return the servers of a node that answer: nobody waits for one that is gone."""
    return [s for s in snapshot["servers"] if s["name"].startswith(f"{node}/") and s["lease"]]


def _speak(
    file: Path | None, assignments: list[str] | None, ask: Callable[[DirectoryService], Awaitable[None]]
) -> None:
    """Speak with the cluster's directory, or end where that can't be."""
    from server.cluster.service import Unreachable

    async def run() -> None:
        await ask(ray_cluster.RayDirectory())

    try:
        config = configuration(file, assignments, {})
        if not config.cluster:
            raise ConfigError("cluster: give the address of the Ray cluster")
        ray_cluster, _ = connect(config)
        asyncio.run(run())
    except Unreachable:
        fail(ConfigError("the directory does not answer"))
    except ConfigError as error:
        fail(error)
