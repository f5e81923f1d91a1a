"""Two people meet in Firefox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import npm

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SCRIPT = Path(__file__).with_name("firefox.mjs")
COMMANDS = ("firefox-esr", "firefox")


@pytest.fixture(scope="session")
def firefox() -> str:
    """The path of a Firefox."""
    found = os.environ.get("FIREFOX") or next(filter(None, map(shutil.which, COMMANDS)), None)
    if found is None:
        pytest.skip("no Firefox; install one (Debian: apt-get install firefox-esr) or name it in $FIREFOX")
    return found


@pytest.fixture(scope="session")
def puppeteer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder from which Node finds puppeteer-core."""
    return npm.install(tmp_path_factory.mktemp("puppeteer"), "puppeteer-core@24")


def test_two_people_meet_in_firefox(server: str, firefox: str, puppeteer: Path, artifacts: Path) -> None:
    command = ["node", str(SCRIPT), firefox, f"{server}/r/foxes", str(artifacts / "firefox.png")]
    done = subprocess.run(command, cwd=puppeteer, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    seen = json.loads(done.stdout)
    assert seen["errors"] == []
    assert [name.split(",")[0] for name in seen["names"]] == ["Grace", "Ada"]
    assert seen["chat"] == "Hello from Firefox https://example.org"
    assert seen["left"]
    assert seen["first"] <= 5000  # two browsers and a server share the machine
