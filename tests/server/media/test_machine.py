"""What Linux tells about the cores."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from server.media import machine
from server.media.machine import IdleTime, WantedTime, usable_cores


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


def schedule(folder: Path, process: int, text: str) -> None:
    (folder / str(process)).mkdir(exist_ok=True)
    (folder / str(process) / "schedstat").write_text(text + "\n", encoding="ascii")


def test_processes_could_have_the_share_that_they_got_of_what_they_wanted(tmp_path: Path) -> None:
    wanted = WantedTime(tmp_path)
    schedule(tmp_path, 7, "1000 9000 5")
    schedule(tmp_path, 8, "5000 0 5")
    assert wanted.take([7, 8]) is None  # since when is not known
    schedule(tmp_path, 7, "1300 9100 9")
    schedule(tmp_path, 8, "5300 300 9")
    assert wanted.take([7, 8]) == pytest.approx(2 * 600 / 1000)
    assert wanted.take([7, 8]) is None  # nobody wanted anything


def test_only_processes_that_were_there_before_count(tmp_path: Path) -> None:
    wanted = WantedTime(tmp_path)
    schedule(tmp_path, 7, "0 0 0")
    wanted.take([7])
    schedule(tmp_path, 7, "500 500 5")
    schedule(tmp_path, 8, "900 100 5")
    assert wanted.take([7, 8]) == pytest.approx(0.5)
    schedule(tmp_path, 8, "1800 200 5")
    assert wanted.take([8]) == pytest.approx(0.9)


def test_where_the_scheduler_tells_nothing_nothing_is_known(tmp_path: Path) -> None:
    wanted = WantedTime(tmp_path)
    for text in ("", "1 2", "a b c"):
        schedule(tmp_path, 7, text)
        assert wanted.take([7, 8]) is None
    assert wanted.take([]) is None


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="needs the scheduler's figures")
def test_this_process_has_a_part_of_a_core() -> None:
    wanted, ours = WantedTime(), os.getpid()
    wanted.take([ours])
    until = time.thread_time() + 0.05
    while time.thread_time() < until:
        pass
    share = wanted.take([ours])
    assert share is not None
    assert 0 < share <= 1
