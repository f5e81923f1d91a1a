"""The process in which a command decodes files."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from server.cli.wall import walled


def test_a_signal_that_comes_before_the_child_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = subprocess.Popen

    def start_late(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        signal.raise_signal(signal.SIGTERM)
        return start(command, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(subprocess, "Popen", start_late)
    assert walled(["--version"], tmp_path / "in.mp4", []) == 128 + signal.SIGTERM
