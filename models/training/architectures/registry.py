"""Which networks can be trained, by name."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from models.training.architectures.selfie import Selfie
from models.training.settings import Run


def build(run: Run) -> nn.Module:
    """Return the network of a run; raises ValueError where its name isn't known."""
    if run.architecture == "selfie":
        return Selfie(Path(run.init))
    raise ValueError(f"{run.architecture} is no architecture")
