"""The bundled networks are what conversion gives, and give what the originals give."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import tflite
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models import convert
from tests.support import person

MODELS = Path(__file__).parents[2] / "models"
SIZES = {"selfie_general": (256, 256), "selfie_landscape": (144, 256)}

Image = NDArray[np.float32]
"""RGB, float32 (height, width, 3), in [0, 1]."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the npm package that the networks come in."""
    try:
        return convert.fetch(tmp_path_factory.mktemp("npm"))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"npm or its registry is not there: {error}")


@pytest.fixture(params=SIZES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def portraits(height: int, width: int) -> Iterator[Image]:
    """Yield the whole photo, its mirror image, the bust and the head alone."""
    photo = person.astronaut()
    for crop in (photo, photo[:, ::-1], photo[: person.BUST_HEIGHT], photo[:260, 90:350]):
        picture = cv2.resize(np.ascontiguousarray(crop), (width, height), interpolation=cv2.INTER_AREA)
        yield (picture / 255).astype(np.float32)


def converted(data: bytes, image: Image) -> Image:
    """Run an ONNX network without onnxruntime's approximations, which are a matter of its own."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    (alpha,) = session.run(["alpha"], {"input": image.transpose(2, 0, 1)[None]})
    return np.asarray(alpha[0, 0], np.float32)


def original(data: bytes, image: Image) -> Image:
    """Run a TFLite network, at the image's size."""
    interpreter = Interpreter(model_content=data)
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(source["index"], (1, *image.shape))
    interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], image[None])
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(target["index"])[0, :, :, 0], np.float32)


def scaled(data: bytes, old: tuple[int, int], new: tuple[int, int]) -> bytes:
    """Return the TFLite network with the sizes in its operators changed to suit an input of another size."""
    copy = bytearray(data)
    model = tflite.Model.GetRootAsModel(copy, 0)
    graph = model.Subgraphs(0)

    def size(index: int) -> tuple[int, ...]:
        shape = graph.Tensors(index).ShapeAsNumpy()[1:3]
        return tuple(int(n) * b // a for n, a, b in zip(shape, old, new, strict=True))

    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        code = model.OperatorCodes(operator.OpcodeIndex()).DeprecatedBuiltinCode()
        if code == tflite.BuiltinOperator.RESIZE_BILINEAR:
            wanted = model.Buffers(graph.Tensors(operator.Inputs(1)).Buffer()).DataAsNumpy()
            wanted[:] = np.array(size(operator.Outputs(0)), np.int32).view(np.uint8)
        elif code == tflite.BuiltinOperator.AVERAGE_POOL_2D:
            set_pool(copy, operator, *size(operator.Inputs(0)))
    return bytes(copy)


def set_pool(data: bytearray, operator: Any, height: int, width: int) -> None:  # noqa: ANN401 - has no types
    """Set the stride and the filter of a pool in place; the keys are those of Pool2DOptions in schema.fbs."""
    table = operator.BuiltinOptions()
    for field, value in {6: width, 8: height, 10: width, 12: height}.items():
        start = table.Pos + table.Offset(field)
        data[start : start + 4] = value.to_bytes(4, "little")


def test_bundled_networks_are_what_conversion_gives(package: Path) -> None:
    assert convert.main(["--package", str(package), "--check"]) == 0


def test_conversion_writes_the_same_bytes(package: Path, tmp_path: Path) -> None:
    assert convert.main(["--package", str(package), "--out", str(tmp_path)]) == 0
    for name in SIZES:
        assert (tmp_path / f"{name}.onnx").read_bytes() == (MODELS / f"{name}.onnx").read_bytes()


def test_check_tells_of_a_difference(package: Path, tmp_path: Path) -> None:
    assert convert.main(["--package", str(package), "--out", str(tmp_path), "--check"]) == 1
    assert list(tmp_path.iterdir()) == []


def test_cards_name_the_sources(name: str) -> None:
    member, sha256 = convert.SOURCES[name]
    card = (MODELS / f"{name}.toml").read_text()
    version = convert.PACKAGE.rpartition("@")[2]
    assert all(part in card for part in (Path(member).name, sha256, version))


def test_another_source_is_refused(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(convert.SOURCES, "selfie_general", ("package/package.json", "0" * 64))
    with pytest.raises(convert.ConversionError, match=r"package\.json has another checksum"):
        convert.extract(package, "selfie_general")


def test_same_matte_as_the_original(name: str, package: Path) -> None:
    data, network = convert.extract(package, name), (MODELS / f"{name}.onnx").read_bytes()
    for image in portraits(*SIZES[name]):
        wanted = original(data, image)
        assert wanted.max() > 0.99
        assert np.abs(converted(network, image) - wanted).max() < 1e-4


@pytest.mark.parametrize("size", [(224, 400), (368, 208), (64, 64)])
def test_same_matte_as_the_original_at_other_sizes(name: str, size: tuple[int, int], package: Path) -> None:
    """Pixels on the steepest edges differ by rounding, a little more than at the networks' own sizes."""
    data = scaled(convert.extract(package, name), SIZES[name], size)
    network = (MODELS / f"{name}.onnx").read_bytes()
    for image in portraits(*size):
        difference = np.abs(converted(network, image) - original(data, image))
        assert difference.mean() < 1e-5
        assert difference.max() < 1e-3


def test_no_sum_is_made_for_its_mean_alone(name: str) -> None:
    """As large as the picture beside it, it costs as much as a convolution."""
    nodes = onnx.load(MODELS / f"{name}.onnx").graph.node
    made_by = {node.output[0]: node.op_type for node in nodes}
    used = Counter(tensor for node in nodes for tensor in node.input)
    sums = {n.output[0] for n in nodes if n.op_type == "Add" and "Resize" in map(made_by.get, n.input)}
    means = [node.input[0] for node in nodes if node.op_type == "GlobalAveragePool"]
    assert means
    assert not [mean for mean in means if mean in sums and used[mean] == 1]


def test_optimised_network_is_close(name: str) -> None:
    """The network as the server runs it: onnxruntime's own rounding is well below what 8 bits show."""
    network = MODELS / f"{name}.onnx"
    fast = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    for image in portraits(224, 400):
        (alpha,) = fast.run(["alpha"], {"input": image.transpose(2, 0, 1)[None]})
        assert np.abs(alpha[0, 0] - converted(network.read_bytes(), image)).max() < 1 / 510
