"""`greenroom cluster`: the certificate of a cluster, and what goes on in one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from server.cli.console import configuration, fail
from server.config.options import Config
from server.core.errors import ConfigError

Options = Mapping[str, object]

cluster = typer.Typer(help="Several servers: the secret they share, what goes on, and draining one.")


@cluster.command()
def certificates(
    file: Annotated[
        Path, typer.Argument(help="The PEM file that every machine of the cluster gets a copy of.")
    ],
) -> None:
    """Make the certificate, and its key, by which the machines of a cluster know each other."""
    from server.cluster.certificates import make_secret

    try:
        make_secret(file)
    except ConfigError as error:
        fail(error)


@cluster.command(hidden=True)
def server() -> None:
    """Run one server of a cluster; started by its host."""
    from server.app import create_app
    from server.cluster.member import Member, Orders, standard_input, standard_output
    from server.core.core_dumps import forbid_core_dumps
    from server.core.logs import configure_logging
    from server.http.tls import ssl_context

    async def run() -> None:
        heard = await standard_input()
        orders = Orders.read(await heard.readline())
        file = Path(orders.file) if orders.file else None
        config = configuration(file, orders.assignments, orders.options)
        configure_logging(config.log_format, config.log_level)
        member = Member(create_app(config), orders)
        await member.run(heard, await standard_output(), ssl_context(config))

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
