"""What the commands of the command line have in common: where options come from, and how errors are told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from server.config import Config
from server.settings import load

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", envvar="GREENROOM_CONFIG", metavar="FILE", help="A TOML file with options."),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="OPTION=VALUE", help="Any option of `greenroom config --explain`."),
]


def configuration(file: Path | None, assignments: list[str] | None, options: Mapping[str, object]) -> Config:
    """Return the configuration for a command's own options, None being none; raise ConfigError."""
    given = {name: value for name, value in options.items() if value is not None}
    for assignment in assignments or []:
        name, _, value = assignment.partition("=")
        given[name.strip()] = value.strip()
    return load(file, os.environ, given)


def fail(error: Exception) -> NoReturn:
    """Say in one line what is wrong, and end with status 1."""
    typer.echo(f"greenroom: {' '.join(str(error).split())}", err=True)
    raise typer.Exit(1)
