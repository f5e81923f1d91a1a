"""Unfinished files, whenever the work on them is interrupted."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path
from types import FrameType

import pytest

from filters.files.errors import MediaError
from filters.files.writer import replacing


class Interrupt:
    """Raises KeyboardInterrupt before one of the lines that are run, of any module."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __call__(self, _frame: FrameType, event: str, _argument: object) -> Interrupt:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


def write(target: Path, interrupt: Interrupt) -> bool:
    """Replace a file by an empty one; tell whether that was interrupted."""
    before = sys.gettrace()
    try:
        sys.settrace(interrupt)
        with replacing(target):
            pass
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_an_interrupt_at_any_moment_leaves_no_unfinished_file(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    for line in count(1):
        target.write_bytes(b"old")
        interrupted = write(target, Interrupt(line))
        assert list(tmp_path.iterdir()) == [target], line
        if not interrupted:
            break
        assert target.read_bytes() in (b"old", b"")
    assert target.read_bytes() == b""


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "abcd")
    with replacing(tmp_path / "out.mp4") as destination:
        with pytest.raises(MediaError, match="cannot be written"), replacing(tmp_path / "out.mp4"):
            pass
        assert destination.part.exists()
