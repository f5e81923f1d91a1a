"""The README's table is what the stored results give."""

import json
from pathlib import Path

import pytest

from models.training import ablation, table

ROOT = Path(__file__).resolve().parents[3]
ROW = {
    "name": "made", "parameters": 1234, "pixels": 89_600, "images": 100_000, "ms": 1.5,
    "iou": 0.9, "f1": 0.8, "mad": 20.0, "leak": 1.0, "lost": 2.0, "remark": "a test",
}  # fmt: skip


def test_rows_are_ordered_by_iou_and_inserted_in_their_place(tmp_path: Path) -> None:
    for name, iou in (("worse", 0.8), ("better", 0.95)):
        (tmp_path / f"{name}.json").write_text(json.dumps({**ROW, "name": name, "iou": iou}))
    text = table.markdown(table.results(tmp_path))
    assert text.index("better") < text.index("worse")
    assert (
        "| better | 1,234 | 89,600 px | 100,000 | 1.5 | .950 | 20.0 | .800 | 1.00 | 2.00 | a test |" in text
    )
    begin, end = f"<!-- {table.NETWORKS}: begin -->", f"<!-- {table.NETWORKS}: end -->"
    readme = f"before\n{begin}\nold\n{end}\nafter\n"
    assert table.inserted(readme, table.NETWORKS, text) == f"before\n{begin}\n{text}\n{end}\nafter\n"


def test_a_readme_without_a_place_and_a_result_without_a_figure_are_refused(tmp_path: Path) -> None:
    with pytest.raises(table.TableError, match="once"):
        table.inserted("nothing here", table.NETWORKS, "table")
    (tmp_path / "row.json").write_text(json.dumps({"name": "made"}))
    with pytest.raises(table.TableError, match="parameters"):
        table.results(tmp_path)


def test_a_network_that_is_not_trained_has_a_row_without_scores_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "made.json").write_text(json.dumps(ROW))
    cost = {
        "name": "idle",
        "parameters": 99,
        "pixels": 89_600,
        "images": 0,
        "ms": 2.0,
        "remark": "not trained",
    }
    (tmp_path / "idle.json").write_text(json.dumps(cost))
    text = table.markdown(table.results(tmp_path))
    assert text.splitlines()[-1] == "| idle | 99 | 89,600 px | – | 2.0 | – | – | – | – | – | not trained |"


def test_the_readme_holds_the_stored_results() -> None:
    readme = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    folder = ROOT / "models" / "training" / "results"
    networks = table.markdown(table.results(folder))
    losses = ablation.markdown(ablation.results(folder / "ablation" / "losses.json"))
    assert table.inserted(readme, table.NETWORKS, networks) == readme
    assert table.inserted(readme, table.ABLATION, losses) == readme
