"""A mixture of two networks of one graph, and a calibration: a temperature and a bias.

Weights halfway between a network and its fine-tuned self are often better than either (Wortsman et al., "Robust
fine-tuning of zero-shot models", CVPR 2022). A share below 0 takes out what the second has learned beyond the first
(Ilharco et al., "Editing models with task arithmetic", ICLR 2023). A temperature above 1 multiplies the logits: surer
mattes. A bias is added to them: below 0, less is shown. Early layers see light and texture, late ones shapes, so what a
run has learned can be taken over from some layers only.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
import onnx
from onnx import numpy_helper

from models.training.network import CONVOLUTIONS, layers_of, load_network


class MixError(ValueError):
    """The two networks aren't of one graph."""


def mixed(
    first: Path,
    second: Path,
    share: float,
    temperature: float = 1.0,
    bias: float = 0.0,
    layers: tuple[int, int] | None = None,
) -> onnx.ModelProto:
    """Return (1 - share) of the first and share of the second; the logits times the temperature, plus the bias.

    With layers, (first, end), only these are mixed, counted in the graph's order from 0: those that have weights.
    """
    model, other = load_network(first), load_network(second)
    theirs = {i.name: numpy_helper.to_array(i) for i in other.graph.initializer}
    last = _last_layer(model).input[1:]
    chosen = set(chain.from_iterable(layers_of(model)[slice(*layers)])) if layers else theirs.keys()
    if not chosen:
        raise MixError(f"{first} has {len(layers_of(model))} layers, and none of those to be mixed")
    for initializer in model.graph.initializer:
        mine = numpy_helper.to_array(initializer)
        if initializer.name not in theirs or theirs[initializer.name].shape != mine.shape:
            raise MixError(f"{second} has no {initializer.name} of the shape that {first} has")
        if mine.dtype == np.float32:
            part = share if initializer.name in chosen else 0.0
            value = (1 - part) * mine + part * theirs[initializer.name]
            value = value * (temperature if initializer.name in last else 1.0)
            value = value + (bias if initializer.name == last[1] else 0.0)
            initializer.CopyFrom(numpy_helper.from_array(value.astype(np.float32), initializer.name))
    return model


def _last_layer(model: onnx.ModelProto) -> onnx.NodeProto:
    """Return the layer whose output is the logits."""
    before, sigmoid = (cast(onnx.NodeProto, node) for node in model.graph.node[-2:])
    if sigmoid.op_type != "Sigmoid" or before.op_type not in CONVOLUTIONS:
        raise MixError("the last two operators should be a convolution and a sigmoid")
    return before
