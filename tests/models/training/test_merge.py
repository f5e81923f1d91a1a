"""A merge learns how much of each run is good in each layer, from looks that the whole filter takes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from tests.support.training import NEEDS_TORCH

pytest.importorskip("torch", reason=NEEDS_TORCH)

import torch

from filters.matting.segmenter import load_card
from models.training import suite
from models.training.__main__ import app
from models.training.data.people import Store
from models.training.data.rooms import load_rooms
from models.training.evaluate import clips, network_of
from models.training.looks import Look, looks_at
from models.training.merge import Batches, Errors, Merge, learn, loss_of, usual_errors
from models.training.mix import MixError

MODELS = Path(__file__).resolve().parents[3] / "models"
SHIPPED = MODELS / "selfie_general.onnx"


def other(path: Path, change: float) -> Path:
    """Write the shipped network with a bias that is higher by `change` in the last layer."""
    model = onnx.load(SHIPPED)
    bias = model.graph.node[-2].input[2]
    for initializer in model.graph.initializer:
        if initializer.name == bias:
            value = onnx.numpy_helper.to_array(initializer) + np.float32(change)
            initializer.CopyFrom(onnx.numpy_helper.from_array(value, bias))
    onnx.save(model, path)
    return path


def look(person: bool, height: int = 64, width: int = 96) -> Look:
    """Return a look at noise, whose truth is a block of person, or none, and whose matte is half there."""
    picture = np.random.default_rng(3).integers(0, 256, (3, height, width), np.uint8)
    truth = np.zeros((height, width), np.uint8)
    truth[:, width // 3 : width // 2] = 255 * person
    return Look(picture, truth, truth // 2)


@pytest.fixture
def made_suites(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(suite, "FRAMES", 6)
    store, folder = Store(prepared), tmp_path / "suites"
    rooms = load_rooms(prepared, frozenset())
    suite.write_suite(folder / "people", store, store.load(), rooms, 2, 5, lambda _: None)
    suite.write_suite(folder / "nobody", store, [], rooms, 1, 5, lambda _: None, suite.EMPTY)
    return folder


def test_looks_are_what_the_filter_asked_and_what_is_true_there(made_suites: Path) -> None:
    (clip, _) = clips(made_suites / "people")
    found = looks_at(SHIPPED, clip, 1)
    assert 1 <= len(found) <= 12  # of six frames
    network = network_of(SHIPPED)
    for each in found:
        assert each.picture.shape == (3, *each.truth.shape) == (3, *each.matte.shape)
        again = network._run(each.picture[None].astype(np.float32) / np.float32(255))
        assert np.abs(again * 255 - each.matte).mean() < 1
    assert any(each.truth.max() > 250 for each in found)
    assert len(looks_at(SHIPPED, clip, 3)) == -(-len(found) // 3)


def test_a_merge_starts_as_the_first_network(tmp_path: Path) -> None:
    merge = Merge(SHIPPED, [other(tmp_path / "other.onnx", 3.0)])
    picture = torch.rand(1, 3, 64, 96)
    assert torch.equal(merge(picture), merge.network(picture))


def test_a_run_that_errs_less_is_taken_from_and_one_that_errs_more_is_not(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    runs = [other(tmp_path / f"{change}.onnx", change) for change in (2.0, -2.0)]
    looks = [look(True)._replace(truth=np.full((64, 96), 255, np.uint8))]
    merge = Merge(SHIPPED, runs)
    picture, _, _ = Batches(looks, 1).draw()
    with torch.no_grad():
        before = merge(picture).mean()
    learn(merge, looks, 20, 1.0, 1, lambda *_: None)
    assert merge.shares[0, -1] > 0 > merge.shares[1, -1]
    with torch.no_grad():
        assert merge(picture).mean() > before


def test_what_is_worse_than_before_counts_more_than_what_is_better_and_empty_rooms_count_what_they_show() -> (
    None
):
    zero, one = torch.zeros(1), torch.ones(1)
    usual, people, nobody = Errors(one, one, one), torch.tensor([False]), torch.tensor([True])

    def cost(mine: float, first: float, empty: torch.Tensor) -> float:
        return float(
            loss_of(Errors(zero, one * mine, zero), Errors(zero, one * first, zero), usual, empty, 2.0)
        )

    assert cost(0.2, 0.1, people) == pytest.approx(-4 * cost(0.1, 0.2, people))
    assert cost(0.2, 0.1, nobody) > cost(0.2, 0.1, people) > 0
    assert loss_of(Errors(one, zero, one), Errors(zero, zero, zero), usual, nobody, 2.0) == 0


def test_the_merged_network_gives_what_the_merge_gives(tmp_path: Path) -> None:
    merge = Merge(SHIPPED, [other(tmp_path / "other.onnx", 2.0)])
    picture = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        merge.shares[:], merge.temperature[...], merge.bias[...] = 0.5, 1.2, -0.3
        wanted = merge(picture)
        assert not torch.allclose(merge.network(picture), wanted, atol=1e-2)
        assert torch.allclose(merge.merged()(picture), wanted, atol=1e-4)


def test_nobody_to_learn_from_and_another_graph_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MixError, match="nobody"):
        usual_errors([look(False)])
    model = onnx.load(SHIPPED)
    name = model.graph.node[0].input[1]
    (weight,) = (i for i in model.graph.initializer if i.name == name)
    weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight)[:8], name))
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(MixError, match="another graph"):
        Merge(SHIPPED, [tmp_path / "other.onnx"])


def test_the_command_writes_a_network_that_is_in_order(made_suites: Path, tmp_path: Path) -> None:
    run, output = other(tmp_path / "other.onnx", 1.0), tmp_path / "merged.onnx"
    arguments = [
        "merge",
        str(SHIPPED),
        str(made_suites),
        str(output),
        str(run),
        "--images",
        "16",
        "--every",
        "4",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    card = load_card("merged", tmp_path)
    assert card.pixels == load_card("selfie_general", MODELS).pixels
    network_of(output)
