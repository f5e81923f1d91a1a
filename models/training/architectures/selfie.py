"""The shipped network as a trainable module: the graph and the weights of an ONNX file.

The graph is MediaPipe selfie segmentation's, as `models/convert.py` writes it: a MobileNetV3-like encoder and a
decoder with squeeze and excite. What is exported again is the same graph with other weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import NodeProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from models.training.network import layers_of, load_network


class UnknownOperatorError(ValueError):
    """The graph holds an operator that this module can't run."""


class Selfie(nn.Module):
    """Runs the graph of an ONNX file with its weights as parameters; the last sigmoid is left out."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._source = load_network(path)
        values = {i.name: numpy_helper.to_array(i) for i in self._source.graph.initializer}
        self.weights = nn.ParameterDict()
        self._steps: list[tuple[NodeProto, dict[str, Any]]] = []
        for node in self._source.graph.node:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            self._steps.append((node, attributes))
            for name in node.input[1:]:
                if name in values and node.op_type != "Resize" and name not in self.weights:
                    self.weights[name] = nn.Parameter(torch.from_numpy(values[name].astype(np.float32)))
        if self._steps[-1][0].op_type != "Sigmoid":
            raise UnknownOperatorError(f"{path}: the last operator should be a sigmoid")

    def forward(self, picture: Tensor) -> Tensor:
        known = {self._source.graph.input[0].name: picture}
        for node, attributes in self._steps[:-1]:
            known[node.output[0]] = self._run(node, attributes, known)
        return known[self._steps[-2][0].output[0]]

    def _run(self, node: NodeProto, attributes: dict[str, Any], known: dict[str, Tensor]) -> Tensor:
        first = known[node.input[0]]
        match node.op_type:
            case "Conv":
                weight, bias = (self.weights[name] for name in node.input[1:3])
                top, left, bottom, right = attributes["pads"]
                if (top, left) != (bottom, right):
                    first, top, left = functional.pad(first, (left, right, top, bottom)), 0, 0
                return functional.conv2d(
                    first, weight, bias, tuple(attributes["strides"]), (top, left), 1, attributes["group"]
                )
            case "ConvTranspose":
                weight, bias = (self.weights[name] for name in node.input[1:3])
                return functional.conv_transpose2d(first, weight, bias, tuple(attributes["strides"]))
            case "Relu":
                return functional.relu(first)
            case "HardSwish":
                return functional.hardswish(first)
            case "Sigmoid":
                return torch.sigmoid(first)
            case "GlobalAveragePool":
                return first.mean((2, 3), keepdim=True)
            case "Mul":
                return first * known[node.input[1]]
            case "Add":
                return first + known[node.input[1]]
            case "Resize":
                return functional.interpolate(first, scale_factor=2.0, mode="bilinear", align_corners=False)
            case kind:
                raise UnknownOperatorError(f"{kind} is not supported")

    def layers(self) -> list[list[str]]:
        """Return the names of each convolution's parameters, in the graph's order."""
        return [[f"weights.{name}" for name in names] for names in layers_of(self._source)]

    def onnx_model(self) -> onnx.ModelProto:
        """Return the graph with the module's weights."""
        model = onnx.ModelProto()
        model.CopyFrom(self._source)
        for initializer in model.graph.initializer:
            if initializer.name in self.weights:
                value = self.weights[initializer.name].detach().float().cpu().numpy()
                initializer.CopyFrom(numpy_helper.from_array(value, initializer.name))
        return model
