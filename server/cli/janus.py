"""`greenroom bridge`: between rooms of other servers."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.console import Assignments, ConfigFile, configuration, fail, filled
from server.core.errors import ConfigError

bridges = typer.Typer(
    help="Put filtered copies of a private room's cameras into a public room, on another server."
)


@bridges.callback()
def bridge() -> None:
    """Keep `janus` a command of its own."""


@bridges.command()
def janus(
    server: Annotated[
        str, typer.Option(metavar="URL", callback=filled, help="Its WebSocket, as in ws://127.0.0.1:8188.")
    ],
    private: Annotated[str, typer.Option(metavar="ROOM", help="Where cameras come from.")],
    public: Annotated[str, typer.Option(metavar="ROOM", help="Where their filtered copies go.")],
    private_pin: Annotated[str | None, typer.Option(help="PIN of the private room.")] = None,
    public_pin: Annotated[str | None, typer.Option(help="PIN of the public room.")] = None,
    api_secret: Annotated[str | None, typer.Option(help="Janus' api_secret.")] = None,
    background: Annotated[str | None, typer.Option(metavar="SPEC", help="What is behind everybody.")] = None,
    effects: Annotated[
        str | None, typer.Option(metavar="NAMES", help="framing,low-light or one of them, for everybody.")
    ] = None,
    follow: Annotated[
        str | None,
        typer.Option(
            metavar="centre|X,Y", help="Show of each camera one person only: who is there at first."
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Of /healthz, /metrics and the page; 0 for any.")
    ] = None,
    config: ConfigFile = None,
    assignments: Assignments = None,
) -> None:
    """Copy whoever publishes in one VideoRoom of Janus, filtered, into another one, until Ctrl-C or SIGTERM."""
    from filters.base import FilterError
    from server.app import serve as run

    options = {
        "janus_server": server,
        "janus_private": private,
        "janus_public": public,
        "janus_private_pin": private_pin,
        "janus_public_pin": public_pin,
        "janus_secret": api_secret,
        "background": background,
        "effects": effects,
        "follow": follow,
        "port": port,
    }
    try:
        run(configuration(config, assignments, options))
    except (ConfigError, FilterError, OSError) as error:
        fail(error)
