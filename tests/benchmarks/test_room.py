"""The room benchmark still runs, and its figures make sense."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from benchmarks.room import UNRECOGNISED, main
from benchmarks.room_hop import DITHER, GRAIN, MASK, Hop, align, measure
from benchmarks.room_report import rate_table, result


def _timestamps(count: int) -> list[int]:
    dither = random.Random(1)
    return [(300 * (k + 1) - dither.randrange(DITHER)) * GRAIN for k in range(count)]


def test_a_stream_is_recognised_by_its_timestamps() -> None:
    sent, origin = _timestamps(200), MASK - 100
    received = [(t + origin + off) & MASK for t, off in zip(sent[50:120], [0, 1, -1] * 24, strict=False)]
    del received[7]
    assert align(sent, received) == origin
    assert align(_timestamps(40), received) is None


@pytest.mark.parametrize("frames", [0, 1, 2, 4])
def test_a_few_frames_could_be_any_and_have_no_latency(frames: int) -> None:
    sent = [(timestamp, k / 30) for k, timestamp in enumerate(_timestamps(200))]
    received = [(timestamp + 77, at + 0.05) for timestamp, at in sent[100 : 100 + frames]]
    assert Hop.of(measure(sent, received, 0.0, 9.0)) == Hop(None, None, None)


def test_the_hop_counts_from_sending_or_from_the_frame_that_was_waited_for() -> None:
    sent = [(timestamp, k / 30) for k, timestamp in enumerate(_timestamps(100))]
    received = [(timestamp + 77, at + 0.05) for timestamp, at in sent]
    whole, rest = measure(sent, received, 1.0, 2.0), measure(sent, received, 1.0, 2.0, delay=1)
    assert len(whole) == 30
    assert Hop.of(whole) == Hop(50.0, 50.0, 50.0)
    assert Hop.of(rest).p50 == pytest.approx(50 - 1000 / 30, abs=0.01)


def test_a_run_in_which_no_frame_was_recognised_has_dashes_for_latencies() -> None:
    snapshot = {
        "counts": {},
        "stages": {},
        "time": 0.0,
        "cpu": 0.0,
        "loop": 0.0,
        "lag": [0.0, 1.0],
        "rss": 1e6,
    }
    unknown = {"p50": None, "p95": None, "p99": None}
    measured = {
        "server": (snapshot, snapshot | {"time": 1.0}),
        "fps": [0.5, 0.0],
        "hop": unknown,
        "hop_undelayed": unknown,
    }
    rest = {"seconds": 1.0, "cpu": 0.0, "busy": None, "recovery": None, "packets": 1.0, "audio_packets": 0.0}
    (hop, *_, p99) = rate_table([result("greenroom", 2, measured | rest)]).columns[5:11]
    assert [*hop.cells, *p99.cells] == ["–", "–"]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_benchmark_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, chart = tmp_path / "room.json", tmp_path / "room.png"
    arguments = ["--participants", "2", "--seconds", "2", "--settle", "0.5"]
    main([*arguments, "--json", str(report), "--plot", str(chart)])
    (measured,) = json.loads(report.read_text())["results"]
    assert measured["streams"] == 4
    assert measured["mean_fps"] > 0
    said = capsys.readouterr()
    latencies = [measured[name]["p50"] for name in ("hop", "hop_undelayed")]
    assert all(latency is None or latency > 0 for latency in latencies)
    assert (None in latencies) == (UNRECOGNISED in said.err)  # a machine that is too busy for two streams
    assert measured["counts"]["errors"] == 0
    assert chart.stat().st_size > 1000
    assert "Greenroom, filtered" in said.out


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(shutil.which("janus") is None, reason="Janus is not installed: apt-get install janus")
def test_it_runs_against_a_forwarder(tmp_path: Path) -> None:
    report = tmp_path / "room.json"
    run = ["--participants", "2", "--seconds", "1", "--settle", "0", "--against", "janus"]
    main([*run, "--json", str(report)])
    filtered, forwarded = json.loads(report.read_text())["results"]
    assert (filtered["way"], forwarded["way"]) == ("greenroom", "janus")
    assert forwarded["streams"] == filtered["streams"] == 4
    assert forwarded["packets"] > 0
