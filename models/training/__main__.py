"""The command line: `python -m models.training COMMAND`."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import onnx
import torch
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from typer.core import TyperGroup

from filters.base import ModelError
from models.training import ablation as ablations
from models.training import keypoints as key_points
from models.training import prepare as preparing
from models.training import table as tables
from models.training.checkpoint import CheckpointError
from models.training.data.manifest import ManifestError, load_manifest
from models.training.data.people import Store
from models.training.data.pictures import write_rgb
from models.training.data.rooms import (
    BannedRoomError,
    kept_for_choosing,
    load_rooms,
    prepared_rooms,
    room_of,
    save_rooms,
)
from models.training.evaluate import clips as all_clips
from models.training.evaluate import cost_of, evaluate_suite, quality_of
from models.training.export import SELFIE_MULTIPLE, ExportError, export_checkpoint, to_onnx, write_card
from models.training.looks import looks_at
from models.training.merge import Merge, learn
from models.training.mix import MixError, mixed
from models.training.settings import SettingsError, load_run, located
from models.training.suite import EMPTY, KINDS, half_of, write_suite
from models.training.teacher import Teacher
from models.training.train import CHECKPOINT, Trainer, draw_of, maker_of
from models.training.trial import measured

MODELS = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("results")
ABLATION = RESULTS / "ablation" / "losses.json"
TEACHER = MODELS / "selfie_general.onnx"

RunFile = Annotated[Path, typer.Argument(metavar="RUN.toml", help="The run's settings.")]
Prepared = Annotated[Path, typer.Argument(metavar="PREPARED", help="A folder that `prepare` has written.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The run's folder: checkpoint and log.")]
Network = Annotated[Path, typer.Argument(metavar="NETWORK.onnx", help="A network, its card beside it.")]
ERRORS = (
    BannedRoomError,
    CheckpointError,
    ExportError,
    ManifestError,
    MixError,
    ModelError,
    OSError,
    SettingsError,
    key_points.NoPoseNetworkError,
    tables.TableError,
)


class Commands(TyperGroup):
    """Commands that say in one line what was wrong with what they were given."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - a context of the copy of Click in Typer
        """See click.Group."""
        try:
            return super().invoke(ctx)
        except ERRORS as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=Commands,
    name="python -m models.training",
    help="Train, choose and export networks. Needs the extra `train`.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


def _bar(unit: str) -> Progress:
    return Progress(
        TextColumn(unit),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )


@app.command()
def prepare(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="The folder that the manifest's folders are in.")
    ],
    prepared: Prepared,
) -> None:
    """Prepare people and rooms; rejects are shown on PREPARED/rejects.jpg."""
    manifest, store, done = load_manifest(), Store(prepared), preparing.Prepared()
    prepared.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(TEACHER)
    with _bar("people") as bar:
        task = bar.add_task("", total=None)

        def report(name: str) -> None:
            bar.update(task, advance=1, description=name)

        for source in manifest.sources.values():
            if source.kind in ("photos", "unlabelled", "cutouts"):
                preparing.add_source(store, source, data / source.folder, teacher, done, report)
    rooms = prepared_rooms(manifest, data, prepared)
    if not done.people and not rooms:
        raise FileNotFoundError(f"{data} holds no picture in a folder of models/training/data/manifest.toml")
    store.save(done.people)
    save_rooms(prepared, rooms)
    write_rgb(prepared / "rejects.jpg", preparing.sheet(done.rejects))
    rejects = f"{len(done.rejects)} rejects: {prepared / 'rejects.jpg'}"
    typer.echo(f"{len(done.people)} people, {len(rooms)} pictures of rooms, {rejects}")


@app.command()
def keypoints(
    prepared: Prepared,
    network: Annotated[
        Path,
        typer.Argument(metavar="POSE.tflite", help="pose_landmark_lite.tflite of npm's @mediapipe/pose."),
    ],
) -> None:
    """Label the prepared people's key points, for runs that learn pose as a second task."""
    store = Store(prepared)
    people, blazepose = store.load(), key_points.BlazePose(network)
    with _bar("people") as bar:
        task = bar.add_task("", total=len(people))
        found = key_points.label(store, people, blazepose, lambda _: bar.update(task, advance=1))
    typer.echo(f"{found} of {len(people)} people have key points")


@app.command()
def suite(
    prepared: Prepared,
    folder: Annotated[Path, typer.Argument(metavar="SUITE", help="The folder to write clips to.")],
    clips: Annotated[int, typer.Option(min=1)] = 20,
    seed: int = 100,
    nobody: Annotated[bool, typer.Option("--nobody", help="Of empty rooms.")] = False,
    empty: Annotated[
        Path | None, typer.Option(metavar="ROOMS", help="Of nobody, in the rooms of this folder's pictures.")
    ] = None,
    trained: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="Of this source's people to train on: for `merge`; repeatable."),
    ] = None,
    trained_rooms: Annotated[
        bool, typer.Option("--trained-rooms", help="In rooms to train on: for `merge`.")
    ] = False,
    half: Annotated[
        int | None,
        typer.Option(
            min=1, max=2, help="Of half of those kept: what learns from one is checked on the other."
        ),
    ] = None,
) -> None:
    """Compose a suite of people and rooms that no run trains on, to choose by."""
    manifest, store = load_manifest(), Store(prepared)
    if empty:
        rooms = sorted(empty.glob("*.jpg"))
    else:
        rooms = [
            r for r in load_rooms(prepared, manifest.banned) if kept_for_choosing(room_of(r)) != trained_rooms
        ]
    if nobody or empty:
        people, kinds = [], EMPTY
    elif trained:
        people, kinds = preparing.trained_people(store, manifest, trained), KINDS
    else:
        people, kinds = preparing.kept_people(store, manifest), KINDS
    if half:
        people = [person for person in people if half_of(person.name) == half]
    if half and not (empty or trained_rooms):
        rooms = [room for room in rooms if half_of(room_of(room)) == half]
    write_suite(folder, store, people, rooms, clips, seed, typer.echo, kinds)


@app.command()
def train(
    run: RunFile,
    prepared: Prepared,
    folder: Folder,
    device: Annotated[str, typer.Option(metavar="cpu|cuda")] = "cpu",
    samples: Annotated[
        Path | None, typer.Option(help="A folder to keep samples in, for other runs that draw alike.")
    ] = None,
) -> None:
    """Train a run, or go on with it from its last checkpoint."""
    settings = load_run(run, Path(), folder.parent, MODELS.parent)
    make = maker_of(settings, draw_of(settings, prepared, load_manifest()), samples)
    trainer = Trainer(settings, folder, make, device)
    trainer.resume()
    with _bar("images") as bar:
        task = bar.add_task("", total=settings.images)
        trainer.train(
            lambda done, total, text: bar.update(task, completed=done, total=total, description=text)
        )


@app.command()
def ablate(
    file: Annotated[Path, typer.Argument(metavar="ABLATION.toml", help="A run, and what is changed in it.")],
    prepared: Prepared,
    folder: Annotated[
        Path,
        typer.Argument(metavar="RUNS", help="The runs' folders, what they start from, and their samples."),
    ],
    suite: Annotated[Path, typer.Argument(metavar="SUITE", help="A folder that `suite` has written.")],
) -> None:
    """Train and measure every variant with every seed that has no stored result yet."""
    done, tells = ablations.results(ABLATION), ablations.suite_of(suite)
    left = ablations.missing(ablations.load_ablation(file), done, tells)
    runs = [(name, located(run, folder, MODELS.parent)) for name, run in left]
    for name, run in runs:
        quality = measured(name, run, prepared, load_manifest(), folder, suite)
        done.append({"variant": name, "seed": run.seed, "suite": tells, **quality._asdict()})
        ablations.save(done, ABLATION)
        typer.echo(f"{name}, seed {run.seed}: IoU {quality.iou:.3f}, MAD {quality.mad:.1f}")


@app.command()
def evaluate(
    network: Network,
    suite: Annotated[
        Path, typer.Argument(metavar="SUITE", help="A folder of clips, or of stills, with mattes.")
    ],
    bare: Annotated[bool, typer.Option(help="The network alone instead of the whole filter.")] = False,
    every: Annotated[int, typer.Option(min=1, help="With --bare: every so many frames.")] = 10,
    output: Annotated[Path | None, typer.Option("--json", help="Write the figures, clip by clip.")] = None,
) -> None:
    """Score a network on a suite, clip by clip."""
    scores = evaluate_suite(network, suite, bare=bare, every=every, report=typer.echo)
    if output:
        figures = {name: score.as_dict() for name, score in scores.items()}
        output.write_text(json.dumps(figures, indent=1), encoding="utf-8")


@app.command()
def export(
    run: RunFile,
    folder: Folder,
    network: Network,
    description: Annotated[str, typer.Option(help="What it is, for the card.")],
    licence: Annotated[str, typer.Option(help="Of the weights, for the card.")] = "Apache-2.0",
) -> None:
    """Write a run's network and its card, checked against the torch module."""
    settings = load_run(run, Path(), folder.parent, MODELS.parent)
    export_checkpoint(settings, folder / CHECKPOINT, network, description=description, licence=licence)


@app.command()
def mix(
    first: Network,
    second: Network,
    output: Network,
    share: Annotated[float, typer.Option(min=-1, max=1, help="Of the second's weights; below 0: taken out.")],
    temperature: Annotated[float, typer.Option(min=0.1, help="What the logits are multiplied by.")] = 1.0,
    bias: Annotated[float, typer.Option(help="What is added to the logits after that.")] = 0.0,
    layers: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="FIRST END", help="Only these layers' weights, from 0, without END; none: all."),
    ] = None,
) -> None:
    """Write a mixture of two networks of the selfie graph, and its card."""
    onnx.save(mixed(first, second, share, temperature, bias, layers), output)
    numbers = {"share": share, "temperature": temperature, "bias": bias}
    source = {"first": first.name, "second": second.name} | {k: f"{v:g}" for k, v in numbers.items()}
    if layers:
        source["layers"] = "{} to {}".format(*layers)
    write_card(output, SELFIE_MULTIPLE, description="A mixture", licence="Apache-2.0", source=source)


@app.command()
def merge(
    first: Network,
    suites: Annotated[Path, typer.Argument(metavar="SUITES", help="A folder of suites to learn from.")],
    output: Network,
    runs: Annotated[list[Path], typer.Argument(metavar="RUN.onnx...", help="What it takes from.")],
    images: Annotated[int, typer.Option(min=1, help="Looks to learn from, in all.")] = 9000,
    every: Annotated[int, typer.Option(min=1, help="Of so many looks at a clip, one is learned from.")] = 6,
    lost: Annotated[
        float,
        typer.Option(min=0, help="How many times more what is lost of people counts than what is shown."),
    ] = 3.0,
    seed: int = 1,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Merge networks of the selfie graph: the first and, layer by layer, learned shares of the runs."""
    torch.set_num_threads(threads)
    merged = Merge(first, runs)
    found = [clip for suite in sorted(suites.iterdir()) if suite.is_dir() for clip in all_clips(suite)]
    with _bar("clips") as bar, ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        taken = pool.map(partial(looks_at, first, every=every), found)
        looks = [look for each in bar.track(taken, total=len(found)) for look in each]
    with _bar("images") as bar:
        task = bar.add_task("", total=images)

        def shown(done: int, _: int, text: str) -> None:
            bar.update(task, completed=done, description=text)

        learn(merged, looks, images, lost, seed, shown)
    to_onnx(merged.merged(), output)
    source = {"first": first.name, "runs": ", ".join(run.name for run in runs)}
    write_card(output, SELFIE_MULTIPLE, description="A merge", licence="Apache-2.0", source=source)


@app.command()
def record(
    network: Network,
    remark: Annotated[str, typer.Option(help="What a reader of the table should know.")],
    suite: Annotated[
        Path | None, typer.Option(help="A folder of clips with mattes; none: not trained.")
    ] = None,
    images: Annotated[int, typer.Option(min=0, help="Image-iterations it was trained for.")] = 0,
    every: Annotated[int, typer.Option(min=1, help="Every so many frames.")] = 10,
) -> None:
    """Measure a bare network and store the result for the table."""
    result: dict[str, object] = {"name": network.stem, "images": images, "remark": remark}
    result |= cost_of(network)._asdict()
    if suite:
        result |= quality_of(network, suite, every)._asdict()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{network.stem}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


@app.command()
def table(
    readme: Annotated[Path, typer.Option(help="The file that holds the tables.")] = MODELS / "README.md",
    check: Annotated[bool, typer.Option(help="Only tell whether it is up to date.")] = False,
) -> None:
    """Write the README's tables from the stored results."""
    before = readme.read_text(encoding="utf-8")
    after = tables.inserted(before, tables.NETWORKS, tables.markdown(tables.results(RESULTS)))
    after = tables.inserted(after, tables.ABLATION, ablations.markdown(ablations.results(ABLATION)))
    if check and after != before:
        typer.echo(f"{readme} is not what the stored results give", err=True)
        raise typer.Exit(1)
    if not check:
        readme.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    app()
