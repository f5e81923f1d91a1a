"""How good a network is on a suite of clips or of stills: alone, and in the whole filter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import av
import cv2
import numpy as np
import onnx

from benchmarks.metrics import Meter, Scores, mean_scores
from filters.base import Planes, planes_of
from filters.matting.matte import Matte
from filters.matting.matting import mattes
from filters.matting.photo import PhotoMatte
from filters.matting.segmenter import Segmenter, load_card
from filters.planes import to_plane
from models.training.data.pictures import Plane, read_plane, read_rgb
from models.training.network import load_network

NEAR = 3
"""Pixels within which two outlines meet, for the boundary's F1."""

TRIALS = 30
"""Runs of which the median time counts."""

Report = Callable[[str], None]


class Clip(NamedTuple):
    """A clip of a suite: a folder with clip.mp4 and alpha/%04d.png."""

    name: str
    film: Path
    truth: Path


Prepare = Callable[[Clip], None]


def clips(suite: Path) -> list[Clip]:
    """Return the clips of a folder that have a truth; raises FileNotFoundError where there are none."""
    found = [Clip(p.parent.name, p, p.parent / "alpha") for p in sorted(suite.glob("*/clip.mp4"))]
    found = [clip for clip in found if clip.truth.is_dir()]
    if not found:
        raise FileNotFoundError(f"{suite} holds no clips with mattes")
    return found


def frames(clip: Clip) -> Iterator[Planes]:
    with av.open(str(clip.film)) as container:
        for frame in container.decode(video=0):
            yield planes_of(frame)


def looks(network: Segmenter, clip: Clip, every: int) -> Iterator[tuple[Plane, Plane]]:
    """Yield the network's own matte, enlarged bilinearly, and the truth of every so many frames."""
    truths = sorted(clip.truth.glob("*.png"))
    for index, planes in enumerate(frames(clip)):
        if index % every == 0:
            alpha = to_plane(network(planes, None, None), 255.0)
            yield cast(Plane, cv2.resize(alpha, planes.size)), read_plane(truths[index])


def alone(network: Segmenter, clip: Clip, every: int) -> Scores:
    """Score the network by itself."""
    meter = Meter()
    for matte, truth in looks(network, clip, every):
        meter.add(matte, truth)
    return meter.scores()


def whole(network: Segmenter, clip: Clip) -> Scores:
    """Score the whole filter with the network, all frames."""
    meter = Meter()
    truths = sorted(clip.truth.glob("*.png"))
    for matte, truth in zip(mattes(Matte(network), frames(clip)), truths, strict=False):
        meter.add(matte, read_plane(truth))
    return meter.scores()


def still(network: Segmenter, picture: Path, truth: Path, *, bare: bool) -> Scores:
    """Score one photo: the filter's many looks at it or, with `bare`, one."""
    frame = av.VideoFrame.from_ndarray(read_rgb(picture), format="rgb24").reformat(format="yuv420p")
    planes, meter = planes_of(frame), Meter()
    alpha = to_plane(network(planes, None, None), 255.0) if bare else PhotoMatte(network).alpha(planes)
    matte, true = (cast(Plane, cv2.resize(a, planes.size)) for a in (alpha, read_plane(truth)))
    meter.add(matte, true)
    meter.add(matte, true)  # a change from frame to frame of nothing
    return meter.scores()


def network_of(path: Path) -> Segmenter:
    """Load a network and its card; raises ModelError where they aren't in order."""
    return Segmenter(load_card(path.stem, path.parent))


def evaluate_suite(path: Path, suite: Path, *, bare: bool, every: int, report: Report) -> dict[str, Scores]:
    """Score a network on every clip or still of a suite; `mean` is over them.

    A suite of stills is a folder with image/ and alpha/.
    """
    network, results = network_of(path), dict[str, Scores]()
    if (suite / "image").is_dir():
        for picture in sorted((suite / "image").glob("*")):
            truth = next((suite / "alpha").glob(f"{picture.stem}.*"))
            results[picture.stem] = still(network, picture, truth, bare=bare)
            report(line(picture.stem, results[picture.stem]))
    else:
        for clip in clips(suite):
            results[clip.name] = alone(network, clip, every) if bare else whole(network, clip)
            report(line(clip.name, results[clip.name]))
    results["mean"] = mean_scores(list(results.values()))
    report(line("mean", results["mean"]))
    return results


def line(name: str, scores: Scores) -> str:
    """Return a row of a printed table."""
    s = scores
    return (
        f"{name:44} IoU {s.iou:.4f} MAD {s.mad:6.2f} dtSSD {s.dtssd:5.2f}"
        f" leak {s.leak:5.2f} union {s.union:5.2f} lost {s.lost:5.2f}"
    )


def boundary_f1(matte: Plane, truth: Plane) -> float:
    """Return the F1 of the outlines at 0.5, those within NEAR pixels of each other taken as one; nan for none."""
    mine, true = (_outline(plane) for plane in (matte, truth))
    if not true.any():
        return float("nan")
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * NEAR + 1, 2 * NEAR + 1))
    precision = float((mine & (cv2.dilate(true, kernel) > 0)).sum() / max(1, int((mine > 0).sum())))
    recall = float((true & (cv2.dilate(mine, kernel) > 0)).sum() / max(1, int((true > 0).sum())))
    return 2 * precision * recall / max(1e-9, precision + recall)


def _outline(plane: Plane) -> Plane:
    mask = (plane > 127).astype(np.uint8)
    return cast(Plane, mask - cv2.erode(mask, np.ones((3, 3), np.uint8)))


class Cost(NamedTuple):
    """What a network costs: its parameters, the pixels of a look, and the CPU time of one thread for one, in ms."""

    parameters: int
    pixels: int
    ms: float


class Quality(NamedTuple):
    """How good the mattes of a bare network are, means over the clips of a suite."""

    iou: float
    mad: float
    f1: float
    leak: float
    lost: float


def cost_of(path: Path) -> Cost:
    weights = load_network(path).graph.initializer
    parameters = sum(int(np.prod(w.dims)) for w in weights if w.data_type == onnx.TensorProto.FLOAT)
    network = network_of(path)
    return Cost(parameters, network.card.pixels, milliseconds(network))


def quality_of(path: Path, suite: Path, every: int, prepare: Prepare | None = None) -> Quality:
    """Score every so many frames of a suite; `prepare` writes the network anew before each clip."""
    meters, edges = list[Scores](), list[float]()
    for clip in clips(suite):
        if prepare:
            prepare(clip)
        network, meter = network_of(path), Meter()
        for matte, truth in looks(network, clip, every):
            meter.add(matte, truth)
            edges.append(boundary_f1(matte, truth))
        meters.append(meter.scores())
    mean = mean_scores(meters)
    return Quality(mean.iou, mean.mad, float(np.nanmean(edges)), mean.leak, mean.lost)


def milliseconds(network: Segmenter) -> float:
    """Return the median CPU time of one look at a frame of 640×360."""
    plane = np.random.default_rng(0).integers(16, 235, (360, 640)).astype(np.uint8)
    planes, times = Planes(plane, plane[::2, ::2], plane[::2, ::2]), []
    for _ in range(TRIALS):
        start = time.thread_time()
        network(planes, None, None)
        times.append(1e3 * (time.thread_time() - start))
    return float(np.median(times))
