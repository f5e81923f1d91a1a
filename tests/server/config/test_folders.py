"""Folders that can't be written into end the start, not somebody's recording."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.config.folders import check_folders
from server.config.options import Config
from server.core.errors import ConfigError


@pytest.mark.parametrize("below", [".", "below"])
def test_what_is_no_folder_is_refused(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for name, config in (
        ("recordings", Config(recordings=file / below)),
        ("receipts", Config(receipts=file / below)),
    ):
        with pytest.raises(ConfigError, match=f"^{name} .*file is not a folder"):
            check_folders(config)


def test_what_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(ConfigError, match="no permission to write into"):
        check_folders(Config(recordings=tmp_path / "new" / "deep"))


def test_a_folder_that_can_be_made_is_left_to_the_first_recording(tmp_path: Path) -> None:
    check_folders(Config(recordings=tmp_path, receipts=tmp_path / "new" / "deep"))
    assert not list(tmp_path.iterdir())
