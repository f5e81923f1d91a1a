"""The commands about what a call has left behind: `greenroom compose` and `greenroom verify`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from filters.base import FilterError
from server.cli.console import Assignments, ConfigFile, configuration, fail, progress, terminate, warn
from server.config.loading import ConfigError


def compose_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A recording: where its index.json lies.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help=".mp4, .mov or .mkv.")],
    names: Annotated[
        bool, typer.Option("--names", help="Write everybody's name into their picture.")
    ] = False,
) -> None:
    """Make one film of a recording: everybody in a grid, all voices together."""
    from server.media.recording.compose import compose as make

    signal.signal(signal.SIGTERM, terminate)
    try:
        with progress() as report:
            make(folder, target, names=names, progress=report, warn=warn)
    except FilterError as error:
        fail(error)


def verify(
    receipt: Annotated[Path, typer.Argument(metavar="RECEIPT", help="A JSON file.")],
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The server's public key: PEM, or /api/v1/receipt-key."),
    ] = None,
    config: ConfigFile = None,
    assignments: Assignments = None,
) -> None:
    """Check a receipt: that it is unchanged, whose it is, and that no raw frame was sent.

    Without --key it must be signed with the key of the configuration.
    """
    from server.receipts.keys import configured_key, read_public_key
    from server.receipts.receipt import ReceiptError, check, read_json

    try:
        if key is not None:
            public = read_public_key(key)
        else:
            own = configured_key(configuration(config, assignments, {}))
            if own is None:
                raise ReceiptError("whose receipt should it be? Give the server's public key by --key")
            public = own.public_key()
        good = check(read_json(receipt.read_text(encoding="utf-8")), public)
    except (ReceiptError, ConfigError, OSError) as error:
        fail(error)
    except (ValueError, RecursionError) as error:
        fail(ReceiptError(f"{receipt}: not JSON: {error}"))
    frames = good["frames"]
    typer.echo(
        f"good: {frames['received']} frames of {good['participant']} came in, {frames['sent']} pictures were sent, "
        f"{frames['raw']} of them raw; signed by {good['key']}"
    )
