"""Networks in ONNX, as files."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from filters.base import ModelError


def load_network(path: Path) -> onnx.ModelProto:
    """Return what a file holds; raises ModelError and OSError."""
    try:
        return onnx.load(path)
    except DecodeError as error:
        raise ModelError(f"{path} is no network: {error}") from error
