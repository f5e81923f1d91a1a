"""A trained network as data: ONNX and its card, checked against the torch module."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from models.training.architectures.registry import build
from models.training.architectures.selfie import Selfie
from models.training.checkpoint import fill, load_checkpoint
from models.training.data.samples import PIXELS
from models.training.settings import Run

TRIALS = ((224, 400), (256, 160), (64, 96))
"""(height, width) at which the exported network has to agree with the module."""

TOLERANCE = 1e-4
"""Of the matte: four times what float32 sums in another order made of four trained networks (2.4e-5 at most)."""
MULTIPLE = 32
"""Of height and width: no encoder here divides by more."""

SELFIE_MULTIPLE = 16  # of height and width: by which its encoder divides them
OPSET = 17  # ONNX's; chosen

CARD = """\
description = "{description}"
licence = "{licence}"
sha256 = "{sha256}"

[source]
{source}

[input]
name = "input"
mean = [0.0, 0.0, 0.0]
std = [1.0, 1.0, 1.0]
multiple = {multiple}
pixels = {pixels}

[output]
name = "alpha"
"""


class ExportError(RuntimeError):
    """The exported network doesn't give what the module gives."""


class Alpha(nn.Module):
    """A network with its last sigmoid."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> Tensor:
        alpha: Tensor = self.network(picture).sigmoid()
        return alpha


def trained(run: Run, checkpoint: Path) -> nn.Module:
    """Return the run's network with the averaged weights of a checkpoint, ready to be asked."""
    network = build(run)
    fill(network, load_checkpoint(checkpoint), "average", checkpoint)
    return network.eval()


def to_onnx(network: nn.Module, path: Path) -> None:
    """Write a network with free height and width; raises ExportError where the file gives something else."""
    if isinstance(network, Selfie):
        onnx.save(network.onnx_model(), path)
    else:
        trace(network, path)
    check(network, path)


def trace(network: nn.Module, path: Path) -> None:
    free = {"input": {2: "height", 3: "width"}, "alpha": {2: "height", 3: "width"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of sizes that it takes as constants; `check` finds them
        torch.onnx.export(
            Alpha(network).eval(),
            (torch.rand(1, 3, 256, 416),),
            str(path),
            input_names=["input"],
            output_names=["alpha"],
            dynamic_axes=free,
            opset_version=OPSET,
            dynamo=False,
        )


def check(network: nn.Module, path: Path) -> None:
    """Raise ExportError where the file and the module differ by more than TOLERANCE."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    multiple = multiple_of(network)
    for height, width in TRIALS:
        size = (1, 3, height // multiple * multiple, width // multiple * multiple)
        picture = np.random.default_rng(0).random(size, np.float32)
        with torch.no_grad():
            wanted = network(torch.from_numpy(picture)).sigmoid().numpy()
        (given,) = session.run(None, {"input": picture})
        worst = float(np.abs(given - wanted).max()) if given.shape == wanted.shape else float("inf")
        if worst > TOLERANCE:
            raise ExportError(f"{path}: at {height}x{width} the file differs from the module by {worst:.1e}")


def multiple_of(network: nn.Module) -> int:
    return SELFIE_MULTIPLE if isinstance(network, Selfie) else MULTIPLE


def write_card(
    path: Path,
    multiple: int,
    *,
    description: str,
    licence: str,
    source: dict[str, str],
    pixels: int = PIXELS,
) -> None:
    """Write the card beside `path`, the .onnx file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    lines = "\n".join(f'{key} = "{value}"' for key, value in source.items())
    text = CARD.format(
        description=description,
        licence=licence,
        sha256=digest,
        source=lines,
        multiple=multiple,
        pixels=pixels,
    )
    path.with_suffix(".toml").write_text(text, encoding="utf-8")


def export_checkpoint(run: Run, checkpoint: Path, path: Path, *, description: str, licence: str) -> None:
    """Write a checkpoint's network and its card."""
    export_network(run, trained(run, checkpoint), path, description=description, licence=licence)


def export_network(run: Run, network: nn.Module, path: Path, *, description: str, licence: str) -> None:
    """Write the network of a run and its card."""
    to_onnx(network, path)
    source = {"architecture": run.architecture, "seed": str(run.seed), "init": Path(run.init).name}
    write_card(
        path,
        multiple_of(network),
        description=description,
        licence=licence,
        source=source,
        pixels=run.pixels,
    )
