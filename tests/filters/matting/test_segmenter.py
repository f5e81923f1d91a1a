from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper

from filters.base import Alpha, FilterError, ModelError, Planes
from filters.matting.segmenter import Box, Segmenter, load_card, network_size, scaled_down, to_rgb
from server.config.options import DEFAULT_MODEL
from tests.support import person

MODELS = Path(__file__).parents[3] / "models"
NAMES = sorted(path.stem for path in MODELS.glob("*.toml"))

CARD = """
description = "a network for tests"
licence = "Apache-2.0"
sha256 = "{sha256}"
[input]
name = "input"
mean = [0.0, 0.0, 0.0]
std = [1.0, 1.0, 1.0]
multiple = 16
pixels = 36864
[output]
name = "alpha"
"""


def picture(rgb: NDArray[np.uint8]) -> Planes:
    """Return an RGB picture of any size as planes."""
    height, width = rgb.shape[:2]
    even = cv2.copyMakeBorder(rgb, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    packed = np.asarray(cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420), np.uint8)
    rows = even.shape[0]
    u, v = packed[rows:].reshape(2, rows // 2, -1)
    return Planes(packed[:rows][:height, :width], u, v)


def astronaut(width: int, height: int) -> Planes:
    """Return the left and upper part of the photo at its longest side."""
    side = max(width, height)
    rgb = cv2.resize(person.astronaut(), (side, side), interpolation=cv2.INTER_AREA)
    return picture(np.ascontiguousarray(rgb[:height, :width], np.uint8))


def brightness(*nodes: NodeProto, size: tuple[int | str, int | str] = ("h", "w")) -> ModelProto:
    """Return a network whose matte is each pixel's mean of R, G and B, passed through further nodes."""
    output = TensorProto.DOUBLE if nodes and nodes[-1].op_type == "Cast" else TensorProto.FLOAT
    rank = 2 if nodes and nodes[-1].op_type == "Squeeze" else 4
    first = helper.make_node("ReduceMean", ["input"], ["mean" if nodes else "alpha"], axes=[1])
    graph = helper.make_graph(
        [first, *nodes],
        "brightness",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, *size])],
        [helper.make_tensor_value_info("alpha", output, ["a", "b", "c", "d"][:rank])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model


def save(folder: Path, network: ModelProto | bytes, card: str = CARD) -> Path:
    """Write the network `tested` and its card."""
    data = network if isinstance(network, bytes) else network.SerializeToString()
    (folder / "tested.onnx").write_bytes(data)
    (folder / "tested.toml").write_text(card.format(sha256=hashlib.sha256(data).hexdigest()))
    return folder


def segmenter_of(network: ModelProto, folder: Path, card: str = CARD) -> Segmenter:
    return Segmenter(load_card("tested", save(folder, network, card)))


@pytest.fixture(scope="module", params=NAMES)
def bundled(request: pytest.FixtureRequest) -> Segmenter:
    return Segmenter(load_card(request.param, MODELS))


@pytest.fixture(scope="module")
def general() -> Segmenter:
    return Segmenter(load_card(DEFAULT_MODEL, MODELS))


class TestCard:
    def test_bundled_models_are_free_software(self) -> None:
        assert [load_card(name, MODELS).licence for name in NAMES] == ["Apache-2.0"] * len(NAMES)

    def test_missing_card(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"absent\.toml.*No such file"):
            load_card("absent", tmp_path)

    @pytest.mark.parametrize("name", ["", "..", "../models/selfie_general", "/etc/passwd"])
    def test_a_name_is_not_a_path(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ModelError):
            load_card(name, tmp_path)

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ("licence =", "licence", "Expected '='"),
            ("licence =", "license =", "licence is missing"),
            ('description = "a network for tests"', "description = 3", "description should be of type str"),
            ("[input]", "[inputs]", "input.name is missing"),
            ("multiple = 16", "multiple = 16.5", "input.multiple should be of type int"),
            ("pixels = 36864", "pixels = 0", "input.pixels should be positive"),
            ("mean = [0.0, 0.0, 0.0]", "mean = [0.0]", "input.mean should be a list of 3"),
            ("std = [1.0, 1.0, 1.0]", "std = [1.0, 1.0, 0.0]", "input.std.* should be positive"),
            ("multiple = 16", 'size = ["a", 2]', "input.size should be a list of 2"),
            ("multiple = 16", "size = [144, -256]", "input.size.* should be positive"),
            ("multiple = 16", "size = [144, 255]", "input.size should be even"),
        ],
    )
    def test_wrong_card(self, old: str, new: str, reason: str, tmp_path: Path) -> None:
        save(tmp_path, brightness(), CARD.replace(old, new))
        with pytest.raises(ModelError, match=rf"tested\.toml: .*{reason}"):
            load_card("tested", tmp_path)

    def test_binary_card(self, tmp_path: Path) -> None:
        (tmp_path / "tested.toml").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ModelError, match=r"tested\.toml: "):
            load_card("tested", tmp_path)

    def test_missing_network(self, tmp_path: Path) -> None:
        (save(tmp_path, brightness()) / "tested.onnx").unlink()
        with pytest.raises(ModelError, match=r"tested\.onnx: .*No such file"):
            load_card("tested", tmp_path)

    def test_wrong_checksum(self, tmp_path: Path) -> None:
        network = save(tmp_path, brightness()) / "tested.onnx"
        network.write_bytes(network.read_bytes() + b"\0")
        with pytest.raises(ModelError, match=r"tested\.onnx: the checksum is not the one in tested\.toml"):
            load_card("tested", tmp_path)


class TestGraph:
    """A network that is not what its card says is refused when it is loaded."""

    @pytest.mark.parametrize(
        ("network", "reason"),
        [
            (b"not a network", "[Pp]rotobuf"),
            (brightness(helper.make_node("Concat", ["mean", "mean"], ["alpha"], axis=1)), r"\(1, 2, "),
            (brightness(helper.make_node("Squeeze", ["mean"], ["alpha"])), "gave float32"),
            (brightness(helper.make_node("Neg", ["mean"], ["alpha"])), r"not a number in \[0, 1\]"),
            (brightness(helper.make_node("Log", ["mean"], ["alpha"])), r"not a number in \[0, 1\]"),
            (brightness(helper.make_node("Cast", ["mean"], ["alpha"], to=TensorProto.DOUBLE)), "float64"),
            (brightness(size=(144, 256)), "the network failed"),
        ],
    )
    def test_refused(self, network: ModelProto | bytes, reason: str, tmp_path: Path) -> None:
        card = load_card("tested", save(tmp_path, network))
        with pytest.raises(ModelError, match=rf"(?s)tested\.onnx: .*{reason}"):
            Segmenter(card)

    @pytest.mark.parametrize("name", ["input", "alpha"])
    def test_other_names_are_refused(self, name: str, tmp_path: Path) -> None:
        card = CARD.replace(f'name = "{name}"', 'name = "other"')
        with pytest.raises(ModelError, match=r"(?s)tested\.onnx: the network failed: .*other"):
            segmenter_of(brightness(), tmp_path, card)

    @pytest.mark.slow
    def test_a_fixed_size_will_do(self, tmp_path: Path) -> None:
        card = CARD.replace("multiple = 16\npixels = 36864", "size = [96, 128]")
        segmenter = segmenter_of(brightness(size=(96, 128)), tmp_path, card)
        assert segmenter(astronaut(360, 640)).shape == (96, 128)


class TestInput:
    """What the network gets, seen through one that gives back the brightness."""

    @pytest.mark.slow
    def test_mean_and_standard_deviation(self, tmp_path: Path) -> None:
        card = CARD.replace("0.0, 0.0, 0.0", "0.1, 0.2, 0.3").replace("1.0, 1.0, 1.0", "2.0, 2.5, 4.0")
        red = picture(np.full((360, 640, 3), (255, 128, 128), np.uint8))
        wanted = np.mean([(1 - 0.1) / 2, (0.5 - 0.2) / 2.5, (0.5 - 0.3) / 4])
        assert segmenter_of(brightness(), tmp_path, card)(red) == pytest.approx(wanted, abs=0.01)

    @pytest.mark.parametrize("size", [(640, 360), (641, 271), (1920, 1080), (2, 2), (4000, 10)])
    @pytest.mark.slow
    def test_levels_and_range(self, size: tuple[int, int]) -> None:
        for colour in [(0, 0, 0), (255, 255, 255), (200, 60, 90)]:
            planes = picture(np.full((size[1], size[0], 3), colour, np.uint8))
            assert np.abs(to_rgb(scaled_down(planes, (96, 64))).astype(int) - colour).max() <= 4

    @pytest.mark.parametrize(
        ("level", "wanted"),
        [(200, 200 / 255), (70, 70 / 255), (40, 0.25), (16, 0.25), (3, 8 * 3 / 255), (0, 0)],
    )
    def test_a_dark_look_is_made_lighter(self, level: int, wanted: float, tmp_path: Path) -> None:
        grey = picture(np.full((360, 640, 3), level, np.uint8))
        assert segmenter_of(brightness(), tmp_path)(grey) == pytest.approx(wanted, abs=0.02)

    def test_a_lamp_in_the_dark_is_white(self, tmp_path: Path) -> None:
        rgb = np.full((360, 640, 3), 10, np.uint8)
        rgb[:60, :60] = 200
        card = CARD.replace("0.0, 0.0, 0.0", "0.1, 0.1, 0.0").replace("1.0, 1.0, 1.0", "2.0, 2.5, 4.0")
        seen = segmenter_of(brightness(), tmp_path, card)(picture(rgb))
        white = np.mean([(1 - 0.1) / 2, (1 - 0.1) / 2.5, 1 / 4])
        assert seen[2, 2] == pytest.approx(white, abs=0.01)

    @pytest.mark.parametrize("width", [320, 640, 1281, 3840])
    def test_nothing_moves(self, width: int) -> None:
        rgb = np.zeros((width // 2, width, 3), np.uint8)
        rgb[:, width // 2 :] = 255
        row = to_rgb(scaled_down(picture(rgb), (128, 64))).mean(axis=(0, 2))
        assert row.sum() / 255 == pytest.approx(64, abs=0.3)

    def test_fine_patterns_do_not_alias(self) -> None:
        rgb = np.zeros((720, 1280, 3), np.uint8)
        rgb[:, ::2] = 255
        assert np.ptp(to_rgb(scaled_down(picture(rgb), (400, 224))).mean(axis=2)) < 10

    @pytest.mark.parametrize("box", [(320, 0, 640, 360), (321, 7, 629, 351), (400, 200, 401, 201)])
    def test_box(self, box: Box, tmp_path: Path) -> None:
        rgb = np.zeros((360, 640, 3), np.uint8)
        rgb[:, 320:] = 255
        alpha = segmenter_of(brightness(), tmp_path)(picture(rgb), box)
        assert alpha.min() > 0.98

    @pytest.mark.parametrize("box", [(0, 0, 0, 10), (-2, 0, 10, 10), (0, 0, 641, 10), (9, 9, 8, 8)])
    def test_no_region_of_the_frame(self, box: Box, general: Segmenter) -> None:
        with pytest.raises(FilterError, match="not a region"):
            general(astronaut(640, 360), box)

    @pytest.mark.parametrize(
        ("width", "height"),
        [(640, 360), (360, 640), (480, 270), (641, 271), (512, 512), (97, 211), (1920, 1080), (16, 9)],
    )
    @pytest.mark.parametrize("pixels", [36_864, 89_600])
    def test_size_keeps_the_aspect_ratio(self, width: int, height: int, pixels: int) -> None:
        across, down = network_size(width, height, pixels, 16)
        assert across % 16 == down % 16 == 0
        assert across / down == pytest.approx(width / height, rel=0.1)
        assert across * down == pytest.approx(pixels, rel=0.1)

    @pytest.mark.parametrize(("width", "height"), [(1, 1), (8000, 2), (2, 8000), (64, 64)])
    def test_size_is_bounded(self, width: int, height: int) -> None:
        across, down = network_size(width, height, 89_600, 16)
        assert min(across, down) >= 64
        assert across * down <= 1.1 * 89_600


class TestMatte:
    @pytest.mark.parametrize(
        ("width", "height"), [(640, 360), (641, 271), (480, 270), (512, 512), (360, 640), (1280, 720)]
    )
    def test_finds_the_astronaut(self, width: int, height: int, bundled: Segmenter) -> None:
        alpha = bundled(astronaut(width, height))
        assert alpha.dtype == np.float32
        assert 0 <= alpha.min() <= alpha.max() <= 1
        assert alpha.shape[1] / alpha.shape[0] == pytest.approx(width / height, rel=0.1)
        matte = cv2.resize(alpha, (width, height))
        unit = max(width, height) / 512
        x, y, w, h = (round(v * unit) for v in person.FACE)
        assert matte[y : y + h, x : x + w].min() > 0.95
        assert matte[: round(50 * unit), : round(100 * unit)].mean() < 0.01

    @pytest.mark.slow
    def test_close_to_the_true_matte(self, bundled: Segmenter) -> None:
        rgb, matte = person.cutout()
        found = cv2.resize(bundled(picture(rgb)), matte.shape[::-1]) > 0.5
        assert (found & (matte > 0.5)).sum() / (found | (matte > 0.5)).sum() > 0.95

    def test_the_same_person_in_the_dark(self, bundled: Segmenter) -> None:
        square = cv2.resize(person.astronaut(), (640, 640), interpolation=cv2.INTER_AREA)
        light = np.asarray(square[:360], np.uint8)
        dark = 0.05 * light + np.random.default_rng(0).normal(0, 2, light.shape)
        found = bundled(picture(np.clip(dark, 0, 255).astype(np.uint8))) > 0.5
        wanted = bundled(picture(light)) > 0.5
        assert (found & wanted).sum() / (found | wanted).sum() > 0.9

    def test_tiny_frame(self, bundled: Segmenter) -> None:
        alpha = bundled(astronaut(64, 64))
        assert alpha[alpha.shape[0] // 6, int(alpha.shape[1] * 0.44)] > 0.9

    def test_a_box_finds_the_same_person(self, general: Segmenter) -> None:
        planes = astronaut(1280, 720)
        left, top, right, bottom = box = (240, 0, 900, 720)
        whole = cv2.resize(general(planes), (1280, 720))[top:bottom, left:right] > 0.5
        part = cv2.resize(general(planes, box, 65_536), (right - left, bottom - top)) > 0.5
        assert (whole & part).sum() / (whole | part).sum() > 0.95

    def test_pixels_are_the_caller_s_to_choose(self, general: Segmenter) -> None:
        assert general(astronaut(640, 360), None, 36_864).shape == (144, 256)

    def test_threads_do_not_disturb_each_other(self, general: Segmenter) -> None:
        frames = [astronaut(*size) for size in [(640, 360), (360, 640), (641, 271), (480, 270)]] * 3
        alone = [general(frame) for frame in frames]
        with ThreadPoolExecutor(2) as pool:
            together = list(pool.map(general, frames))
        assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


class TestFailure:
    """A network that fails on some frame makes no matte of it."""

    @pytest.mark.parametrize(
        "tail",
        [
            lambda: (
                helper.make_node("Constant", [], ["limit"], value_float=0.7),
                helper.make_node("Sub", ["limit", "mean"], ["rest"]),
                helper.make_node("Sqrt", ["rest"], ["alpha"]),
            ),
            lambda: (
                helper.make_node("Constant", [], ["gain"], value_float=1.5),
                helper.make_node("Mul", ["gain", "mean"], ["alpha"]),
            ),
        ],
        ids=["not a number", "out of range"],
    )
    def test_withholds(self, tail: Callable[[], tuple[NodeProto, ...]], tmp_path: Path) -> None:
        segmenter = segmenter_of(brightness(*tail()), tmp_path)
        dark, light = (picture(np.full((360, 640, 3), level, np.uint8)) for level in (60, 240))
        alpha: Alpha = segmenter(dark)
        assert np.isfinite(alpha).all()
        with pytest.raises(FilterError, match=r"not a number in \[0, 1\]"):
            segmenter(light)
