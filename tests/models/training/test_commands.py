"""From raw folders to a prepared one, by command."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.support.training import NEEDS_TORCH

pytest.importorskip("torch", reason=NEEDS_TORCH)

from models.training.__main__ import app
from models.training.data.manifest import load_manifest
from models.training.data.people import Store
from models.training.data.pictures import write_plane, write_rgb
from models.training.data.rooms import load_rooms
from tests.support.made_people import made_alpha, made_colours


def raw_data(folder: Path) -> Path:
    """A data folder as the manifest has it, one picture of each source."""
    for name in (
        "train/image",
        "train/mask",
        "train/unlabelled",
        "train/cutout",
        "synth",
        "backgrounds",
        "panoramas",
        "clips/a",
    ):
        (folder / name).mkdir(parents=True)
    alpha, colour = made_alpha(120, 100, bust=True), made_colours(120, 100, (200, 120, 90))
    write_rgb(folder / "train/image/one.jpg", colour)
    write_plane(folder / "train/mask/one.png", alpha)
    write_rgb(folder / "train/unlabelled/two.jpg", colour)
    for name in ("train/cutout/three.png", "synth/four.png"):
        cv2.imwrite(str(folder / name), np.dstack([colour, alpha]))
    for number, hue in {"012": (30, 60, 90), "003": (200, 200, 60), "004": (60, 200, 90)}.items():
        write_rgb(folder / f"backgrounds/rooms_bg_{number}.jpg", made_colours(90, 160, hue))
    write_rgb(folder / "clips/a/plate.jpg", made_colours(90, 160, (60, 200, 90)))
    return folder


def test_prepare_keeps_who_can_be_believed_shows_the_rest_and_bans_what_clips_show(tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    result = CliRunner().invoke(app, ["prepare", str(raw_data(tmp_path / "data")), str(prepared)])
    assert result.exit_code == 0, result.output
    people = Store(prepared).load()
    assert {person.source for person in people} >= {"cutout", "render"}
    assert f"{len(people)} people, 1 pictures of rooms, {4 - len(people)} rejects" in result.output
    assert [room.stem for room in load_rooms(prepared, load_manifest().banned)] == ["rooms_bg_003"]
    assert (prepared / "rejects.jpg").exists()


def test_a_run_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("speed = 3")
    arguments = ["train", str(tmp_path / "run.toml"), str(tmp_path), str(tmp_path / "run")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "speed is not known" in result.output


def test_an_ablation_that_lacks_what_its_runs_start_from_says_where_that_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.__main__.ABLATION", tmp_path / "none.json")
    (tmp_path / "ablation.toml").write_text('seeds = [1]\n[run]\ninit = "unet/checkpoint.pt"\n[variants]\n')
    (tmp_path / "suite.json").write_text("{}")
    names = ("ablation.toml", "prepared", "runs", "")
    result = CliRunner().invoke(app, ["ablate", *(str(tmp_path / name) for name in names)])
    assert result.exit_code == 1
    assert f"init isn't there: {tmp_path / 'runs' / 'unet' / 'checkpoint.pt'}" in result.output
