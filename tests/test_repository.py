"""What hosts and tools read of this repository: it parses, and calls what there is."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from server.config.options import DEFAULT_MODEL, MODELS

ROOT = Path(__file__).resolve().parents[1]
GITHUB = ROOT / ".github"


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", [*GITHUB.glob("workflows/*.yml")]),
        ("github-issue-forms", [GITHUB / "ISSUE_TEMPLATE/bug.yml", GITHUB / "ISSUE_TEMPLATE/feature.yml"]),
        ("github-issue-config", [GITHUB / "ISSUE_TEMPLATE/config.yml"]),
        ("compose-spec", [ROOT / "deploy/compose.yaml"]),
    ],
)
def test_files_are_as_their_schema_says(schema: str, files: list[Path]) -> None:
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_hosted_ci_runs_what_everybody_runs() -> None:
    assert "run: .ci/run\n" in (GITHUB / "workflows/ci.yml").read_text("utf-8")
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_the_design_names_tests_that_exist() -> None:
    named = re.findall(
        r"(?<=`)(?!tests/)[\w/]*test_\w+\.py(?=`)", (ROOT / "docs/design.md").read_text("utf-8")
    )
    assert len(named) > 10
    for name in named:
        assert (ROOT / "tests" / name).exists(), name


def test_the_features_name_tests_that_exist() -> None:
    features = (ROOT / "docs/features.md").read_text("utf-8")
    named = re.findall(r"`([\w/]*test_\w+\.py)(?:::(\w+))?`", features)
    assert len(named) > 20
    for file, name in named:
        text = (ROOT / "tests" / file).read_text("utf-8")
        assert not name or f"def {name}(" in text, (file, name)
    claims = [
        line
        for line in features.splitlines()
        if line.startswith("| ") and line.split("|")[2].startswith(" yes")
    ]
    assert claims
    assert all("test_" in line.split("|")[2] for line in claims)


def test_the_page_tells_of_the_filter_what_the_benchmarks_document_does() -> None:
    card = tomllib.loads((MODELS / f"{DEFAULT_MODEL}.toml").read_text("utf-8"))["measured"]["filter"]
    lines = (ROOT / "docs/benchmarks.md").read_text("utf-8").splitlines()
    row = next(line for line in lines if line.startswith("| **whole filter**"))
    leak, union = (float(cell.strip(" *")) for cell in row.split("|")[5:7])
    assert (card["leak"], card["union"]) == (leak, union)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) < 1500


@pytest.mark.parametrize(
    "document", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda path: path.name
)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), target
