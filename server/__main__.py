"""The command line: `greenroom [serve]`, and a module of server/cli for every other command.

What a command needs is imported when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from server.cli.cluster import cluster
from server.cli.compose import compose_command
from server.cli.config import config_
from server.cli.filter import filter_
from server.cli.init import init
from server.cli.janus import bridges
from server.cli.serve import forward, serve
from server.cli.token import token
from server.cli.verify import verify
from server.core.version import VERSION

OWN_OPTIONS = ("--help", "--version", "--install-completion", "--show-completion")
"""What `greenroom` itself understands; any other option is one of `serve`."""

app = typer.Typer(
    name="greenroom",
    help="Video rooms in which nobody's room is ever shown. Without a command: serve.",
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"greenroom {VERSION}")
        raise typer.Exit


@app.callback()
def greenroom(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep --version an option of the program, not of a command."""


app.add_typer(bridges, name="bridge")
app.add_typer(cluster, name="cluster")
app.command()(serve)
app.command()(init)
app.command()(forward)
app.command(name="config")(config_)
app.command()(token)
app.command(name="filter")(filter_)
app.command(name="compose")(compose_command)
app.command()(verify)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, by default this process's; one without a command, as in `--port 80`, serves."""
    line = list(sys.argv[1:] if arguments is None else arguments)
    if not line or (line[0].startswith("-") and line[0].partition("=")[0] not in OWN_OPTIONS):
        line.insert(0, "serve")
    try:
        app(line, prog_name="greenroom")
    except OSError as error:  # the commands tell of every other file
        if error.errno != errno.ENOSPC:
            raise
        sys.exit(f"greenroom: can't print: {error.strerror}")


if __name__ == "__main__":
    main()
