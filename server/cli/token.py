"""`greenroom token`: who may join what."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.console import Assignments, ConfigFile, configuration, fail
from server.core.errors import ConfigError, SignalingError


def token(
    room: Annotated[str, typer.Argument(help="The room, or * for any.")],
    config: ConfigFile = None,
    assignments: Assignments = None,
    identity: Annotated[str, typer.Option(help="Who, for the application that asks.")] = "",
    name: Annotated[str, typer.Option(help="The name that others see; without it anyone's own.")] = "",
    role: Annotated[str, typer.Option(metavar="host|guest")] = "guest",
    background: Annotated[str, typer.Option(help="The only background that may be used.")] = "",
    backgrounds: Annotated[list[str] | None, typer.Option(help="One that may be used; give several.")] = None,
    screen: Annotated[bool, typer.Option(help="May share a screen.")] = True,
    recording: Annotated[
        bool | None, typer.Option(help="May record, as a host, whatever the room's policy.")
    ] = None,
    lifetime: Annotated[float, typer.Option(min=1, help="Seconds that it is good for.")] = 3600.0,
    kid: Annotated[str, typer.Option(help="Which key of token_keys signs; by default the last.")] = "",
) -> None:
    """Print a token, signed with a key of the configuration, that lets somebody into a room."""
    from server.access.tokens import grant_of, make_token, read_keys

    claims = {
        "room": room,
        "sub": identity,
        "name": name,
        "role": role,
        "background": background,
        "backgrounds": backgrounds or None,
        "screen": screen,
        "recording": recording,
    }
    try:
        keys = read_keys(configuration(config, assignments, {}).token_keys)
        key = keys.get(kid or next(reversed(keys), ""))
        if key is None:
            raise ConfigError(f"token_keys: there is no key {kid}" if kid else "token_keys: there are none")
        typer.echo(make_token(key, grant_of(claims), lifetime))
    except (ConfigError, SignalingError) as error:
        fail(error)
