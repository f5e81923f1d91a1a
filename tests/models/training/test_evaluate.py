"""A composed suite is what the benchmark reads, and a network is scored on it alone and in the whole filter."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.support.training import NEEDS_TORCH

pytest.importorskip("torch", reason=NEEDS_TORCH)

from models.training import __main__ as commands
from models.training import evaluate, prepare, suite
from models.training.__main__ import app
from models.training.data.people import Store
from models.training.data.rooms import load_rooms

SHIPPED = Path(__file__).resolve().parents[3] / "models" / "selfie_general.onnx"


@pytest.fixture
def made_suite(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(suite, "FRAMES", 8)
    store, folder = Store(prepared), tmp_path / "suite"
    suite.write_suite(
        folder, store, store.load(), load_rooms(prepared, frozenset()), len(suite.KINDS), 5, lambda _: None
    )
    return folder


def test_a_suite_holds_a_clip_of_every_kind_with_one_matte_a_frame(made_suite: Path) -> None:
    found = evaluate.clips(made_suite)
    assert [c.name.split("_", 1)[1].rsplit("_ccp", 1)[0].split("_ccp")[0] for c in found] == list(suite.KINDS)
    for clip in found:
        assert len(list(evaluate.frames(clip))) == len(list(clip.truth.glob("*.png"))) == 8
        assert (clip.film.parent / "plate.jpg").exists() == ("handheld" not in clip.name)


def test_who_enters_is_not_there_at_first_and_is_in_the_end(made_suite: Path) -> None:
    (folder,) = (
        c.truth for c in evaluate.clips(made_suite) if "_enters" in c.name and "second" not in c.name
    )
    first, last = (cv2.imread(str(folder / f"{n:04d}.png"), cv2.IMREAD_GRAYSCALE) for n in (0, 7))
    assert first is not None
    assert last is not None
    assert not first.any()
    assert (last > 127).mean() > 0.02


def test_a_network_is_scored_alone_and_in_the_whole_filter(made_suite: Path, tmp_path: Path) -> None:
    for extra in (["--bare", "--every", "4"], []):
        output = tmp_path / "scores.json"
        result = CliRunner().invoke(
            app, ["evaluate", str(SHIPPED), str(made_suite), "--json", str(output), *extra]
        )
        assert result.exit_code == 0, result.output
        scores = json.loads(output.read_text())
        assert set(scores) == {c.name for c in evaluate.clips(made_suite)} | {"mean"}
        assert 0 <= scores["mean"]["mad"] < 1000


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(SHIPPED), str(tmp_path)])
    assert result.exit_code == 1
    assert "no clips" in result.output


def test_the_boundary_f1_forgives_three_pixels_and_no_more() -> None:
    truth = np.zeros((80, 80), np.uint8)
    truth[20:60, 20:60] = 255
    assert evaluate.boundary_f1(truth, truth) == pytest.approx(1)
    assert evaluate.boundary_f1(np.roll(truth, 2, axis=1), truth) == pytest.approx(1)
    assert evaluate.boundary_f1(np.roll(truth, 12, axis=1), truth) < 0.7
    assert np.isnan(evaluate.boundary_f1(truth, truth * 0))


@pytest.mark.slow
def test_what_is_learned_from_and_what_is_chosen_by_are_kept_apart(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"made_0", "made_2", "made_4", "room_101"}
    for module in (commands, prepare):
        monkeypatch.setattr(module, "kept_for_choosing", lambda name: name in kept)

    def drawn(*options: str) -> tuple[set[str], set[str]]:
        folder = tmp_path / "_".join(options)
        arguments = ["suite", str(prepared), str(folder), "--clips", "3", *options]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        clips = json.loads((folder / suite.MANIFEST).read_text())["clips"]
        return {name for clip in clips for name in clip["people"]}, {clip["room"] for clip in clips}

    halves = {half: {name for name in kept if suite.half_of(name) == half} for half in (1, 2)}
    whole = kept - {"room_101"}
    assert drawn() == (whole, {"room_101"})
    assert drawn("--trained", "ccp", "--trained-rooms") == ({"made_1", "made_3", "made_5"}, {"room_102"})
    assert drawn("--nobody", "--trained-rooms") == (set(), {"room_102"})
    for half, names in halves.items():
        if names & whole:
            assert drawn("--half", str(half), "--trained-rooms") == (names & whole, {"room_102"})
    result = CliRunner().invoke(app, ["suite", str(prepared), str(tmp_path / "x"), "--trained", "render"])
    assert result.exit_code == 1
    assert "render" in result.output
