"""From raw folders to a prepared one, by command."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.support.training import NEEDS_TORCH

torch = pytest.importorskip("torch", reason=NEEDS_TORCH)

from models.training.__main__ import MODELS, app  # noqa: E402
from models.training.data.manifest import load_manifest  # noqa: E402
from models.training.data.people import Store  # noqa: E402
from models.training.data.pictures import write_plane, write_rgb  # noqa: E402
from models.training.data.rooms import load_rooms  # noqa: E402
from tests.support.made_people import made_alpha, made_colours  # noqa: E402


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


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    (tmp_path / "run.toml").write_text('architecture = "unet"\nwidth = 0.25\n')
    return tmp_path / "run.toml"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("prepare {empty} {new}", "{empty} holds no picture"),
        ("train {run} {prepared} {new} --device cuda:99", "no device cuda:99 here"),
        ("train {run} {nobody} {new}", "0 people and 2 rooms to train on"),
        ("train {run} {prepared} {damaged}", "checkpoint.pt is no checkpoint, or is damaged"),
        ("train {run} {prepared} {other}", "checkpoint.pt holds the weights of another network"),
        ("export {run} {damaged} {new}.onnx --description x", "checkpoint.pt is no checkpoint"),
        (
            "export {run} {other} {new}.onnx --description x",
            "checkpoint.pt holds the weights of another network",
        ),
        ("evaluate {run} {empty}", "run.onnx"),
        ("mix {selfie} {run} {new}.onnx --share 0.5", "run.toml is no network"),
        ("record {run} --remark x", "run.toml is no network"),
        ("table --readme {new}", "No such file"),
    ],
)
def test_what_cannot_be_is_an_error_in_one_line(
    tmp_path: Path, prepared: Path, run_file: Path, arguments: str, words: str
) -> None:
    names = {
        "empty": tmp_path / "empty",
        "new": tmp_path / "new",
        "damaged": tmp_path / "damaged",
        "other": tmp_path / "other",
        "nobody": tmp_path / "nobody",
        "prepared": prepared,
        "run": run_file,
        "selfie": MODELS / "selfie_general.onnx",
    }
    for name in ("empty", "damaged", "other"):
        names[name].mkdir()
    shutil.copytree(prepared, names["nobody"])
    Store(names["nobody"]).save([])
    (names["damaged"] / "checkpoint.pt").write_bytes(b"none")
    torch.save({"network": {"weight": torch.zeros(1)}, "average": {}}, names["other"] / "checkpoint.pt")
    result = CliRunner().invoke(app, [part.format(**names) for part in arguments.split()])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    last = result.output.splitlines()[-1]
    assert last.startswith("error: ")
    assert words.format(**names) in last
