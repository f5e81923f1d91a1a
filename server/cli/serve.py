"""`greenroom serve` and `greenroom forward`: the conference server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from server.cli.cluster import serve_cluster, serve_loops
from server.cli.console import Assignments, ConfigFile, configuration, fail, filled
from server.config.options import SMOOTHERS
from server.core.core_dumps import forbid_core_dumps
from server.core.errors import ConfigError


def serve(
    config: ConfigFile = None,
    assignments: Assignments = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any.")] = None,
    open_: Annotated[
        bool | None, typer.Option("--open", help="Let in anybody who can reach the server.")
    ] = None,
    tls: Annotated[
        str | None, typer.Option(metavar="off|self-signed", help="Encrypt, as for phones.")
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="A reverse proxy whose headers are believed.")
    ] = None,
    log_format: Annotated[str | None, typer.Option(metavar="text|json", help="One line an event.")] = None,
    recordings: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder for recordings; without one there are none.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that decode, filter and encode.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve as a front of this Ray cluster.")
    ] = None,
    loops: Annotated[
        int | None, typer.Option(min=1, help="Servers on this machine, each with a share of the workers.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The network of models/NAME.toml.")
    ] = None,
    smoother: Annotated[str | None, typer.Option(metavar="|".join(SMOOTHERS))] = None,
) -> None:
    """Run the conference server. What is not given comes from the environment, then from the file."""
    options = {
        "host": host,
        "port": port,
        "open": open_,
        "tls": tls,
        "trusted_proxies": trusted_proxy or None,
        "log_format": log_format,
        "recordings": recordings,
        "workers": workers,
        "cluster": cluster,
        "loops": loops,
        "model": model,
        "smoother": smoother,
    }
    _serve(config, assignments, options)


def forward(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            callback=filled,
            help="A WHIP endpoint; {room} and {identity} are replaced.",
        ),
    ],
    source: Annotated[str, typer.Option("--from", metavar="whip", help="Where cameras come from.")] = "whip",
    to_token: Annotated[str, typer.Option(help="Bearer token for that endpoint.")] = "",
    config: ConfigFile = None,
    assignments: Assignments = None,
) -> None:
    """Publish every camera that comes in by WHIP, filtered, to another server's WHIP endpoint."""
    if source != "whip":
        raise typer.BadParameter(f"{source!r} is not 'whip'", param_hint="--from")
    _serve(config, assignments, {"forward_to": to, "forward_token": to_token})


def _serve(config: Path | None, assignments: list[str] | None, options: Mapping[str, object]) -> None:
    from filters.base import FilterError
    from server.app import serve as run

    try:
        chosen = configuration(config, assignments, options)
        forbid_core_dumps()
        if chosen.cluster:
            serve_cluster(chosen, config)
        elif chosen.loops > 1:
            serve_loops(chosen, config, assignments, options)
        else:
            run(chosen)
    except (ConfigError, FilterError, OSError) as error:
        fail(error)
