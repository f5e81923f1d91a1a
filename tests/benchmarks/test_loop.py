"""The loop's benchmark still runs, and says where the loop is full."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.loop import full_at, loop_cost, main
from benchmarks.room_report import Result

RUN = Result(
    way="simulated",
    participants=4,
    streams=16,
    mean_fps=30.0,
    worst_fps=30.0,
    hop={},
    hop_undelayed={},
    server_cpu=0.0,
    loop_cpu=0.0,
    clients_cpu=0.0,
    other_cpu=None,
    ms_per_frame=None,
    stages={},
    counts={},
    level=0,
    frame_rate=30,
    lines=360,
    recovery=None,
    loop_lag=[0.0, 0.0],
    memory=(0.0, 0.0),
    packets=0.0,
    audio_packets=0.0,
)


def _room(participants: int, fps: float = 30.0) -> Result:
    """Return a room in which the loop takes 1 ms and .05 ms for each receiver, and the workers something."""
    stages = {"receive": 1.0, "fan-out": 0.05 * participants, "encode": 7.0}
    return replace(RUN, participants=participants, mean_fps=fps, stages=stages)


def test_the_loop_is_full_where_a_second_of_frames_takes_a_second() -> None:
    full = full_at([_room(4), _room(8), _room(12)], 30)
    assert full is not None
    assert full * (1.0 + 0.05 * full) == pytest.approx(1000 / 30)
    before = full_at([_room(4), _room(8)], 30, 0.9)
    assert before is not None
    assert before * (1.0 + 0.05 * before) == pytest.approx(900 / 30)
    assert loop_cost(_room(4)) == pytest.approx(1.2)


def test_rooms_that_lose_frames_tell_nothing() -> None:
    assert full_at([_room(4), _room(8, fps=20)], 30) is None
    assert full_at([_room(4), _room(8), _room(16, fps=4)], 30) == full_at([_room(4), _room(8)], 30)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_benchmark_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "loop.json"
    # One second has some 30 samples of the loop, of which the fan-out is a tenth: now and then none meets it.
    main(["--participants", "2", "--workers", "3", "--seconds", "4", "--settle", "0", "--json", str(report)])
    (run,) = json.loads(report.read_text())["runs"]
    assert (run["workers"], run["streams"]) == (3, 4)
    assert run["mean_fps"] > 0
    assert run["counts"]["errors"] == run["counts"]["placeholders"] == 0
    assert run["stages"]["fan-out"] > 0
    assert "the loop takes 90% of a core at" in capsys.readouterr().out
