"""The command line: `greenroom [serve]`, and a module of server/cli for every other command.

What a command needs is imported when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from server.cli.cluster import cluster
from server.cli.compose import compose_command
from server.cli.config import config_
from server.cli.filter import filter_
from server.cli.janus import bridges
from server.cli.serve import forward, serve
from server.cli.token import token
from server.cli.verify import verify

app = typer.Typer(
    name="greenroom",
    help="Video rooms in which nobody's room is ever shown. Without a command: serve.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bridges, name="bridge")
app.add_typer(cluster, name="cluster")
app.command()(serve)
app.command()(forward)
app.command(name="config")(config_)
app.command()(token)
app.command(name="filter")(filter_)
app.command(name="compose")(compose_command)
app.command()(verify)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, by default this process's; one without a command, as in `--port 80`, serves."""
    line = list(sys.argv[1:] if arguments is None else arguments)
    if not line or (line[0].startswith("-") and line[0] != "--help"):
        line.insert(0, "serve")
    app(line, prog_name="greenroom")


if __name__ == "__main__":
    main()
