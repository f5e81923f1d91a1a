"""`greenroom token`: who may join what."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Final

import typer

from server.cli.console import Assignments, ConfigFile, configuration, fail, filled
from server.config.options import Config
from server.core.errors import ConfigError, SignalingError

MAX_LIFETIME: Final = 100 * 365 * 86_400.0  # seconds, a century; chosen


def token(
    room: Annotated[str, typer.Argument(help="The room, or * for any.")],
    config: ConfigFile = None,
    assignments: Assignments = None,
    identity: Annotated[str, typer.Option(help="Who, for the application that asks.")] = "",
    name: Annotated[str, typer.Option(help="The name that others see; without it anyone's own.")] = "",
    role: Annotated[str, typer.Option(metavar="host|guest")] = "guest",
    background: Annotated[
        str | None, typer.Option(callback=filled, help="The only background that may be used.")
    ] = None,
    backgrounds: Annotated[list[str] | None, typer.Option(help="One that may be used; give several.")] = None,
    screen: Annotated[bool, typer.Option(help="May share a screen.")] = True,
    recording: Annotated[
        bool | None, typer.Option(help="May record, as a host, whatever the room's policy.")
    ] = None,
    files: Annotated[
        bool | None, typer.Option(help="May put files into the chat, whatever the room's policy.")
    ] = None,
    device_filter: Annotated[
        bool, typer.Option("--device-filter", help="Has to filter the camera on the device, too.")
    ] = False,
    lifetime: Annotated[
        float, typer.Option(min=1, max=MAX_LIFETIME, help="Seconds that it is good for.")
    ] = 3600.0,
    pin: Annotated[
        str | None, typer.Option(callback=filled, help="Six to twelve digits that are asked for besides.")
    ] = None,
    kid: Annotated[str, typer.Option(help="Which key of token_keys signs; by default the last.")] = "",
    as_link: Annotated[
        bool, typer.Option("--link", help="Print the room's address with it, below public_url.")
    ] = False,
) -> None:
    """Print a token, signed with a key of the configuration, that lets somebody into a room."""
    claims = {
        "room": room,
        "sub": identity,
        "name": name,
        "role": role,
        "background": background or "",
        "backgrounds": backgrounds or None,
        "screen": screen,
        "recording": recording,
        "files": files,
        "deviceFilter": device_filter,
    }
    try:
        chosen = configuration(config, assignments, {})
        typer.echo((link if as_link else signed)(chosen, claims, lifetime, kid, pin or ""))
    except (ConfigError, SignalingError) as error:
        fail(error)


def signed(
    config: Config, claims: Mapping[str, object], lifetime: float, kid: str = "", pin: str = ""
) -> str:
    """Return a token for some claims; raise ConfigError, or SignalingError for a claim that can't be used."""
    from server.access.pins import pin_digest, pin_of
    from server.access.tokens import grant_of, make_token, read_keys

    keys = read_keys(config.token_keys)
    key = keys.get(kid or next(reversed(keys), ""))
    if key is None:
        raise ConfigError(f"token_keys: there is no key {kid}" if kid else "token_keys: there are none")
    if pin:
        if key.secret is None:
            raise ConfigError(f"token_keys.{key.kid}: a public key can't sign")
        jti = secrets.token_urlsafe(12)
        claims = {**claims, "jti": jti, "pin": pin_digest(key.secret, jti, pin_of(pin))}
    return make_token(key, grant_of(claims), lifetime)


def link(config: Config, claims: Mapping[str, object], lifetime: float, kid: str = "", pin: str = "") -> str:
    """Return the address of a room with a token for it. The fragment is not sent to any server."""
    if not config.public_url:
        raise ConfigError("public_url: must be set for links")
    token = signed(config, claims, lifetime, kid, pin)
    if claims["room"] == "*":
        raise ConfigError("a link leads to one room, not to any")
    return f"{config.public_url.rstrip('/')}/r/{claims['room']}#token={token}"
