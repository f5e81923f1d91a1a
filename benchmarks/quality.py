"""How good the matte is, and what it costs, stage by stage.

    python -m benchmarks.quality SUITE [--json FILE] [--sheet PNG] [--rows TEXT] [--clips TEXT] [--frames N]
        [--model NETWORK.onnx] [--size WxH] [--interval N]

SUITE is a folder of clips, each a folder with clip.mp4, the true mattes alpha/%04d.png (8 bit, one a frame) and,
where the camera stands still, plate.jpg: the empty room. Films that lie in SUITE themselves have no truth; for
them only the time and the sheet are made.

ms is the CPU time of one thread per frame, scaled by runs of the bare landscape network in between so that
machines compare: it takes REFERENCE_MS. The last rows are the whole filter with its composite; that with a plate is of
the clips that have one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

import av
import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.metrics import Meter, Scores, mean_scores
from benchmarks.sheet import Sheet
from filters.backgrounds.background import Color
from filters.backgrounds.pictures import to_planes
from filters.base import Plane, Planes, planes_of
from filters.matting.matte import Matte, MatteOptions, Network
from filters.matting.matting import MatteFrame
from filters.matting.segmenter import Box, ModelCard, Segmenter, load_card
from filters.matting.smoother import (
    Exponential,
    MatteSample,
    MotionAdaptive,
    NoSmoothing,
    OneFrameDelay,
    TemporalSmoother,
)
from filters.person import PersonFilter
from filters.planes import to_plane
from server.config.options import DEFAULT_MODEL

MODELS = Path(__file__).resolve().parents[1] / "models"
REFERENCE_MS = 0.97  # of the bare landscape network on a quiet core of an AMD EPYC, Zen 5; measured
REFERENCE_SIZE = (144, 256)  # height and width in pixels: its own
REFERENCE_EVERY = 3  # frames from one run of it to the next; chosen
PRIVACY = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)  # of MatteOptions, in [0, 1]; chosen
WARM_UP = 5  # frames whose times do not count; chosen
WITH_PLATE = "whole filter, plate"
"""The row of the clips that have a plate; it says nothing about the others."""

NOTHING = MatteOptions(
    privacy=0.0, region=False, room=False, components=False, guided=False, levels=False, stillness=False
)


class Clip(NamedTuple):
    """One clip of a suite; `truth` is None where it isn't known."""

    name: str
    film: Path
    truth: Path | None
    plate: Path | None
    size: tuple[int, int] | None = None
    """Width and height that all of it is scaled down to; None for as it is."""

    def frames(self, limit: int | None) -> Iterator[av.VideoFrame]:
        with av.open(str(self.film)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if limit is not None and index >= limit:
                    return
                yield frame.reformat(*self.size, interpolation="AREA") if self.size else frame

    def mattes(self) -> list[Path]:
        return sorted(self.truth.glob("*.png")) if self.truth else []

    def read(self, picture: Path, flags: int = cv2.IMREAD_COLOR) -> NDArray[np.uint8]:
        """Return a true matte or the plate."""
        pixels = cv2.imread(str(picture), flags)
        assert pixels is not None
        if self.size:
            pixels = cv2.resize(pixels, self.size, interpolation=cv2.INTER_AREA)
        return pixels  # type: ignore[return-value]


class Matting(Protocol):
    """Frames in, mattes at luma size out, in order and perhaps later."""

    def push(self, frame: av.VideoFrame) -> list[Plane]: ...

    def flush(self) -> list[Plane]: ...


class Alone:
    """A network by itself, with a smoother and nothing else."""

    def __init__(self, network: Network, smoother: TemporalSmoother) -> None:
        self._network = network
        self._smoother = smoother
        self._size = (0, 0)
        self._newest: MatteSample | None = None

    def push(self, frame: av.VideoFrame) -> list[Plane]:
        planes = planes_of(frame)
        self._size = planes.size
        alpha = self._network(planes, None, None)
        before, self._newest = self._newest, MatteSample(alpha, np.zeros(alpha.shape, np.uint8))
        return self._shown(before, self._newest)

    def flush(self) -> list[Plane]:
        return self._shown(self._newest, None)

    def _shown(self, sample: MatteSample | None, after: MatteSample | None) -> list[Plane]:
        if sample is None:
            return []
        shown: Plane = cv2.resize(to_plane(self._smoother.smooth(sample, after), 255.0), self._size)  # type: ignore[assignment]
        return [shown]


class Staged:
    """A Matte with some of its stages."""

    def __init__(self, matte: Matte) -> None:
        self._matte = matte
        self._frames: list[MatteFrame] = []

    def push(self, frame: av.VideoFrame) -> list[Plane]:
        self._frames.append(self._matte.push(planes_of(frame)))
        return self._take()

    def flush(self) -> list[Plane]:
        self._matte.flush()
        return self._take()

    def _take(self) -> list[Plane]:
        ready = [frame.alpha for frame in self._frames if frame.alpha is not None]
        del self._frames[: len(ready)]
        return ready


class Whole:
    """The whole filter, composite included; it looks at every `interval`th frame, as a server does under load."""

    def __init__(self, network: Network, plate: NDArray[np.uint8] | None = None, interval: float = 1) -> None:
        self._mattes: list[Plane] = []
        matte = Matte(network)
        if plate is not None:
            matte.use_plate(to_planes(plate))
        self._filter = PersonFilter(network, Color(0, 177, 64), matte=matte, on_matte=self._take_one)
        self._filter.network_interval = interval

    def push(self, frame: av.VideoFrame) -> list[Plane]:
        self._filter.filter(frame)
        return self._take()

    def flush(self) -> list[Plane]:
        self._filter.flush()
        return self._take()

    def _take(self) -> list[Plane]:
        mattes, self._mattes = self._mattes, []
        return mattes

    def _take_one(self, matte: Plane) -> None:
        self._mattes.append(matte)


Rows = dict[str, Callable[[Clip], Matting]]


def rows(model: Path, interval: float = 1) -> Rows:
    """Return the rows of the table: what peers do, then this project's stages, each added to the one before.

    `model` is the .onnx file of the network that the stages work on, its card beside it; `interval` the frames per
    look of the whole filter.
    """
    general = Segmenter(load_card(model.stem, model.parent))
    landscape = Segmenter(load_card("selfie_landscape", MODELS))

    def shipped(planes: Planes, box: Box | None, pixels: int | None) -> NDArray[np.float32]:
        return landscape(planes, box, REFERENCE_SIZE[0] * REFERENCE_SIZE[1])

    def staged(
        options: MatteOptions, smoother: Callable[[], TemporalSmoother] = NoSmoothing
    ) -> Callable[[Clip], Matting]:
        return lambda clip: Staged(Matte(general, smoother=smoother(), options=options))

    table: Rows = {
        "landscape": lambda clip: Alone(shipped, NoSmoothing()),
        "landscape + exponential": lambda clip: Alone(shipped, Exponential()),
        "landscape + OFD": lambda clip: Alone(shipped, OneFrameDelay()),
    }
    options = NOTHING
    table["own aspect"] = staged(options)
    for stage in ("region", "room", "components", "guided", "levels"):
        options = replace(options, **{stage: True})
        table[f"+ {stage}"] = staged(options)
    table["+ time (OFD)"] = staged(options, OneFrameDelay)
    table["+ time (adaptive)"] = staged(options, MotionAdaptive)
    options = replace(options, stillness=True)
    table["+ stillness"] = staged(options, MotionAdaptive)
    for privacy in PRIVACY:
        table[f"privacy {privacy}"] = staged(replace(options, privacy=privacy), MotionAdaptive)
    table["whole filter"] = lambda clip: Whole(general, None, interval)
    table[WITH_PLATE] = lambda clip: Whole(general, clip.read(clip.plate) if clip.plate else None, interval)
    return table


class Reference:
    """The bare landscape network on noise: how fast this machine is just now."""

    def __init__(self, card: ModelCard) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(card.path, options, providers=["CPUExecutionProvider"])
        noise = np.random.default_rng(0).random((1, 3, *REFERENCE_SIZE), np.float32)
        self._input = {card.input: noise}
        self.times: list[float] = []

    def run(self) -> None:
        start = time.thread_time()
        self._session.run(None, self._input)
        self.times.append(1e3 * (time.thread_time() - start))


class Result(NamedTuple):
    """One row on one clip. `times` are the ms of every frame, scaled."""

    scores: Scores | None
    times: list[float]


def measure(
    clip: Clip, matting: Matting, reference: Reference, sheet: Sheet | None, limit: int | None
) -> Result:
    """Run one row on one clip."""
    meter, times = Meter(), list[float]()
    waiting: list[av.VideoFrame] = []
    truths = clip.mattes()
    done = 0

    def score(mattes: list[Plane]) -> None:
        nonlocal done
        for matte in mattes:
            truth = clip.read(truths[done], cv2.IMREAD_GRAYSCALE) if truths else None
            error = meter.add(matte, truth) if truth is not None else 0.0
            if sheet:
                sheet.add(clip.name, done, error, waiting[done], matte, truth)
            done += 1

    reference.times.clear()
    for index, frame in enumerate(clip.frames(limit)):
        if index % REFERENCE_EVERY == 0:
            reference.run()
        waiting.append(frame)
        start = time.thread_time()
        mattes = matting.push(frame)
        times.append(1e3 * (time.thread_time() - start))
        score(mattes)
    score(matting.flush())
    scale = REFERENCE_MS / float(np.median(reference.times))
    return Result(meter.scores() if truths else None, [scale * t for t in times[WARM_UP:]])


def suite(folder: Path, only: str) -> list[Clip]:
    """Return the clips of a folder whose names hold `only`."""
    clips = [_clip(path.parent) for path in sorted(folder.glob("*/clip.mp4"))]
    clips += [Clip(path.stem, path, None, None) for path in sorted(folder.glob("*.mp4"))]
    return [clip for clip in clips if only in clip.name]


def _clip(folder: Path) -> Clip:
    truth, plate = folder / "alpha", folder / "plate.jpg"
    return Clip(
        folder.name, folder / "clip.mp4", truth if truth.is_dir() else None, plate if plate.exists() else None
    )


def summary(results: dict[str, Result]) -> dict[str, float]:
    """Return the means of a row over its clips."""
    scores = [result.scores for result in results.values() if result.scores]
    times = [t for result in results.values() for t in result.times]
    means = mean_scores(scores).as_dict() if scores else {}
    return {**means, "ms": float(np.mean(times)), "p95": float(np.percentile(times, 95))}


def line(name: str, figures: dict[str, float]) -> str:
    """Return a row of the printed table."""
    formats = {"iou": "{:7.4f}", "mad": "{:6.2f}", "mse": "{:6.2f}", "grad": "{:6.2f}", "dtssd": "{:6.3f}"}
    cells = [formats.get(key, "{:6.2f}").format(value) for key, value in figures.items()]
    return f"{name:26}" + " ".join(cells)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def main() -> None:
    """Measure a suite and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", type=Path)
    parser.add_argument("--json", type=Path, help="write all figures, clip by clip")
    parser.add_argument(
        "--sheet", type=Path, help="write a contact sheet of the last row, worst frames first"
    )
    parser.add_argument(
        "--rows",
        default="",
        help="only the rows whose names hold this; 'privacy' for the dial, else left out",
    )
    parser.add_argument("--clips", default="", help="only the clips whose names hold this")
    parser.add_argument(
        "--model",
        type=Path,
        default=MODELS / f"{DEFAULT_MODEL}.onnx",
        help="the network; its card is beside it",
    )
    parser.add_argument("--frames", type=int, help="only so many frames of each clip")
    parser.add_argument("--size", type=_size, metavar="WxH", help="scale the clips down")
    parser.add_argument(
        "--interval", type=float, default=1, metavar="N", help="frames per look of the whole filter"
    )
    arguments = parser.parse_args()
    made = rows(arguments.model, arguments.interval)
    table = {name: make for name, make in made.items() if arguments.rows in name}
    if not arguments.rows:
        table = {name: make for name, make in table.items() if not name.startswith("privacy")}
    clips = [clip._replace(size=arguments.size) for clip in suite(arguments.suite, arguments.clips)]
    if not table or not clips:
        parser.error("no such rows or clips")
    reference = Reference(load_card("selfie_landscape", MODELS))
    sheet = Sheet() if arguments.sheet else None
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for name, make in table.items():
        last = sheet if name == list(table)[-1] else None
        measured = [clip for clip in clips if clip.plate or name != WITH_PLATE]
        if not measured:
            continue
        results = {c.name: measure(c, make(c), reference, last, arguments.frames) for c in measured}
        means = summary(results)
        if not figures:
            print(" " * 26 + " ".join(f"{key:>6}" for key in means))
        print(line(name, means), flush=True)
        figures[name] = {"mean": means, **{c: summary({c: result}) for c, result in results.items()}}
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))
    if sheet:
        sheet.write(arguments.sheet)


if __name__ == "__main__":
    main()
