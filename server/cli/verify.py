"""`greenroom verify`: whether a receipt is good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.console import Assignments, ConfigFile, configuration, fail
from server.core.errors import ConfigError, ReceiptError


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
    from server.receipts.receipt import check, read_json

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
