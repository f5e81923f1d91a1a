"""Networks in ONNX, as files."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from filters.base import ModelError

CONVOLUTIONS = ("Conv", "ConvTranspose")
"""The operators that have weights."""


def load_network(path: Path) -> onnx.ModelProto:
    """Return what a file holds; raises ModelError and OSError."""
    try:
        return onnx.load(path)
    except DecodeError as error:
        raise ModelError(f"{path} is no network: {error}") from error


def layers_of(model: onnx.ModelProto) -> list[list[str]]:
    """Return the names of each convolution's weights, in the graph's order."""
    return [list(node.input[1:]) for node in model.graph.node if node.op_type in CONVOLUTIONS]
