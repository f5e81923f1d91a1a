"""Each operator of the page's own runner against onnxruntime, and the networks of models/ as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tests.support.device_filter import Floats, run_network

pytestmark = pytest.mark.slow

MODELS = Path(__file__).resolve().parents[3] / "models"
OPSET = 17
TOLERANCE = 2e-5
"""Sums are added in another order than onnxruntime's, and its sigmoid is an approximation as well."""

Make = Callable[..., tuple[list[NodeProto], list[TensorProto]]]
RANDOM = np.random.default_rng(5)


def floats(*shape: int) -> Floats:
    return RANDOM.standard_normal(shape, np.float32)


def weight(name: str, *shape: int) -> TensorProto:
    return numpy_helper.from_array(floats(*shape) / np.float32(np.sqrt(np.prod(shape[1:]))), name)


def node(op: str, *inputs: str, out: str = "y", **attributes: Any) -> NodeProto:  # noqa: ANN401 - as ONNX has it
    return helper.make_node(op, inputs, [out], **attributes)


def save(
    path: Path, nodes: Sequence[NodeProto], weights: Sequence[TensorProto], inputs: dict[str, int]
) -> Path:
    """Write a model with free sizes, whose output is `y`."""
    pictures = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, c, "h", "w"]) for name, c in inputs.items()
    ]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "c", "i", "j"])
    graph = helper.make_graph(nodes, "test", pictures, [out], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9), path)
    return path


def compare(path: Path, inputs: dict[str, Floats]) -> float:
    """Return the largest difference between the runner and onnxruntime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = session.run(None, inputs)
    got = run_network(path, list(inputs.values()), [w.shape for w in wanted])
    return max(float(np.abs(a - b).max()) for a, b in zip(got, wanted, strict=True))


CONVOLUTIONS = [
    # channels, outputs, kernel, stride, pads (top, left, bottom, right), groups, bias
    (3, 8, 1, 1, (0, 0, 0, 0), 1, True),
    (5, 7, 1, 1, (0, 0, 0, 0), 1, False),
    (16, 4, 1, 1, (0, 0, 0, 0), 1, True),
    (6, 5, 1, 2, (0, 0, 0, 0), 1, True),
    (4, 4, 3, 1, (1, 1, 1, 1), 4, True),
    (4, 4, 3, 2, (0, 0, 1, 1), 4, True),
    (3, 3, 3, 2, (1, 1, 1, 1), 3, False),
    (4, 4, 5, 1, (2, 2, 2, 2), 4, True),
    (4, 4, 5, 2, (1, 1, 2, 2), 4, True),
    (2, 2, 7, 1, (3, 3, 3, 3), 2, True),
    (3, 16, 3, 2, (0, 0, 1, 1), 1, True),
    (6, 9, 3, 1, (1, 1, 1, 1), 1, True),
    (8, 2, 5, 2, (2, 2, 2, 2), 1, False),
]


@pytest.mark.parametrize("size", [(16, 32), (13, 22), (5, 7)])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolutions(tmp_path: Path, case: tuple[Any, ...], size: tuple[int, int]) -> None:
    channels, outputs, kernel, stride, pads, group, bias = case
    weights = [
        weight("w", outputs, channels // group, kernel, kernel),
        *([weight("b", outputs)] if bias else []),
    ]
    shape = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": pads, "group": group}
    nodes = [node("Conv", "x", *(w.name for w in weights), **shape)]
    path = save(tmp_path / "conv.onnx", nodes, weights, {"x": channels})
    assert compare(path, {"x": floats(1, channels, *size)}) < TOLERANCE


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("size", [(16, 32), (5, 7)])
def test_transposed_convolutions(tmp_path: Path, outputs: int, size: tuple[int, int]) -> None:
    weights = [weight("w", 6, outputs, 2, 2), weight("b", outputs)]
    nodes = [node("ConvTranspose", "x", "w", "b", kernel_shape=[2, 2], strides=[2, 2])]
    path = save(tmp_path / "transpose.onnx", nodes, weights, {"x": 6})
    assert compare(path, {"x": floats(1, 6, *size)}) < TOLERANCE


ACTIVATIONS: list[tuple[str, dict[str, float]]] = [
    ("Relu", {}),
    ("HardSwish", {}),
    ("HardSigmoid", {"alpha": 1 / 6}),
    ("Sigmoid", {}),
]


@pytest.mark.parametrize("size", [(16, 32), (5, 7)])
@pytest.mark.parametrize(("op", "attributes"), ACTIVATIONS, ids=str)
def test_activations(tmp_path: Path, op: str, attributes: dict[str, float], size: tuple[int, int]) -> None:
    path = save(tmp_path / "activation.onnx", [node(op, "x", **dict[str, Any](attributes))], [], {"x": 3})
    assert compare(path, {"x": 30 * floats(1, 3, *size)}) < TOLERANCE


def test_a_clip_from_0_to_6_is_an_activation(tmp_path: Path) -> None:
    limits = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("low", 0), ("high", 6))
    ]
    path = save(tmp_path / "clip.onnx", [node("Clip", "x", "low", "high")], limits, {"x": 2})
    assert compare(path, {"x": 9 * floats(1, 2, 6, 8)}) < TOLERANCE


def test_an_activation_after_a_convolution_is_applied_once(tmp_path: Path) -> None:
    """Also where what is between the two is read by somebody else."""
    weights = [weight("w", 4, 4, 1, 1), weight("v", 4, 4, 1, 1)]
    nodes = [
        node("Conv", "x", "w", out="a"),
        node("Sigmoid", "a", out="b"),
        node("Mul", "a", "b", out="c"),
        node("Conv", "c", "v", out="d"),
        node("Relu", "d", out="e"),
        node("HardSwish", "e"),
    ]
    path = save(tmp_path / "fused.onnx", nodes, weights, {"x": 4})
    assert compare(path, {"x": floats(1, 4, 9, 11)}) < TOLERANCE


@pytest.mark.parametrize("op", ["Add", "Mul"])
def test_two_pictures(tmp_path: Path, op: str) -> None:
    path = save(tmp_path / "two.onnx", [node(op, "x", "z")], [], {"x": 3, "z": 3})
    assert compare(path, {"x": floats(1, 3, 7, 9), "z": floats(1, 3, 7, 9)}) < TOLERANCE


@pytest.mark.parametrize("factors", [("x", "p"), ("p", "x")])
def test_a_factor_for_each_channel(tmp_path: Path, factors: tuple[str, str]) -> None:
    nodes = [node("GlobalAveragePool", "x", out="p"), node("Mul", *factors)]
    path = save(tmp_path / "scale.onnx", nodes, [], {"x": 5})
    assert compare(path, {"x": floats(1, 5, 7, 9)}) < TOLERANCE


def test_channels_are_joined(tmp_path: Path) -> None:
    path = save(tmp_path / "concat.onnx", [node("Concat", "x", "z", "x", axis=1)], [], {"x": 3, "z": 2})
    assert compare(path, {"x": floats(1, 3, 7, 9), "z": floats(1, 2, 7, 9)}) == 0


@pytest.mark.parametrize("size", [(8, 16), (5, 7), (1, 1)])
def test_doubling(tmp_path: Path, size: tuple[int, int]) -> None:
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    resize = node("Resize", "x", "", "scales", mode="linear", coordinate_transformation_mode="half_pixel")
    path = save(tmp_path / "resize.onnx", [resize], [scales], {"x": 3})
    assert compare(path, {"x": floats(1, 3, *size)}) < TOLERANCE


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        ([node("Tanh", "x")], "Tanh"),
        ([node("Conv", "x", "w", kernel_shape=[3, 3], dilations=[2, 2], pads=[2] * 4)], "dilations"),
        ([node("HardSigmoid", "x")], "alpha"),
        ([node("Concat", "x", "x", axis=2)], "channels"),
    ],
    ids=["operator", "dilations", "alpha", "axis"],
)
def test_what_is_not_known_is_refused(tmp_path: Path, nodes: list[NodeProto], problem: str) -> None:
    path = save(tmp_path / "unknown.onnx", nodes, [weight("w", 3, 3, 3, 3)], {"x": 3})
    with pytest.raises(RuntimeError, match=problem):
        run_network(path, [floats(1, 3, 8, 8)], [(1, 3, 8, 8)])


@pytest.mark.parametrize("data", [b"", b"rubbish", b"\x08\x07" * 9])
def test_what_is_no_model_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "rubbish.onnx"
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match="Error"):
        run_network(path, [floats(1, 3, 8, 8)], [(1, 3, 8, 8)])


def test_a_model_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes((MODELS / "selfie_general.onnx").read_bytes()[:200_000])
    with pytest.raises(RuntimeError, match="cut off"):
        run_network(path, [floats(1, 3, 16, 16)], [(1, 1, 16, 16)])


@pytest.mark.parametrize("size", [(224, 400), (400, 224), (144, 256), (64, 64), (80, 112)], ids=str)
@pytest.mark.parametrize("model", sorted(path.stem for path in MODELS.glob("*.onnx")))
def test_networks_of_the_project(model: str, size: tuple[int, int]) -> None:
    path = MODELS / f"{model}.onnx"
    channels = [i.type.tensor_type.shape.dim[1].dim_value for i in onnx.load(path).graph.input]
    names = [i.name for i in onnx.load(path).graph.input]
    inputs = {name: np.abs(floats(1, c, *size)) % 1 for name, c in zip(names, channels, strict=True)}
    assert compare(path, inputs) < 2e-4  # of a matte in [0, 1], after fifty convolutions
