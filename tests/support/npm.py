"""Packages from npm, for tests that skip without."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def install(folder: Path, *packages: str) -> Path:
    """Install packages below a folder, and return it; skips the test where that can't be done."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is missing")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *packages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install {' '.join(packages)}: {done.stderr.strip()[-200:]}")
    return folder
