"""The command line: `greenroom [serve]`, and a function or an import for every other command."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from filters.backgrounds.background import Color, parse_background
from filters.base import FilterError, Plane, planes_of
from filters.files.filter_file import MakeFilter, MatteSink, filter_file, read_picture
from filters.matting.matte import Matte, MatteOptions
from filters.matting.photo import PhotoMatte
from filters.matting.segmenter import Segmenter, load_card
from filters.matting.smoother import SMOOTHERS
from filters.person import PersonFilter
from server.access.policy import SignalingError
from server.cli.cluster import cluster, serve_loops
from server.cli.console import Assignments, ConfigFile, configuration, fail, progress, terminate, warn
from server.cli.evidence import compose_command, verify
from server.cli.janus import bridges
from server.config.loading import ConfigError, effective, explain
from server.config.options import MODELS, PICTURES, Config
from server.core.core_dumps import forbid_core_dumps

DEFAULTS = Config()


app = typer.Typer(
    name="greenroom",
    help="Video rooms in which nobody's room is ever shown. Without a command: serve.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bridges, name="bridge")
app.add_typer(cluster, name="cluster")


def _known_smoother(name: str) -> str:
    if name not in SMOOTHERS:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(SMOOTHERS)}")
    return name


Model = Annotated[str, typer.Option(metavar="NAME", help="The network: NAME.onnx and NAME.toml in models/.")]
Smoother = Annotated[
    str,
    typer.Option(
        metavar="|".join(SMOOTHERS), callback=_known_smoother, help="How mattes are steadied over time."
    ),
]


@app.command()
def serve(
    config: ConfigFile = None,
    assignments: Assignments = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any.")] = None,
    open_: Annotated[
        bool | None, typer.Option("--open", help="Let in anybody who can reach the server.")
    ] = None,
    tls: Annotated[
        str | None, typer.Option(metavar="off|self-signed", help="Encrypt, as for phones.")
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="A reverse proxy whose headers are believed.")
    ] = None,
    log_format: Annotated[str | None, typer.Option(metavar="text|json", help="One line an event.")] = None,
    recordings: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for recordings; without one there are none.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that decode, filter and encode.")
    ] = None,
    loops: Annotated[
        int | None, typer.Option(min=1, help="Servers on this machine, each with a share of the workers.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The network of models/NAME.toml.")
    ] = None,
    smoother: Annotated[str | None, typer.Option(metavar="|".join(SMOOTHERS))] = None,
) -> None:
    """Run the conference server. What is not given comes from the environment, then from the file."""
    options = {
        "host": host,
        "port": port,
        "open": open_,
        "tls": tls,
        "trusted_proxies": trusted_proxy or None,
        "log_format": log_format,
        "recordings": recordings,
        "workers": workers,
        "loops": loops,
        "model": model,
        "smoother": smoother,
    }
    _serve(config, assignments, options)


@app.command()
def forward(
    to: Annotated[
        str, typer.Option("--to", metavar="URL", help="A WHIP endpoint; {room} and {identity} are replaced.")
    ],
    source: Annotated[str, typer.Option("--from", metavar="whip", help="Where cameras come from.")] = "whip",
    to_token: Annotated[str, typer.Option(help="Bearer token for that endpoint.")] = "",
    config: ConfigFile = None,
    assignments: Assignments = None,
) -> None:
    """Publish every camera that comes in by WHIP, filtered, to another server's WHIP endpoint."""
    if source != "whip":
        raise typer.BadParameter(f"{source!r} is not 'whip'", param_hint="--from")
    _serve(config, assignments, {"forward_to": to, "forward_token": to_token})


def _serve(config: Path | None, assignments: list[str] | None, options: Mapping[str, object]) -> None:
    from server.app import serve as run  # `filter` needs nothing of the server

    try:
        chosen = configuration(config, assignments, options)
        forbid_core_dumps()
        if chosen.loops > 1:
            serve_loops(chosen, config, assignments, options)
        else:
            run(chosen)
    except (ConfigError, FilterError, OSError) as error:
        fail(error)


@app.command(name="config")
def config_(
    config: ConfigFile = None,
    assignments: Assignments = None,
    everything: Annotated[bool, typer.Option("--explain", help="Every option with its meaning.")] = False,
) -> None:
    """Print what differs from the defaults, or explain every option, as a TOML file."""
    try:
        lines = explain() if everything else effective(configuration(config, assignments, {}))
        typer.echo("\n".join(lines).strip())
    except ConfigError as error:
        fail(error)


@app.command()
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


@app.command(name="filter")
def filter_(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A video or a photo.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help=".mp4, .mov, .mkv; photos: .png, .jpg.")],
    background: Annotated[
        str,
        typer.Option(
            metavar="SPEC",
            help="blur, blur-strong, #rrggbb, a built-in picture's name, a picture or video file, "
            "or none for a transparent photo.",
        ),
    ] = DEFAULTS.background,
    matte: Annotated[
        Path | None, typer.Option(help="Write the matte too: .mkv (lossless grey FFV1), for a photo .png.")
    ] = None,
    smoother: Smoother = DEFAULTS.smoother,
    privacy: Annotated[
        float, typer.Option(min=0, max=1, help="How much of what is uncertain is hidden; costs hair.")
    ] = MatteOptions().privacy,
    plate: Annotated[
        Path | None,
        typer.Option(help="For videos: a picture of the same room without people, from the same camera."),
    ] = None,
    model: Model = DEFAULTS.model,
) -> None:
    """Put a background behind the people in a video or a photo.

    Every frame keeps its time and size, and audio is kept. H.264 in 4:2:0 has even sides only: a video with
    an odd one becomes 4:4:4, which few players show.
    """
    signal.signal(signal.SIGTERM, terminate)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else it is nohup's, and the work goes on
        signal.signal(signal.SIGHUP, terminate)
    transparent = background == "none"
    try:
        segmenter = Segmenter(load_card(model, MODELS))
        behind = Color(0, 0, 0) if transparent else parse_background(background, PICTURES, files=True)

        options = MatteOptions(privacy=privacy)
        video = Matte(segmenter, smoother=SMOOTHERS[smoother](), options=options)
        empty = read_picture(plate) if plate else None
        if empty is not None:
            video.use_plate(planes_of(empty))

        plate_fits = False

        def make(chosen: Matte | PhotoMatte) -> MakeFilter:
            def make_filter(on_matte: MatteSink) -> PersonFilter:
                def take(alpha: Plane) -> None:
                    nonlocal plate_fits
                    plate_fits |= video.has_plate
                    on_matte(alpha)

                return PersonFilter(segmenter, behind, matte=chosen, on_matte=take)

            return make_filter

        def refuse(_on_matte: MatteSink) -> NoReturn:
            raise FilterError(f"{source}: a photo needs no plate, only videos do; leave --plate out")

        with progress() as report:
            filter_file(
                source,
                target,
                make(video),
                make_photo_filter=refuse if plate else make(PhotoMatte(segmenter, options)),
                matte=matte,
                transparent=transparent,
                progress=report,
                warn=warn,
            )
        if plate and not plate_fits:
            warn(f"{plate} does not fit what the camera saw and was not used")
    except FilterError as error:
        fail(error)


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
