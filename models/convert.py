"""Convert MediaPipe's selfie segmentation networks from TFLite to ONNX graphs of any size.

    python models/convert.py            # fetches the npm package, writes models/selfie_*.onnx
    python models/convert.py --check    # only tells whether the files here are what conversion gives

Needs npm (or --package FILE.tgz) and the Python packages flatbuffers, numpy, onnx and tflite.

The weights keep their values. Tensors become NCHW, 16-bit weights 32-bit, height and width free (multiples of
16): the networks are fully convolutional, and the rules below say why their few sizes may be forgotten.
"""

from __future__ import annotations

import argparse
import hashlib
import struct
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import tflite
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

PACKAGE = "@mediapipe/selfie_segmentation@0.1.1675465747"
SOURCES = {
    "selfie_general": (
        "package/selfie_segmentation.tflite",
        "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27",
    ),
    "selfie_landscape": (
        "package/selfie_segmentation_landscape.tflite",
        "4aafe6223bb8dac6fac8ca8ed56852870a33051ef3f6238822d282a109962894",
    ),
}
DTYPES = dict(enumerate((np.float32, np.float16, np.int32)))  # of tflite.TensorType

Array: TypeAlias = NDArray[Any]
Piece: TypeAlias = NodeProto | TensorProto  # a rule gives nodes in order, and the initializers they use


class ConversionError(Exception):
    """The source is not the file, or holds not the operators, that this converter was written for."""


@dataclass(frozen=True)
class Operator:
    """One TFLite operator: names, NHWC shapes and constant values (None for activations) of its tensors."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    shapes: tuple[tuple[int, ...], ...]
    constants: tuple[Array | None, ...]
    output_shape: tuple[int, ...]
    source: Any

    def options(self, table: Any) -> Any:  # noqa: ANN401 - flatbuffers' generated classes have no types
        """Return the operator's option table, read as the generated class `table`."""
        options, raw = table(), self.source.BuiltinOptions()
        options.Init(raw.Bytes, raw.Pos)
        fused = getattr(options, "FusedActivationFunction", int)()
        self.require(fused == tflite.ActivationFunctionType.NONE, "fused activations are not supported")
        return options

    def require(self, condition: bool, rule: str) -> None:
        if not condition:
            raise ConversionError(f"{self.kind} {self.output}: {rule}")

    def constant(self, index: int) -> Array:
        value = self.constants[index]
        self.require(value is not None, f"input {index} should be a constant")
        return np.asarray(value)

    def weight(self, index: int, value: Array) -> TensorProto:
        """Return the initializer that stands in for input `index`."""
        return numpy_helper.from_array(np.ascontiguousarray(value, np.float32), self.inputs[index])

    def node(self, kind: str, *inputs: str, **attributes: Any) -> NodeProto:  # noqa: ANN401 - as ONNX has it
        return helper.make_node(kind, inputs or self.inputs, [self.output], name=self.output, **attributes)


def same_padding(kernel: tuple[int, int], stride: tuple[int, int]) -> list[int]:
    """TFLite's SAME padding as ONNX pads: the same for all sizes that are multiples of the stride."""
    total = [max(k - s, 0) for k, s in zip(kernel, stride, strict=True)]
    return [t // 2 for t in total] + [t - t // 2 for t in total]


def convolution(op: Operator, table: type, weights: Array, groups: int) -> list[Piece]:
    """Emit a Conv with OIHW weights; VALID padding is the same as SAME for the 1x1 kernels that use it."""
    options = op.options(table)
    kernel, stride = weights.shape[2:], (options.StrideH(), options.StrideW())
    op.require(options.DilationHFactor() == options.DilationWFactor() == 1, "dilation is not supported")
    op.require(options.Padding() == tflite.Padding.SAME or kernel == (1, 1), "VALID is not supported")
    shape = {"strides": stride, "pads": same_padding(kernel, stride), "kernel_shape": kernel, "group": groups}
    return [op.weight(1, weights), op.weight(2, op.constant(2)), op.node("Conv", **shape)]


def conv_2d(op: Operator) -> list[Piece]:
    return convolution(op, tflite.Conv2DOptions, op.constant(1).transpose(0, 3, 1, 2), 1)


def depthwise_conv_2d(op: Operator) -> list[Piece]:
    weights = op.constant(1).transpose(3, 0, 1, 2)
    return convolution(op, tflite.DepthwiseConv2DOptions, weights, len(weights))


def transpose_conv_bias(op: Operator) -> list[Piece]:
    """Emit a ConvTranspose for MediaPipe's own operator; where kernel = stride, padding plays no part."""
    _, *stride = struct.unpack("<iii", op.source.CustomOptionsAsNumpy().tobytes())
    weights = op.constant(1).transpose(3, 0, 1, 2)
    op.require(list(weights.shape[2:]) == stride, "kernel and stride should be equal")
    node = op.node("ConvTranspose", strides=stride, kernel_shape=stride)
    return [op.weight(1, weights), op.weight(2, op.constant(2)), node]


def average_pool_2d(op: Operator) -> list[Piece]:
    """Emit a global pool: the source's filter is as large as the picture, whatever size that is."""
    options = op.options(tflite.Pool2DOptions)
    filter_size = options.FilterHeight(), options.FilterWidth()
    op.require(filter_size == op.shapes[0][1:3], "only global pooling is supported")
    return [op.node("GlobalAveragePool")]


def mean(op: Operator) -> list[Piece]:
    op.require(sorted(op.constant(1)) == [1, 2], "only the mean over height and width is supported")
    return [op.node("GlobalAveragePool", op.inputs[0])]


def resize_bilinear(op: Operator) -> list[Piece]:
    """Emit a Resize by 2 instead of to a size: every one in these networks doubles its input."""
    options = op.options(tflite.ResizeBilinearOptions)
    doubled = tuple(2 * n for n in op.shapes[0][1:3])
    op.require(op.output_shape[1:3] == doubled, "only doubling is supported")
    op.require(options.HalfPixelCenters() and not options.AlignCorners(), "half-pixel centres are needed")
    scales = op.weight(1, np.array([1, 1, 2, 2]))
    mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return [scales, op.node("Resize", op.inputs[0], "", op.inputs[1], **mode)]


def same_as(kind: str) -> Callable[[Operator], list[Piece]]:
    """Return the rule of an operator that ONNX has too and that takes no options."""
    return lambda op: [op.node(kind)]


RULES: dict[str, Callable[[Operator], list[Piece]]] = {
    "ADD": same_as("Add"),
    "AVERAGE_POOL_2D": average_pool_2d,
    "CONV_2D": conv_2d,
    "Convolution2DTransposeBias": transpose_conv_bias,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "HARD_SWISH": same_as("HardSwish"),
    "LOGISTIC": same_as("Sigmoid"),
    "MEAN": mean,
    "MUL": same_as("Mul"),
    "RELU": same_as("Relu"),
    "RESIZE_BILINEAR": resize_bilinear,
}


class Source:
    """A TFLite model's only subgraph, with constants found through DEQUANTIZE."""

    def __init__(self, data: bytes) -> None:
        self.model = tflite.Model.GetRootAsModel(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.kinds = {v: k for k, v in vars(tflite.BuiltinOperator).items() if not k.startswith("_")}
        self.names = {self.graph.Inputs(0): "input", self.graph.Outputs(0): "alpha"}
        self.constants: dict[int, Array] = {}

    def shape(self, index: int) -> tuple[int, ...]:
        tensor = self.graph.Tensors(index)
        return tuple(tensor.Shape(i) for i in range(tensor.ShapeLength()))

    def constant(self, index: int) -> Array | None:
        tensor = self.graph.Tensors(index)
        buffer = self.model.Buffers(tensor.Buffer())
        if index in self.constants or not buffer.DataLength():
            return self.constants.get(index)
        values = np.frombuffer(buffer.DataAsNumpy().tobytes(), DTYPES[tensor.Type()])
        return values.reshape(self.shape(index))

    def kind(self, operator: Any) -> str:  # noqa: ANN401 - see Operator.options
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = self.kinds[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        return str(code.CustomCode().decode() if kind == "CUSTOM" else kind)

    def operators(self) -> Iterator[Operator]:
        """Yield the operators in execution order, without the DEQUANTIZE of constants."""
        for i in range(self.graph.OperatorsLength()):
            raw = self.graph.Operators(i)
            kind, output = self.kind(raw), raw.Outputs(0)
            inputs = [raw.Inputs(j) for j in range(raw.InputsLength())]
            constants = tuple(self.constant(j) for j in inputs)
            if kind == "DEQUANTIZE" and constants[0] is not None:
                self.constants[output] = constants[0].astype(np.float32)
                continue
            yield Operator(
                kind=kind,
                inputs=tuple(self.names.get(j, f"t{j}") for j in inputs),
                output=self.names.get(output, f"t{output}"),
                shapes=tuple(self.shape(j) for j in inputs),
                constants=constants,
                output_shape=self.shape(output),
                source=raw,
            )


def commute_resizes(nodes: list[NodeProto], kernels: dict[str, list[int]]) -> list[NodeProto]:
    """Swap each Resize with the 1x1 Conv that follows it, which then works on a quarter of the pixels.

    Exact: interpolation weights sum to one, so they commute with an affine map of the channels.
    """
    result: list[NodeProto] = []
    rest = iter(nodes)
    for node in rest:
        if node.op_type == "Resize":
            conv = next(rest)
            users = [n for n in nodes if node.output[0] in n.input]
            if users != [conv] or conv.op_type != "Conv" or kernels[conv.input[1]] != [1, 1]:
                raise ConversionError(f"Resize {node.name}: a 1x1 Conv should follow it")
            node.output[0], conv.output[0] = conv.output[0], node.output[0]
            conv.input[0], node.input[0] = node.input[0], conv.output[0]
            result.append(conv)
        result.append(node)
    return result


def part_means(nodes: list[NodeProto]) -> list[NodeProto]:
    """Take the mean of a sum with an enlarged picture, used nowhere else, as the sum of both means.

    Exact: doubling with half-pixel centres counts each pixel four times, those at the border too. The sum of two
    large pictures is not made then, and the mean is over a quarter of the pixels.
    """
    made_by = {node.output[0]: node for node in nodes}
    used = Counter(name for node in nodes for name in node.input)
    result: list[NodeProto] = []
    for node in nodes:
        total = made_by.get(node.input[0])
        if node.op_type != "GlobalAveragePool" or total is None or total.op_type != "Add":
            result.append(node)
            continue
        small = [made_by[n].input[0] if made_by[n].op_type == "Resize" else n for n in total.input]
        if small == list(total.input) or used[total.output[0]] > 1:
            result.append(node)
            continue
        result.remove(total)
        means = [f"{node.name}_{i}" for i in range(len(small))]
        pools = zip(small, means, strict=True)
        result += [helper.make_node("GlobalAveragePool", [n], [mean], name=mean) for n, mean in pools]
        result.append(helper.make_node("Add", means, [node.output[0]], name=node.name))
    return result


def convert(data: bytes, name: str) -> onnx.ModelProto:
    """Return the TFLite network as ONNX: `input` (1, 3, H, W) RGB in [0, 1], `alpha` (1, 1, H, W) in [0, 1].

    H and W are any multiples of 16. The result depends on `data` and `name` only, byte for byte.
    Raises ConversionError at an operator, or a use of one, that these networks don't have.
    """
    pieces: list[Piece] = []
    for op in Source(data).operators():
        op.require(op.kind in RULES, "operator is not supported")
        pieces += RULES[op.kind](op)
    weights = [p for p in pieces if isinstance(p, TensorProto)]
    nodes = [p for p in pieces if isinstance(p, NodeProto)]
    nodes = part_means(commute_resizes(nodes, {w.name: list(w.dims[2:]) for w in weights}))
    source = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "height", "width"])
    target = helper.make_tensor_value_info("alpha", TensorProto.FLOAT, [1, 1, "height", "width"])
    graph = helper.make_graph(nodes, name, [source], [target], weights)
    versions = {"opset_imports": [helper.make_opsetid("", 17)], "ir_version": 9}
    model = helper.make_model(graph, producer_name="greenroom", **versions)
    onnx.checker.check_model(model, full_check=True)
    return model


def fetch(folder: Path) -> Path:
    """Download PACKAGE into `folder` with npm and return the tarball's path."""
    options = ["--loglevel=error", "--fetch-retries=0", f"--pack-destination={folder}"]
    subprocess.run(["npm", "pack", PACKAGE, *options], check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.tgz"))


def extract(package: Path, name: str) -> bytes:
    """Return the TFLite file of the network `name` from the npm tarball, its checksum verified."""
    member, sha256 = SOURCES[name]
    with tarfile.open(package) as archive:
        file = archive.extractfile(member)
        data = file.read() if file else b""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ConversionError(f"{package}: {member} has another checksum than {sha256}")
    return data


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 where all files in --out are, or by now are, what conversion gives."""
    parser = argparse.ArgumentParser(description="Convert MediaPipe's selfie networks from TFLite to ONNX.")
    parser.add_argument("--package", type=Path, metavar="FILE.tgz", help=f"{PACKAGE}, already downloaded")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of the .onnx files")
    parser.add_argument("--check", action="store_true", help="compare with the files in --out, write nothing")
    options = parser.parse_args(arguments)
    same = True
    with tempfile.TemporaryDirectory() as folder:
        package = options.package or fetch(Path(folder))
        for name in SOURCES:
            data = convert(extract(package, name), name).SerializeToString(deterministic=True)
            path = options.out / f"{name}.onnx"
            if not options.check:
                path.write_bytes(data)
            same &= path.exists() and path.read_bytes() == data
            print(hashlib.sha256(data).hexdigest(), path)
    return 0 if same else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ConversionError, OSError, tarfile.TarError, subprocess.CalledProcessError) as error:
        sys.exit(f"convert.py: {error}")
