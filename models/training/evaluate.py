"""How good a network is on a suite of clips: alone, and in the whole filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import av
import cv2
import numpy as np

from benchmarks.metrics import Meter, Scores, mean_scores
from filters.base import Planes, planes_of
from filters.matting.matte import Matte
from filters.matting.photo import PhotoMatte
from filters.matting.segmenter import Segmenter, load_card
from filters.planes import to_plane
from models.training.data.pictures import Plane, read_plane

Mattes = Iterator[Plane]


class Clip(NamedTuple):
    """A clip of a suite: a folder with clip.mp4 and alpha/%04d.png."""

    name: str
    film: Path
    truth: Path


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


def alone(network: Segmenter, clip: Clip, every: int) -> tuple[Scores, int]:
    """Score the network by itself on every so many frames, its matte enlarged bilinearly."""
    meter = Meter()
    truths = sorted(clip.truth.glob("*.png"))
    for index, planes in enumerate(frames(clip)):
        if index % every:
            continue
        alpha = to_plane(network(planes, None, None), 255.0)
        meter.add(cast(Plane, cv2.resize(alpha, planes.size)), read_plane(truths[index]))
    return meter.scores(), len(truths)


def whole(network: Segmenter, clip: Clip) -> Scores:
    """Score the whole filter with the network, all frames."""
    meter, matte = Meter(), Matte(network)
    truths = iter(sorted(clip.truth.glob("*.png")))
    for planes in frames(clip):
        ready = matte.push(planes)
        if ready:
            meter.add(ready.alpha, read_plane(next(truths)))
    for ready in matte.flush():
        meter.add(ready.alpha, read_plane(next(truths)))
    return meter.scores()


def network_of(path: Path) -> Segmenter:
    """Load a network and its card; raises ModelError where they aren't in order."""
    return Segmenter(load_card(path.stem, path.parent))


def stills(network: Segmenter, folder: Path) -> Scores:
    """Score the photo path on `folder`/image with `folder`/alpha."""
    meter = Meter()
    results = []
    for path in sorted((folder / "image").glob("*")):
        picture = cv2.imread(str(path))
        truth = read_plane(next((folder / "alpha").glob(f"{path.stem}.*")))
        yuv = planes_of(av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p"))
        meter = Meter()
        matte = PhotoMatte(network).push(yuv).alpha
        meter.add(matte, cast(Plane, cv2.resize(truth, (matte.shape[1], matte.shape[0]))))
        results.append(meter.scores())
    return mean_scores([replace(score, dtssd=0.0) for score in results])


Report = Callable[[str], None]


def evaluate_clips(path: Path, suite: Path, *, bare: bool, every: int, report: Report) -> dict[str, Scores]:
    """Score a network on every clip of a suite; `mean` is over the clips."""
    network = network_of(path)
    results = {}
    for clip in clips(suite):
        results[clip.name] = alone(network, clip, every)[0] if bare else whole(network, clip)
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
