"""An ablation by command: every variant is trained and measured on the suite, one after it has adapted itself."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.training import NEEDS_TORCH

pytest.importorskip("torch", reason=NEEDS_TORCH)

from models.training import suite
from models.training.__main__ import app
from models.training.data.people import Store
from models.training.data.rooms import load_rooms

ABLATION = """\
seeds = [1]
[run]
architecture = "unet"
width = 0.25
images = 40
batch = 4
pixels = 6_144
threads = 1
[run.optimizer]
rate = 1e-2
warm_up = 1
average = 0.5
[run.losses]
distillation = 0.0
[run.data]
ring = 8
first = 4
[variants.prior]
losses = { prior = 2.0 }
[variants.SOC]
adaptation = { epochs = 2, rate = 1e-2 }
"""


@pytest.mark.slow
def test_every_variant_is_measured_once_and_an_adapted_network_is_another_for_each_clip(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tmp_path / "results" / "losses.json"
    monkeypatch.setattr("models.training.__main__.ABLATION", stored)
    monkeypatch.setattr(suite, "FRAMES", 12)
    people, rooms = Store(prepared).load(), load_rooms(prepared, frozenset())
    suite.write_suite(tmp_path / "suite", Store(prepared), people, rooms, 2, 3, lambda _: None)
    (tmp_path / "ablation.toml").write_text(ABLATION)
    arguments = ["ablate", *(str(tmp_path / name) for name in ("ablation.toml", "prepared", "runs", "suite"))]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    results = {row["variant"]: row for row in json.loads(stored.read_text())}
    assert set(results) == {"baseline", "prior", "SOC"}
    assert len({(row["mad"], row["iou"]) for row in results.values()}) == 3
    card = (tmp_path / "runs" / "SOC_1" / "network.toml").read_text()
    assert "adapted to 01_" in card
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 0
    assert not again.output
