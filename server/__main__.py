"""The command line: `greenroom [serve]` and `greenroom filter`."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from filters.background import Background, Color, parse_background
from filters.base import FilterError
from filters.files import MatteSink, filter_file
from filters.files import Progress as OnProgress
from filters.person import PersonFilter
from filters.segmenter import Segmenter, load_card
from filters.smoother import SMOOTHERS
from server.config import MODELS, PICTURES, Config

DEFAULTS = Config()


app = typer.Typer(
    name="greenroom",
    help="Video rooms in which nobody's room is ever shown. Without a command: serve.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = DEFAULTS.host,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any.")
    ] = DEFAULTS.port,
    workers: Annotated[int, typer.Option(min=1, help="Threads that filter and encode.")] = DEFAULTS.workers,
    model: Model = DEFAULTS.model,
    smoother: Smoother = DEFAULTS.smoother,
) -> None:
    """Run the conference server."""
    from server.app import serve as run  # `filter` needs nothing of the server

    try:
        run(Config(host=host, port=port, workers=workers, model=model, smoother=smoother))
    except (FilterError, OSError) as error:
        _fail(error)


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
    model: Model = DEFAULTS.model,
) -> None:
    """Put a background behind the people in a video or a photo.

    Every frame keeps its time and size, and audio is kept. H.264 in 4:2:0 has even sides only: a video with
    an odd one becomes 4:4:4, which few players show.
    """
    signal.signal(signal.SIGTERM, _terminate)
    transparent = background == "none"
    try:
        segmenter = Segmenter(load_card(model, MODELS))
        behind = Color(0, 0, 0) if transparent else parse_background(background, PICTURES, files=True)

        def make_filter(on_matte: MatteSink) -> PersonFilter:
            return _person_filter(segmenter, behind, smoother, on_matte)

        with _progress() as progress:
            filter_file(source, target, make_filter, matte=matte, transparent=transparent, progress=progress)
    except FilterError as error:
        _fail(error)


def _person_filter(
    segmenter: Segmenter, background: Background, smoother: str, on_matte: MatteSink
) -> PersonFilter:
    return PersonFilter(segmenter, background, smoother=SMOOTHERS[smoother](), on_matte=on_matte)


class _FrameRate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:.1f} frames/s")


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """Draw a bar on a terminal; anywhere else write one plain line at the end."""
    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(), MofNCompleteColumn(), _FrameRate(), TimeRemainingColumn())
    start, frames = time.perf_counter(), 0
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def update(done: int, expected: int | None) -> None:
            nonlocal frames
            frames = done
            bar.update(task, completed=done, total=expected and max(done, expected))

        yield update
    if frames and not console.is_terminal:
        seconds = time.perf_counter() - start
        console.print(f"{frames} frames in {seconds:.1f} s, {frames / seconds:.1f} frames/s")


def _terminate(signum: int, _frame: object) -> NoReturn:
    sys.exit(128 + signum)  # an exception, so that unfinished files are removed


def _fail(error: Exception) -> NoReturn:
    typer.echo(f"greenroom: {' '.join(str(error).split())}", err=True)
    raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, by default this process's; one without a command, as in `--port 80`, serves."""
    line = list(sys.argv[1:] if arguments is None else arguments)
    if not line or (line[0].startswith("-") and line[0] != "--help"):
        line.insert(0, "serve")
    app(line, prog_name="greenroom")


if __name__ == "__main__":
    main()
