"""`greenroom filter`: the privacy filter on files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from server.cli.console import fail, filled, handling, progress, terminate, warn
from server.cli.films import filter_many
from server.cli.wall import end_with_parent, walled
from server.config.options import MODELS, PICTURES, SMOOTHERS, Config
from server.core.core_dumps import forbid_core_dumps

DEFAULTS = Config()
PRIVACY = 0.2  # MatteOptions.privacy, which costs a second to import


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


def filter_(
    given: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", callback=filled, help="A video or a photo, or a folder of them, or s3://, gs://."
        ),
    ],
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="OUTPUT", callback=filled, help=".mp4, .mov, .mkv; photos: .png, .jpg; or a folder."
        ),
    ],
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
    ] = PRIVACY,
    effects: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="framing (videos: brings the person to the middle), low-light (makes one in the dark lighter), "
            "or both with a comma.",
        ),
    ] = "",
    plate: Annotated[
        Path | None,
        typer.Option(help="For videos: a picture of the same room without people, from the same camera."),
    ] = None,
    follow: Annotated[
        str,
        typer.Option(
            metavar="centre|X,Y",
            help="Show one person only: who is in the centre, or at a point in shares of width and height, as "
            "0.5,0.4, when somebody is first in sight.",
        ),
    ] = "",
    model: Model = DEFAULTS.model,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Of a folder, files at a time; by default as many as cores.")
    ] = None,
    cluster: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Filter a folder on this Ray cluster.")
    ] = "",
    within: Annotated[bool, typer.Option("--within", hidden=True)] = False,
) -> None:
    """Put a background behind the people in a video or a photo, or in all of a folder.

    Of a folder, what is done already is left alone: the same command goes on where it was ended.

    Every frame keeps its time and size, and audio is kept. H.264 in 4:2:0 has even sides only: a video with
    an odd one becomes 4:4:4, which few players show.
    """
    if "://" in given or Path(given).is_dir():
        if matte or plate or background == "none":
            raise typer.BadParameter(
                "a folder takes neither --matte nor --plate nor a transparent background"
            )
        told = (background, smoother, privacy, model, effects, follow)
        with handling(terminate):
            filter_many(given, wanted, told, jobs or DEFAULTS.workers, cluster)
        return
    source, target = Path(given), Path(wanted)
    if not within:
        options = {
            "background": background,
            "matte": matte,
            "smoother": smoother,
            "privacy": privacy,
            "effects": effects,
            "plate": plate,
            "follow": follow,
            "model": model,
        }
        words = [f"--{name}={value}" for name, value in options.items() if value is not None]
        targets = [target, *([matte] if matte else [])]
        raise typer.Exit(
            walled(["filter", "--within", *words, "--", str(source), str(target)], source, targets)
        )
    end_with_parent()
    forbid_core_dumps()
    _filter(source, target, background, matte, smoother, privacy, effects, plate, follow, model)


def _filter(
    source: Path,
    target: Path,
    background: str,
    matte: Path | None,
    smoother: str,
    privacy: float,
    effects: str,
    plate: Path | None,
    follow: str,
    model: str,
) -> None:
    from filters.backgrounds.background import Color, parse_background
    from filters.base import FilterError, Plane, planes_of
    from filters.effects import parse_effects
    from filters.files.filter_file import MakeFilter, MatteSink, filter_file, read_picture
    from filters.matting.follow import read_target
    from filters.matting.matte import Matte, MatteOptions
    from filters.matting.photo import PhotoMatte
    from filters.matting.segmenter import Segmenter, load_card
    from filters.matting.smoother import SMOOTHERS as MAKERS
    from filters.person import PersonFilter

    transparent = background == "none"
    try:
        wanted = parse_effects(effects)
        if transparent and effects:
            raise FilterError("a transparent photo takes no --effects")
        segmenter = Segmenter(load_card(model, MODELS))
        behind = Color(0, 0, 0) if transparent else parse_background(background, PICTURES, files=True)

        options = MatteOptions(privacy=privacy)
        video = Matte(segmenter, smoother=MAKERS[smoother](), options=options)
        empty = read_picture(plate) if plate else None
        if empty is not None:
            video.use_plate(planes_of(empty))

        whom = read_target(follow)
        plate_fits = found = False

        def make(chosen: Matte | PhotoMatte) -> MakeFilter:
            def make_filter(on_matte: MatteSink) -> PersonFilter:
                def take(alpha: Plane) -> None:
                    nonlocal plate_fits, found
                    plate_fits |= video.has_plate
                    found |= chosen.followed == "following"
                    on_matte(alpha)

                chosen.follow(whom)
                person = PersonFilter(segmenter, behind, matte=chosen, on_matte=take)
                person.effects = wanted
                return person

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
        if follow and not found:
            warn(f"nobody was at {follow} when somebody was first in sight, so nobody is shown")
    except FilterError as error:
        fail(error)
