"""Every network: any size that is a multiple of 32, finite logits, gradients everywhere, and the same as ONNX."""

from pathlib import Path

import pytest

from tests.support.training import NEEDS_TORCH

torch = pytest.importorskip("torch", reason=NEEDS_TORCH)

from torch import nn  # noqa: E402 - needs torch

from models.training.architectures import registry  # noqa: E402
from models.training.architectures.bgmv2 import BackgroundMattingV2  # noqa: E402
from models.training.architectures.mobilenetv2 import MobileNetV2  # noqa: E402
from models.training.architectures.selfie import Selfie  # noqa: E402
from models.training.architectures.swiftnet import SwiftNet  # noqa: E402
from models.training.export import ExportError, check, to_onnx  # noqa: E402
from models.training.settings import Run  # noqa: E402

MODELS = Path(__file__).resolve().parents[3] / "models"
SHIPPED = MODELS / "selfie_general.onnx"
WIDTH = 0.25
NAMES = [registry.SELFIE, registry.MOBILENETV2_UNET, *registry.ARCHITECTURES]


def network_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    init = str(SHIPPED) if name == registry.SELFIE else ""
    return registry.build(Run(architecture=name, init=init, width=WIDTH))


@pytest.mark.parametrize("name", NAMES)
def test_gives_a_logit_for_every_pixel_and_learns_with_every_weight(name: str) -> None:
    network = network_of(name).train()
    logits = network(torch.rand(2, 3, 96, 160))
    assert logits.shape == (2, 1, 96, 160)
    assert torch.isfinite(logits).all()
    logits.square().mean().backward()
    idle = {n for n, p in network.named_parameters() if p.grad is None}
    # A memory is written and read by films only, which a single picture isn't.
    assert idle <= ({"key.weight", "key.bias", "value.weight", "value.bias"} if name == "swiftnet" else set())


@pytest.mark.parametrize("name", NAMES)
def test_exports_what_the_module_gives_at_any_size(name: str, tmp_path: Path) -> None:
    network = network_of(name).train()
    for _ in range(2):  # moves the running means of batch normalisation off their start
        network(torch.rand(2, 3, 64, 96))
    to_onnx(network.eval(), tmp_path / "network.onnx")


def test_sfnet_exports_how_far_it_lets_features_flow(tmp_path: Path) -> None:
    network = network_of("sfnet").train()
    network(torch.rand(2, 3, 64, 96))
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith(("flow.weight", "head.1.weight")):  # at its start the flow is next to nothing
                weight.mul_(100)
    to_onnx(network.eval(), tmp_path / "network.onnx")


def test_a_network_that_the_file_does_not_hold_is_not_exported(tmp_path: Path) -> None:
    first, second = network_of("unet").eval(), network_of("unet").eval()
    with torch.no_grad():
        second.get_parameter("last.bias").add_(1.0)
    path = tmp_path / "network.onnx"
    to_onnx(first, path)
    with pytest.raises(ExportError, match="differs"):
        check(second, path)


def test_the_shipped_graph_is_exported_with_its_very_weights(tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    to_onnx(Selfie(SHIPPED).eval(), tmp_path / "network.onnx")
    for mine, theirs in zip(
        onnx.load(tmp_path / "network.onnx").graph.initializer,
        onnx.load(SHIPPED).graph.initializer,
        strict=True,
    ):
        assert (numpy_helper.to_array(mine) == numpy_helper.to_array(theirs)).all()


def test_mobilenetv2_starts_as_the_weights_of_a_classifier(tmp_path: Path) -> None:
    encoder = MobileNetV2()
    with torch.no_grad():
        encoder.get_parameter("features.3.conv.0.0.weight").fill_(0.25)
    classifier = {"classifier.1.bias": torch.zeros(1000), "features.18.0.weight": torch.zeros(1)}
    torch.save({**encoder.state_dict(), **classifier}, tmp_path / "weights.pth")
    network = registry.build(Run(architecture=registry.MOBILENETV2_UNET, init=str(tmp_path / "weights.pth")))
    for name, value in encoder.state_dict().items():
        assert torch.equal(network.state_dict()[f"encoder.{name}"], value)
    torch.save({"features.0.0.weight": torch.zeros(1)}, tmp_path / "others.pth")
    with pytest.raises(RuntimeError):
        registry.build(Run(architecture=registry.MOBILENETV2_UNET, init=str(tmp_path / "others.pth")))


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="unet"):
        registry.build(Run(architecture="resnet"))


def test_background_matting_looks_at_the_plate_and_refines_as_many_patches_as_it_may() -> None:
    torch.manual_seed(0)
    network = BackgroundMattingV2(WIDTH, patches=5).eval()
    picture = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert not torch.equal(network(picture), network(picture, torch.rand(1, 3, 64, 96)))
        chosen = network.chosen(torch.rand(1, 1, 32, 48), picture)
    assert int(chosen.sum()) == 5 * 8 * 8


def test_a_memory_changes_what_is_found_and_stays_bounded() -> None:
    torch.manual_seed(0)
    network = SwiftNet(WIDTH, limit=40).eval()
    picture = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        memory = network.remember(picture, torch.ones(1, 1, 64, 96))
        for _ in range(4):
            memory = network.remember(torch.rand(1, 3, 64, 96), torch.zeros(1, 1, 64, 96), memory)
        assert memory.keys.shape[2] <= 40
        assert not torch.equal(network(picture), network(picture, memory))
