"""A network adapts itself to one camera: its looks agree better, it forgets little, and the one it was stays."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.training import NEEDS_TORCH

torch = pytest.importorskip("torch", reason=NEEDS_TORCH)

from torch import nn  # noqa: E402 - needs torch

from models.training import suite  # noqa: E402
from models.training.adapt import adapted, looks_of  # noqa: E402
from models.training.architectures.unet import mobile_unet  # noqa: E402
from models.training.data.people import Store  # noqa: E402
from models.training.data.pictures import Picture  # noqa: E402
from models.training.data.rooms import load_rooms  # noqa: E402
from models.training.losses import Prediction, agreement  # noqa: E402
from models.training.settings import Adaptation  # noqa: E402

SETTINGS = Adaptation(epochs=4, batch=4, rate=1e-3)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """A network so small is faster on one thread, beside other tests at that."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def looks() -> list[Picture]:
    """Six pictures of one camera."""
    rng = np.random.default_rng(0)
    room = np.kron(rng.integers(0, 255, (4, 6, 3)), np.ones((16, 16, 1)))
    return [np.clip(room + rng.normal(0, 5, room.shape), 0, 255).astype(np.uint8) for _ in range(6)]


def disagreement(network: nn.Module, before: nn.Module) -> float:
    picture = torch.from_numpy(np.stack(looks())).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        mine, other = Prediction(network(picture)), Prediction(network(picture.flip(3)).flip(3))
        return float(agreement(mine, other, Prediction(before(picture))))


def test_the_answers_agree_better_afterwards_and_the_network_before_stays_as_it_was() -> None:
    torch.manual_seed(0)
    network = mobile_unet(0.25).train()
    for _ in range(3):
        network(torch.rand(2, 3, 64, 96))
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    mine = adapted(network, looks(), SETTINGS, seed=1)
    assert disagreement(mine, network) < disagreement(network, network)
    assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())
    for name, value in mine.state_dict().items():
        if "running" in name:
            assert torch.equal(value, kept[name])
    assert not mine.training


def test_the_same_looks_and_seed_give_the_same_network_and_no_epochs_change_nothing() -> None:
    torch.manual_seed(0)
    network = mobile_unet(0.25).eval()
    first, second = (adapted(network, looks(), SETTINGS, seed=1).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    idle = adapted(network, looks(), replace(SETTINGS, epochs=0), seed=1).state_dict()
    assert all(torch.equal(idle[name], value) for name, value in network.state_dict().items())


def test_the_frames_that_are_measured_are_left_out(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "FRAMES", 9)
    people, rooms = Store(prepared).load(), load_rooms(prepared, frozenset())
    suite.write_suite(tmp_path / "suite", Store(prepared), people, rooms, 1, 3, lambda _: None)
    (film,) = (tmp_path / "suite").glob("*/clip.mp4")
    seen = list(looks_of(film, 15_360, 4))
    assert len(seen) == 9 - 3  # all but frames 0, 4 and 8
    assert {picture.shape for picture in seen} == {(96, 160, 3)}
