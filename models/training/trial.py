"""One run of an ablation: trained, perhaps adapted to each camera, and measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.training.adapt import adapted, looks_of
from models.training.data.manifest import Manifest
from models.training.evaluate import Clip, Quality, quality_of
from models.training.export import export_checkpoint, export_network, trained
from models.training.settings import Run
from models.training.train import CHECKPOINT, Trainer, draw_of, maker_of

EVERY = 10
"""Every so many frames of a suite are measured."""


def measured(name: str, run: Run, prepared: Path, manifest: Manifest, folder: Path, suite: Path) -> Quality:
    """Train one run in its folder within `folder`, whose samples it shares, and measure it on a suite."""
    place = folder / f"{name.replace(' ', '_')}_{run.seed}"
    make = maker_of(run, draw_of(run, prepared, manifest), folder / "samples")
    Trainer(run, place, make).train(lambda *_: None)
    network = place / "network.onnx"
    export_checkpoint(run, place / CHECKPOINT, network, description=name, licence="Apache-2.0")
    if not run.adaptation.epochs:
        return quality_of(network, suite, EVERY)
    return quality_of(network, suite, EVERY, _adapting(run, place / CHECKPOINT, network))


def _adapting(run: Run, checkpoint: Path, network: Path) -> Callable[[Clip], None]:
    """Return what has the network adapt itself to a clip's frames but for those that are measured."""
    start = trained(run, checkpoint)

    def prepare(clip: Clip) -> None:
        looks = list(looks_of(clip.film, run.pixels, EVERY))
        mine = adapted(start, looks, run.adaptation, run.seed)
        export_network(run, mine, network, description=f"adapted to {clip.name}", licence="Apache-2.0")

    return prepare
