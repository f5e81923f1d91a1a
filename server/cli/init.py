"""`greenroom init`: a folder with keys and a configuration, and the first links."""

from __future__ import annotations

import json
import os
import pwd
import re
import secrets
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from server.cli.console import fail, filled
from server.cli.token import link
from server.config.loading import load
from server.config.options import Config
from server.core.errors import ConfigError, SignalingError

CONFIG: Final = "greenroom.toml"
LIFETIME: Final = 24 * 3600.0  # seconds that the first links are good for
DNS_NAME: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+", re.IGNORECASE)

LOCAL_NETWORK: Final = """\
# For a local network. `greenroom config --explain` lists every option.

host = "0.0.0.0"
port = {port}
public_url = "https://{address}:{port}"
# Browsers warn once, because nobody they know has signed the certificate. It is kept in `state`.
tls = "self-signed"
state = {state}

token_keys = {{ "{kid}" = {key} }}
"""

INTERNET: Final = """\
# For the internet, behind a reverse proxy on the same machine, with coturn beside it. `greenroom config --explain`
# lists every option.

host = "127.0.0.1"
port = {port}
public_url = "https://{name}"
trusted_proxies = ["127.0.0.1", "::1"]
drain_time = 300
state = {state}

# What the clients' media comes to; open these ports in the firewall.
public_address = "{public_address}"
udp_ports = [50000, 50999]

# The same secret as static-auth-secret in turnserver.conf.
turn_secret = "{turn_secret}"
ice_servers = [
    {{ urls = ["stun:{name}:3478"] }},
    {{ urls = ["turn:{name}:3478?transport=udp", "turn:{name}:3478?transport=tcp"] }},
]

token_keys = {{ "{kid}" = {key} }}
metrics_token = "{metrics_token}"
"""

CADDYFILE: Final = """\
# TLS in front of a Greenroom on the same machine; Caddy gets the certificate by itself. Media does not pass here.

{name} {{
    respond /metrics 404
    reverse_proxy 127.0.0.1:{port}
}}
"""

TURNSERVER: Final = """\
# coturn, for those whose network lets no UDP through. Open port 3478 (UDP and TCP) and the relay's ports (UDP).

listening-port=3478
min-port=51000
max-port=51999
realm={name}
fingerprint
use-auth-secret
static-auth-secret={turn_secret}
no-tls
no-dtls
no-cli
no-multicast-peers
no-tcp-relay
{external}# It relays to Greenroom on this machine, and to nobody else.
denied-peer-ip=0.0.0.0-255.255.255.255
denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
{peers}
"""


def init(
    given: Annotated[
        str, typer.Argument(metavar="FOLDER", callback=filled, help="Where the files go.")
    ] = "greenroom",
    name: Annotated[
        str | None,
        typer.Option(callback=filled, help="The server's name on the internet, as in meet.example.org."),
    ] = None,
    room: Annotated[str, typer.Option(help="The room that the first links lead to.")] = "studio",
    port: Annotated[
        int, typer.Option(min=1, max=65535, envvar="GREENROOM_PORT", help="Port of the server.")
    ] = Config().port,
    public_address: Annotated[
        str, typer.Option(help="Address on the internet, where it is not one of this machine's own.")
    ] = "",
    owner: Annotated[
        str, typer.Option(metavar="USER", help="Who runs the server, and must be able to read the keys.")
    ] = "",
) -> None:
    """Make signing keys, a configuration and the first links: for this network, or for the internet with --name.

    Nothing that is there already is overwritten.
    """
    folder, name = Path(given), name or ""
    try:
        _check(room, name, public_address)
        config = load(_make(folder.absolute(), name.lower(), port, public_address, owner))
        for whose, role in (("for you, as host", "host"), ("for guests", "guest")):
            typer.echo(f"{whose}: {link(config, {'room': room, 'role': role}, LIFETIME)}")
    except (ConfigError, SignalingError, OSError) as error:
        fail(error)
    typer.echo(
        f"They are good for {LIFETIME / 3600:.0f} hours. More of them:\n"
        f"  greenroom token {room} --link --config {folder / CONFIG}\n"
        f"Start the server:\n  greenroom serve --config {folder / CONFIG}"
    )


def _check(room: str, name: str, public_address: str) -> None:
    """Raise ConfigError or SignalingError before anything is written."""
    from server.access.policy import room_name

    room_name(room)
    if name and not DNS_NAME.fullmatch(name):
        raise ConfigError(f"--name: must be a name as in meet.example.org, not {name!r}")
    load(arguments={"public_address": public_address})


def _make(folder: Path, name: str, port: int, public_address: str, owner: str) -> Path:
    """Write all files; return the configuration's. Raises ConfigError, OSError."""
    from server.access.ed25519 import private_pem

    user = _user(owner)
    kid = str(time.gmtime().tm_year)
    words = {
        "name": name,
        "port": port,
        "kid": kid,
        "key": json.dumps(str(folder / f"{kid}.pem"), ensure_ascii=False),
        "state": json.dumps(str(folder / "state"), ensure_ascii=False),
        "public_address": public_address,
        "turn_secret": secrets.token_urlsafe(32),
        "metrics_token": secrets.token_urlsafe(32),
    }
    files = {f"{kid}.pem": private_pem().decode()}
    if name:
        external = f"external-ip={public_address}\n" if public_address else ""
        peers = "\n".join(
            f"allowed-peer-ip={address}" for address in [*_addresses(), *filter(None, [public_address])]
        )
        files |= {
            CONFIG: INTERNET.format(**words),
            "Caddyfile": CADDYFILE.format(**words),
            "turnserver.conf": TURNSERVER.format(external=external, peers=peers, **words),
        }
    else:
        files[CONFIG] = LOCAL_NETWORK.format(address=next(iter(_addresses()), "localhost"), **words)
    _write(folder, files, user)
    return folder / CONFIG


def _addresses() -> list[str]:
    """Return the IPv4 addresses at which others may reach this machine."""
    from aioice.ice import get_host_addresses

    return list(get_host_addresses(use_ipv4=True, use_ipv6=False))


def _user(owner: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(owner) if owner else None
    except KeyError:
        raise ConfigError(f"--owner: there is no user {owner}") from None


def _write(folder: Path, files: dict[str, str], user: pwd.struct_passwd | None) -> None:
    """Write files that nobody else can read but, where there is one, a service's user."""
    for present in (folder / file for file in files):
        if present.exists():
            raise ConfigError(f"{present}: is there already")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    for file, text in files.items():
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(folder / file, flags, 0o600), "w", encoding="utf-8") as stream:  # noqa: PTH123 - its mode
            stream.write(text)
    if user is not None:
        os.chown(state, user.pw_uid, user.pw_gid)
        for path, mode in [(folder, 0o750), *((folder / file, 0o640) for file in files)]:
            os.chown(path, -1, user.pw_gid)
            path.chmod(mode)
