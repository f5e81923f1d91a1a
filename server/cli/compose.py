"""`greenroom compose`: one film of a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.console import fail, progress, warn


def compose_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A recording: where its index.json lies.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help=".mp4, .mov or .mkv.")],
    names: Annotated[
        bool, typer.Option("--names", help="Write everybody's name into their picture.")
    ] = False,
) -> None:
    """Make one film of a recording: everybody in a grid, all voices together."""
    from filters.base import FilterError
    from server.media.recording.compose import compose as make

    try:
        with progress() as report:
            make(folder, target, names=names, progress=report, warn=warn)
    except FilterError as error:
        fail(error)
