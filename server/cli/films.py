"""`greenroom filter` for folders and buckets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from server.cli.console import configuration, fail, handling, terminate, warn
from server.core.errors import ConfigError

if TYPE_CHECKING:
    from server.cluster.films import Film, Runner

MAX_LISTED = 20  # files that failed which are named; chosen


def filter_many(
    source: str, target: str, options: tuple[str, str, float, str, str, str], jobs: int, cluster: str
) -> None:
    """Filter every file, here or on a cluster; `options` are those of FilmOptions.of. Ends with 1 where one failed."""
    from filters.base import FilterError
    from server.cluster.films import FilmOptions, plan
    from server.cluster.stores import store

    try:
        runner = _cluster(cluster) if cluster else _processes(jobs)
        work = plan(_absolute(source), _absolute(target), FilmOptions.of(*options))
        failed = _run(runner, work.films, work.done)
        store(_absolute(target)).clean()
    except (FilterError, ConfigError, OSError) as error:
        fail(error)
    if work.others:
        warn(f"{work.others} other files are neither videos nor photos")
    for name, text in failed[:MAX_LISTED]:
        warn(f"{name}: {text}")
    typer.echo(f"{work.done} were done before, {len(work.films) - len(failed)} now, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)


def _absolute(place: str) -> str:
    return place if "://" in place else str(Path(place).resolve())


def _run(runner: Runner, films: list[Film], before: int) -> list[tuple[str, str]]:
    """Draw a bar over all of them; return those that failed, and why."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    rate, failed = TextColumn("files, {task.fields[frames]} frames"), list[tuple[str, str]]()
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with (
        handling(terminate),  # once more: Ray has put its own in their place
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("", total=before + len(films), completed=before, frames=0)
        frames = 0
        for outcome in runner.run(films):
            frames += outcome.frames
            if outcome.error:
                failed.append((outcome.name, outcome.error))
            bar.update(task, advance=1, frames=frames)
    return failed


def _processes(jobs: int) -> Runner:
    from server.cluster.film_processes import FilmProcesses

    return FilmProcesses(jobs)


def _cluster(address: str) -> Runner:
    from server.cli.cluster import connect

    config = configuration(None, None, {"cluster": address})
    connect(config)
    from server.cluster.ray_films import FilmTasks

    return FilmTasks()
