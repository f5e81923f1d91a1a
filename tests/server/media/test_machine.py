"""What Linux tells about the cores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.media import machine
from server.media.machine import IdleTime, usable_cores


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2}, raising=False)


def stat(path: Path, *idle: int) -> Path:
    """Write how many of so many ticks each core was idle."""
    lines = [
        f"cpu{i} {each[0]} 0 0 {each[1]} 0 0 0 0 0 0" for i, each in enumerate(zip(BUSY, idle, strict=True))
    ]
    path.write_text("\n".join(["cpu 0 0 0 0 0 0 0 0 0 0", *lines, "intr 1 2 3"]) + "\n", encoding="ascii")
    return path


BUSY = (100, 100, 100)


@pytest.mark.usefixtures("two_cores")
def test_only_our_cores_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    idle = IdleTime(stat(tmp_path / "stat", 0, 0, 0))
    monkeypatch.setattr(f"{__name__}.BUSY", (150, 999, 200))
    stat(tmp_path / "stat", 50, 0, 0)
    assert idle.take(2.0) == pytest.approx(2.0 * 50 / 200)
    assert idle.take(2.0) is None  # no time has passed


@pytest.mark.usefixtures("two_cores")
def test_where_nothing_tells_nothing_is_known(tmp_path: Path) -> None:
    assert IdleTime(tmp_path / "none").take(2.0) is None
    (tmp_path / "stat").write_text("cpu 1 2 3 4 5 6 7 8\n", encoding="ascii")
    assert IdleTime(tmp_path / "stat").take(2.0) is None


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 2.0), ("150000 100000", 1.5), ("800000 100000", 2.0), ("?", 2.0)]
)
def test_a_container_may_have_a_part_of_the_cores(
    quota: str, cores: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n", encoding="ascii")
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "cpu.max")
    assert usable_cores() == cores
