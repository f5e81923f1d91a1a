"""What trains stays apart from what runs: a server needs no torch, and a wheel holds no trainer."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


@pytest.mark.slow
def test_neither_server_nor_filters_import_what_trains() -> None:
    for folder in ("server", "filters"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in imported(path):
                assert name.split(".")[0] not in ("models", "torch"), f"{path} imports {name}"


@pytest.mark.slow
def test_a_filter_runs_without_torch() -> None:
    program = "import sys, server.__main__, filters.person; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


@pytest.mark.slow
def test_what_needs_no_torch_imports_none() -> None:
    program = (
        "import sys, models.training.prepare, models.training.suite, models.training.table, "
        "models.training.mix; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_the_wheel_holds_the_networks_and_not_the_trainer() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert "models" in build["only-include"]
    assert "models/training" in build["exclude"]
