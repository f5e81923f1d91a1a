"""The device filter's JavaScript, run by Node: what the page runs, without a browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from filters.matting.segmenter import ModelCard

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "tools" / "device-filter" / "run.mjs"

Floats: TypeAlias = NDArray[np.float32]


def run_network(
    model: Path, inputs: Sequence[Floats], shapes: Sequence[tuple[int, ...]], kernels: Path | None = None
) -> list[Floats]:
    """Return a model's outputs, of the given shapes, for inputs (1, channels, height, width) of one size.

    Raises RuntimeError with what the runner says where it refuses the model.
    """
    height, width = inputs[0].shape[2:]
    data = b"".join(np.ascontiguousarray(x, np.float32).tobytes() for x in inputs)
    told = np.frombuffer(
        _node("network", str(model), str(width), str(height), data=data, kernels=kernels), np.float32
    )
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    assert told.size == ends[-1]
    return [part.reshape(shape) for part, shape in zip(np.split(told, ends[:-1]), shapes, strict=True)]


class Sent(NamedTuple):
    """What a device sends of a picture."""

    picture: NDArray[np.uint8]
    """I420, (bytes,)."""
    sharp: NDArray[np.bool_]
    """Where it is as the camera saw it, (height, width)."""


def filter_pictures(
    pictures: Sequence[NDArray[np.uint8]], size: tuple[int, int], card: ModelCard
) -> list[Sent]:
    """Return what a device sends of I420 pictures of (width, height), each (bytes,)."""
    width, height = size
    # A fourth plane, that of transparency, is blurred like the rest: stripes tell where it was.
    stripes = np.tile(np.array([0, 255], np.uint8), width * height)[: width * height]
    data = b"".join(np.concatenate([p.ravel(), stripes]).tobytes() for p in pictures)
    arguments = (str(card.path), json.dumps(describe(card)), str(width), str(height))
    told = np.frombuffer(_node("pictures", *arguments, data=data), np.uint8).reshape(len(pictures), -1)
    ends = [len(each) - width * height for each in told]
    sharp = [each[end:].reshape(height, width) for each, end in zip(told, ends, strict=True)]
    return [
        Sent(each[:end], (mask == 0) | (mask == 255))
        for each, end, mask in zip(told, ends, sharp, strict=True)
    ]


def describe(card: ModelCard) -> dict[str, Any]:
    """Return a card as the page gets it."""
    return {"multiple": card.multiple, "pixels": card.pixels, "mean": card.mean, "std": card.std}


def _node(*arguments: str, data: bytes, kernels: Path | None = None) -> bytes:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is missing (Debian: apt-get install nodejs)")
    environment = os.environ | ({"KERNELS": str(kernels)} if kernels else {})
    done = subprocess.run(
        [node, str(RUN), *arguments], input=data, capture_output=True, env=environment, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return done.stdout
