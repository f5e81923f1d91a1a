"""What is given away: the locked versions, the version's one place, the wheel outside the repository."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from server.core.version import VERSION
from tests.support.camera import Camera
from tests.support.media import frames_of, write_video
from tests.support.program import served

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
CAMERA = Camera(320, 180)


def locked() -> dict[str, list[Requirement]]:
    """Return what the lock file pins, by name; a package may have one version per Python."""
    found: dict[str, list[Requirement]] = {}
    for line in re.findall(r"^(\w\S*==.*?)\s*\\?$", LOCK.read_text("utf-8"), re.MULTILINE):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [Requirement(text) for text in project["dependencies"]]


def needed_here(requirement: Requirement, seen: set[str]) -> Iterator[str]:
    """Yield the names of everything that a requirement brings into this environment."""
    name = canonicalize_name(requirement.name)
    if name not in seen:
        seen.add(name)
        yield name
        for text in importlib.metadata.requires(name) or ():
            further = Requirement(text)
            if further.marker is None or further.marker.evaluate({"extra": ""}):
                yield from needed_here(further, seen)


def test_the_lock_satisfies_the_project() -> None:
    pins = locked()
    for requirement in wanted():
        versions = [next(iter(pin.specifier)).version for pin in pins[canonicalize_name(requirement.name)]]
        assert versions
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_the_lock_is_complete() -> None:
    """`pip install --require-hashes` refuses what is not in it."""
    seen: set[str] = set()
    names = {name for requirement in wanted() for name in needed_here(requirement, seen)}
    assert names <= set(locked())


def test_every_pin_has_hashes() -> None:
    blocks = re.split(r"^(?=\w\S*==)", LOCK.read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert len(blocks) == sum(map(len, locked().values()))
    for block in blocks:
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_the_changelog_knows_the_version() -> None:
    versions = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert VERSION in versions


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response:
        return str(response.read().decode())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_works_in_a_clean_environment(tmp_path: Path) -> None:
    """Built from the source archive, installed with the locked versions, used in a folder of somebody's own."""
    dist, folder = tmp_path / "dist", tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-m", "build", "--outdir", dist, ROOT], check=True, capture_output=True)
    (wheel,) = dist.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        *("server", "filters", "models", "static"),
        f"greenroom-{VERSION}.dist-info",
    }
    assert {"server/py.typed", "filters/py.typed"} <= set(names)
    assert not [
        name for name in names if name.startswith(("static/", "models/")) and name.endswith((".py", ".json"))
    ]

    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    pip = [str(tmp_path / "venv/bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "--requirement", str(LOCK)], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)

    folder.mkdir()
    greenroom = tmp_path / "venv/bin/greenroom"
    said = subprocess.run([greenroom, "--version"], cwd=folder, capture_output=True, text=True, check=True)
    assert said.stdout == f"greenroom {VERSION}\n"
    write_video(folder / "in.mp4", [CAMERA.frame(i) for i in range(6)])
    subprocess.run([greenroom, "filter", "in.mp4", "out.mp4"], cwd=folder, check=True)
    assert len(frames_of(folder / "out.mp4")) == 6
    with served(folder, "--workers", "1", greenroom=greenroom) as url:
        assert "<html" in fetched(f"{url}/")
        assert "import" in fetched(f"{url}/static/main.js")
        assert "fjord" in fetched(f"{url}/api/backgrounds")
