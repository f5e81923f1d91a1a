"""Checkpoints: files of PyTorch that hold a run's weights, and how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn


class CheckpointError(ValueError):
    """A file is no checkpoint, or holds another network's weights."""


def load_checkpoint(path: Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """Return what a checkpoint holds; raises CheckpointError and OSError."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except OSError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path} is no checkpoint, or is damaged") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is no checkpoint")
    return state


def fill(network: nn.Module, state: dict[str, Any], key: str, path: Path) -> None:
    """Give a network the weights that `path` holds under `key`; raises CheckpointError."""
    if key not in state:
        raise CheckpointError(f"{path} is no checkpoint: it holds no {key}")
    try:
        network.load_state_dict(state[key])
    except (RuntimeError, TypeError) as error:
        raise CheckpointError(f"{path} holds the weights of another network") from error
