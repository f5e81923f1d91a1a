"""What the commands share: the configuration, the bar, the one-line errors, the end by a signal."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, NoReturn, TypeAlias

import typer

from server.config.loading import load
from server.config.options import Config

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", envvar="GREENROOM_CONFIG", metavar="FILE", help="A TOML file with options."),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="OPTION=VALUE", help="Any option of `greenroom config --explain`."),
]


ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a command before its time."""

OnProgress: TypeAlias = Callable[[int, int | None], None]
"""Takes how many frames are done, and how many are expected."""


def filled(value: str | None) -> str | None:
    """Return an argument, if there is one; refuse an empty one, as of a shell's variable that is not set."""
    if value == "":
        raise typer.BadParameter("must not be empty")
    return value


def configuration(file: Path | None, assignments: list[str] | None, options: Mapping[str, object]) -> Config:
    """Return the configuration of a command; raise ConfigError."""
    given = {name: value for name, value in options.items() if value is not None}
    for assignment in assignments or []:
        name, _, value = assignment.partition("=")
        given[name.strip()] = value.strip()
    return load(file, os.environ, given)


@contextmanager
def progress() -> Iterator[OnProgress]:
    """Draw a bar on a terminal; anywhere else write one plain line at the end.

    A signal ends the work by an exception, so that unfinished files are removed: at once, or with the next report.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    rate = TextColumn("{task.fields[rate]:.1f} frames/s")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    start, frames, taken = time.perf_counter(), 0, list[int]()

    def end(number: int, frame: FrameType | None) -> NoReturn:
        taken.append(number)
        terminate(number, frame)

    with handling(end), Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, rate=0.0)

        def update(done: int, expected: int | None) -> None:
            nonlocal frames
            if taken:  # PyAV, while it raises an exception, drops the one that a handler raises
                terminate(taken[0], None)
            frames = done
            rate = done / max(time.perf_counter() - start, 1e-3)
            bar.update(task, completed=done, total=expected and max(done, expected), rate=rate)

        yield update
    if frames and not console.is_terminal:
        seconds = time.perf_counter() - start
        console.print(f"{frames} frames in {seconds:.1f} s, {frames / seconds:.1f} frames/s")


@contextmanager
def handling(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Have a handler for each of the ENDING signals that isn't ignored: what nohup started goes on."""
    before = {number: signal.getsignal(number) for number in ENDING}
    heard = {number: former for number, former in before.items() if former is not signal.SIG_IGN}
    for number in heard:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, former in heard.items():
            signal.signal(number, former)


def terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """Handle a signal."""
    sys.exit(128 + number)  # an exception, so that unfinished files are removed


def warn(message: str) -> None:
    """Say what is wrong in one line."""
    typer.echo(f"greenroom: {' '.join(message.split())}", err=True)


def fail(error: Exception) -> NoReturn:
    """Say what is wrong in one line, and end with status 1."""
    warn(str(error))
    raise typer.Exit(1)
