"""The server's configuration: every option with its default and its meaning. loading.py fills it in.

An option has the same name everywhere: `udp_ports` in the TOML file, `GREENROOM_UDP_PORTS` in the environment,
`--set udp_ports=…` on the command line; later ones win. `greenroom config --explain` prints all of them.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
STATIC = ROOT / "static"
PICTURES = STATIC / "backgrounds"

DEFAULT_MODEL = "selfie_merged"
SMOOTHERS = ("adaptive", "ofd", "ema", "none")
"""Those of filters.matting.smoother, which takes a second to import."""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class IceServer:
    """An RTCIceServer (WebRTC, section 4.2.2)."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class Option(NamedTuple):
    """What is to be known about an option besides its type and default; a section begins with its first one."""

    meaning: str
    section: str = ""
    choices: tuple[str, ...] = ()
    at_least: float = 0
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set from outside. Times in seconds, sizes in bytes, bit rates in bit/s."""

    host: Annotated[str, Option("Address to listen on; 0.0.0.0 for all.", section="Server")] = "127.0.0.1"
    port: Annotated[int, Option("Port to listen on; 0 for any.")] = 8080
    public_url: Annotated[
        str, Option("Where people reach the server, as in https://meet.example.org; links begin with it.")
    ] = ""
    open: Annotated[
        bool, Option("Let anybody in who can reach the server, though it is not on loopback.")
    ] = False
    trusted_proxies: Annotated[
        tuple[str, ...],
        Option(
            "Addresses or networks (CIDR) of reverse proxies whose X-Forwarded-For, -Proto and -Host are believed."
        ),
    ] = ()
    log_format: Annotated[
        str, Option("How events are written to standard error: one line each.", choices=("text", "json"))
    ] = "text"
    log_level: Annotated[
        str, Option("From which level on.", choices=("debug", "info", "warning", "error"))
    ] = "info"
    drain_time: Annotated[
        float, Option("On SIGTERM nobody new gets in, and this long is waited for the rooms to empty.")
    ] = 0.0

    tls: Annotated[
        str,
        Option(
            "self-signed: with a certificate made at the start, for a LAN. Own certificate files turn TLS on, too.",
            section="TLS",
            choices=("off", "self-signed"),
        ),
    ] = "off"
    tls_certificate: Annotated[Path | None, Option("PEM file with the certificate and its chain.")] = None
    tls_key: Annotated[Path | None, Option("PEM file with its private key.")] = None
    state: Annotated[
        Path | None,
        Option("Folder in which what is made here, a certificate or a key for receipts, outlasts a restart."),
    ] = None

    ice_servers: Annotated[
        tuple[IceServer, ...],
        Option(
            "STUN and TURN servers: tables with urls and, for TURN, username and credential.",
            section="Network",
        ),
    ] = ()
    turn_secret: Annotated[
        str,
        Option(
            "coturn's static-auth-secret: TURN servers without a username get credentials made with it.",
            secret=True,
        ),
    ] = ""
    turn_lifetime: Annotated[float, Option("How long such credentials are good for.")] = 6 * 3600.0
    server_relay: Annotated[
        bool, Option("The server, too, asks TURN servers for a relay; needed only where no UDP reaches it.")
    ] = False
    public_address: Annotated[str, Option("Address at which clients reach the server through a 1:1 NAT.")] = (
        ""
    )
    udp_ports: Annotated[tuple[int, int], Option("First and last UDP port for media; 0, 0 for any.")] = (0, 0)

    token_keys: Annotated[
        Mapping[str, str],
        Option(
            "Keys that tokens are checked with, by kid: a secret of 32 characters or more (HS256), or the path of "
            "a PEM file with an Ed25519 key (EdDSA). With any, nobody joins without a token.",
            section="Tokens",
            secret=True,
        ),
    ] = field(default_factory=dict)
    invitation_lifetime: Annotated[
        float, Option("Longest that a link is good for which a host makes in the page.", at_least=60)
    ] = 7 * 86_400.0

    forward_to: Annotated[
        str,
        Option(
            "WHIP endpoint to which everything that comes in by WHIP is published again, filtered. "
            "{room} and {identity} in it are replaced.",
            section="Forward",
        ),
    ] = ""
    forward_token: Annotated[str, Option("Bearer token for that endpoint.", secret=True)] = ""

    janus_server: Annotated[
        str,
        Option(
            "ws:// or wss:// URL of a Janus server between two of whose rooms to bridge.", section="Janus"
        ),
    ] = ""
    janus_private: Annotated[
        str, Option("Its room that cameras publish into; a text of digits only goes in double quotes.")
    ] = ""
    janus_public: Annotated[str, Option("Its room that everybody's filtered copy is published into.")] = ""
    janus_private_pin: Annotated[str, Option("PIN of the private room.", secret=True)] = ""
    janus_public_pin: Annotated[str, Option("PIN of the public room.", secret=True)] = ""
    janus_secret: Annotated[str, Option("Janus' api_secret.", secret=True)] = ""
    janus_token: Annotated[str, Option("A token that Janus knows, where it asks for one.", secret=True)] = ""

    webhook_urls: Annotated[
        tuple[str, ...], Option("Where events of rooms and people are posted to.", section="Webhooks")
    ] = ()
    webhook_secret: Annotated[
        str,
        Option(
            "What webhooks are signed with: whsec_ and base64, or 24 characters or more. "
            "Several, separated by spaces, sign each, so that one can be replaced.",
            secret=True,
        ),
    ] = ""
    webhook_secret_file: Annotated[Path | None, Option("File with that secret.")] = None
    webhook_names: Annotated[bool, Option("Tell the names and identities of people, too.")] = False

    recordings: Annotated[
        Path | None,
        Option(
            "Folder for recordings of what people see of each other. Without one nothing is ever recorded.",
            section="Recordings",
        ),
    ] = None
    compose: Annotated[
        bool, Option("Make one film of every recording when it ends, in a process of the lowest priority.")
    ] = False

    receipt_key: Annotated[
        str,
        Option(
            "Ed25519 key that receipts are signed with: a PEM file's path, or its text. By default one is made, "
            "and kept in `state`.",
            section="Receipts",
            secret=True,
        ),
    ] = ""
    receipts: Annotated[Path | None, Option("Folder in which every receipt is kept.")] = None

    loops: Annotated[
        int,
        Option(
            "Servers on this machine behind one address: each has an event loop and a share of the workers. "
            "0: one; in a cluster as many as the machine's cores keep busy.",
            section="Cluster",
        ),
    ] = 0
    cluster: Annotated[
        str, Option("HOST:PORT of a Ray cluster; rooms live on the servers of its machines.")
    ] = ""
    cluster_secret: Annotated[
        Path | None, Option("File that `greenroom cluster certificates` has made, the same on every machine.")
    ] = None
    remote_workers: Annotated[
        tuple[str, ...],
        Option("HOST:PORT of workers of other machines, of `greenroom cluster worker`, besides our own."),
    ] = ()
    cluster_url: Annotated[
        str,
        Option(
            "Where WHIP and WHEP clients reach a server of this machine, with {port}; "
            "without it fronts pass them on."
        ),
    ] = ""

    metrics: Annotated[bool, Option("Serve Prometheus' /metrics.", section="Metrics")] = True
    metrics_token: Annotated[
        str, Option("Bearer token that /metrics asks for. Without one it is for loopback only.", secret=True)
    ] = ""

    model: Annotated[str, Option("The network: NAME.onnx and NAME.toml in models/.", section="Filter")] = (
        DEFAULT_MODEL
    )
    smoother: Annotated[str, Option("How mattes are steadied over time.", choices=SMOOTHERS)] = "adaptive"
    background: Annotated[str, Option("The background of whoever has chosen none.")] = "blur"
    effects: Annotated[
        str,
        Option("`framing`, `low-light` or both, with a comma: for cameras that come by WHIP or from Janus."),
    ] = ""
    follow: Annotated[
        str,
        Option(
            "`centre`, or X,Y in shares of width and height: whom alone to show of cameras that come by WHIP or "
            "from Janus; empty shows everybody."
        ),
    ] = ""
    workers: Annotated[int, Option("Processes that decode, filter and encode.", at_least=1)] = field(
        default_factory=_cores
    )

    width: Annotated[int, Option("What cameras are asked for at most.", section="Media", at_least=1)] = 1280
    height: Annotated[int, Option("What cameras are asked for at most.", at_least=1)] = 720
    frame_rate: Annotated[int, Option("What cameras are asked for.", at_least=1)] = 30
    max_bitrate: Annotated[int, Option("What cameras are asked for at most.", at_least=1)] = 2_500_000
    start_bitrate: Annotated[
        int, Option("Of filtered video, before anything is known about the network.")
    ] = 600_000

    max_rooms: Annotated[int, Option("Rooms at a time.", section="Limits", at_least=1)] = 100
    max_participants: Annotated[int, Option("People in a room.", at_least=1)] = 16
    max_voices: Annotated[
        int, Option("Of these, the loudest so many are heard at the same time.", at_least=1)
    ] = 6
    max_connections_per_address: Annotated[
        int, Option("WebSockets and WHIP or WHEP sessions of one address at a time; loopback is exempt.")
    ] = 32
    max_sessions: Annotated[int, Option("WHIP and WHEP sessions at a time.")] = 200
    session_timeout: Annotated[
        float, Option("A WHIP or WHEP session that is not connected by then ends.")
    ] = 30.0
    seat_hold: Annotated[float, Option("How long a participant whose connection broke keeps the seat.")] = (
        30.0
    )
    join_timeout: Annotated[float, Option("How long a WebSocket may stay silent at first.", at_least=1)] = (
        10.0
    )
    heartbeat: Annotated[float, Option("Between two pings on a WebSocket.", at_least=1)] = 5.0
    max_sdp: Annotated[int, Option("Length of a session description.", at_least=1)] = 64 * 1024
    max_message: Annotated[int, Option("Length of a WebSocket message.", at_least=1)] = 128 * 1024
    max_messages_per_second: Annotated[
        float,
        Option(
            "Of one WebSocket; offers and what others are told count as five, and every 8 KiB as one more.",
            at_least=20,
        ),
    ] = 50.0
    max_upload: Annotated[int, Option("Length of an uploaded picture.", at_least=1)] = 10 * 1024 * 1024
    max_upload_pixels: Annotated[int, Option("Width times height of an uploaded picture.")] = 40_000_000
    max_uploads_per_participant: Annotated[int, Option("Pictures of one participant.")] = 8
    max_file: Annotated[
        int,
        Option(
            "Length of a file in the chat, where a room's policy or a token allows files; 0 for none at all."
        ),
    ] = 5 * 1024 * 1024
    max_files_participant: Annotated[int, Option("Length of all files of one participant.")] = (
        20 * 1024 * 1024
    )
    max_files_room: Annotated[int, Option("Length of all files of one room; they are kept in memory.")] = (
        50 * 1024 * 1024
    )
    max_files: Annotated[int, Option("Length of all files of all rooms.")] = 200 * 1024 * 1024

    def replace(self, **changes: Any) -> Config:  # noqa: ANN401 - of the fields' own types
        """Return a copy with these fields changed."""
        return dataclasses.replace(self, **changes)
