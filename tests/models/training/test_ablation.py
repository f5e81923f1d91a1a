"""An ablation trains the same short run with one thing changed at a time, over several seeds."""

import json
from pathlib import Path

import pytest

from models.training import ablation
from models.training.settings import Run, SettingsError, located
from models.training.suite import MANIFEST

ROOT = Path(__file__).resolve().parents[3]
FILE = """\
seeds = [1, 2]
[run]
architecture = "unet"
images = 100
[run.losses]
absolute = 2.0
edge = 0.5
[variants."edge band".losses]
edge = 3.0
[variants.batch]
batch = 4
"""


def written(folder: Path, text: str) -> Path:
    (folder / "ablation.toml").write_text(text)
    return folder / "ablation.toml"


def test_a_variant_differs_from_the_baseline_in_what_it_names_only(tmp_path: Path) -> None:
    read = ablation.load_ablation(written(tmp_path, FILE))
    base, edge, batch = (read.variants[name] for name in (ablation.BASELINE, "edge band", "batch"))
    assert (base.losses.edge, edge.losses.edge, batch.losses.edge) == (0.5, 3.0, 0.5)
    assert (base.losses.absolute, edge.losses.absolute) == (2.0, 2.0)
    assert (edge.batch, batch.batch) == (base.batch, 4)


def test_all_variants_of_one_seed_come_before_the_next(tmp_path: Path) -> None:
    read = ablation.load_ablation(written(tmp_path, FILE))
    order = [(name, run.seed) for name, run in read.runs()]
    names = [ablation.BASELINE, "edge band", "batch"]
    assert order == [(name, seed) for seed in (1, 2) for name in names]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("seeds = [1, 2]", 'seeds = ["one"]', "seeds"),
        ("seeds = [1, 2]", "", "seeds"),
        ("edge = 3.0", "egde = 3.0", "egde"),
        ("batch = 4", 'batch = "four"', "batch"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        ablation.load_ablation(written(tmp_path, FILE.replace(old, new)))


def test_rows_give_mean_and_spread_over_seeds_the_baseline_first(tmp_path: Path) -> None:
    figures = {"mad": 100.0, "f1": 0.2, "leak": 10.0, "lost": 5.0}
    rows = [("edge band", 1, 0.7), ("baseline", 1, 0.5), ("baseline", 2, 0.7)]
    done: list[dict[str, object]] = [{"variant": n, "seed": s, "iou": iou, **figures} for n, s, iou in rows]
    ablation.save(done, tmp_path / "made" / "losses.json")
    stored = ablation.results(tmp_path / "made" / "losses.json")
    assert stored == done == json.loads((tmp_path / "made" / "losses.json").read_text())
    first, second = ablation.markdown(stored).splitlines()[2:]
    assert first == "| baseline | 2 | .600 ± .141 | 100.0 ± 0.0 | .200 ± .000 | 10.00 ± 0.00 | 5.00 ± 0.00 |"
    assert second == "| edge band | 1 | .700 | 100.0 | .200 | 10.00 | 5.00 |"
    assert ablation.results(tmp_path / "none.json") == []


def test_only_what_has_no_result_is_run_and_results_on_another_suite_are_not_mixed_in(tmp_path: Path) -> None:
    read = ablation.load_ablation(written(tmp_path, FILE))
    done: list[dict[str, object]] = [{"variant": "baseline", "seed": 1, "suite": "abc"}]
    left = [(name, run.seed) for name, run in ablation.missing(read, done, "abc")]
    assert left == [("edge band", 1), ("batch", 1), ("baseline", 2), ("edge band", 2), ("batch", 2)]
    with pytest.raises(SettingsError, match="another suite"):
        ablation.missing(read, done, "def")


def test_a_suite_is_told_by_its_manifest_and_one_without_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=MANIFEST):
        ablation.suite_of(tmp_path)
    (tmp_path / MANIFEST).write_text("one")
    first = ablation.suite_of(tmp_path)
    (tmp_path / MANIFEST).write_text("two")
    assert ablation.suite_of(tmp_path) != first


def test_what_a_run_starts_from_is_found_in_the_first_folder_that_has_it(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "teacher.onnx").touch()
    (second / "start.pt").touch()
    run = located(Run(init="start.pt", teacher="teacher.onnx"), first, second)
    assert (run.init, run.teacher) == (str(second / "start.pt"), str(first / "teacher.onnx"))
    assert located(Run(init=str(second / "start.pt")), first).init == str(second / "start.pt")
    assert located(Run(), first) == Run()
    with pytest.raises(SettingsError, match=r"init isn't there: .*first/none\.pt or .*second/none\.pt"):
        located(Run(init="none.pt"), first, second)


def test_the_stored_ablation_can_be_read_and_its_results_are_of_its_runs() -> None:
    folder = ROOT / "models" / "training"
    read = ablation.load_ablation(folder / "ablations" / "losses.toml")
    known = {(name, run.seed) for name, run in read.runs()}
    stored = ablation.results(folder / "results" / "ablation" / "losses.json")
    assert {(result["variant"], result["seed"]) for result in stored} <= known
