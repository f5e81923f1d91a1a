"""`greenroom config`: the options, and what they are set to."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.console import Assignments, ConfigFile, configuration, fail
from server.config.explaining import effective, explain
from server.core.errors import ConfigError


def config_(
    config: ConfigFile = None,
    assignments: Assignments = None,
    everything: Annotated[bool, typer.Option("--explain", help="Every option with its meaning.")] = False,
) -> None:
    """Print what differs from the defaults, or explain every option, as a TOML file."""
    try:
        lines = explain() if everything else effective(configuration(config, assignments, {}))
        typer.echo("\n".join(lines).strip())
    except ConfigError as error:
        fail(error)
