"""What the event loop of a server takes in a room of N, and the N at which it is full, as with many cores.

    python -m benchmarks.loop --participants 4 8 12 16 --workers 2 4 8 --seconds 8

Cameras, signalling, sound, packets and clients are those of benchmarks.room; workers are simulated (loop_worker.py):
each answers a job as long after it as a real one takes, with pictures made beforehand, so that two cores are enough to
measure what the loop does for eight. Everybody sees everybody at 640×360. Nothing is given up: there is no governor,
which would do so from LOOP_LIMIT on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.room import SIMULATED, Bench, machine, make_clips, parser
from benchmarks.room_report import Result
from server.media.fair_shares import LOOP_LIMIT

STAGES = ("receive", "dispatch", "fan-out", "audio", "rest of loop")
KEPT = 0.97
"""Of the cameras' frame rate; rows below are left out of what is extrapolated. Chosen."""


def loop_cost(run: Result) -> float:
    """Return the loop's ms of CPU per participant and frame."""
    return sum(run.stages.get(stage, 0.0) for stage in STAGES)


def full_at(runs: Sequence[Result], fps: float, share: float = 1.0) -> float | None:
    """Return the N at which the loop takes that share of a core; None where too few runs kept `fps` to tell.

    Of a participant's frame some costs are the same in any room, and some grow with those who receive it: a + b N.
    """
    kept = [run for run in runs if run.mean_fps >= KEPT * fps]
    if len({run.participants for run in kept}) < 2:
        return None
    slope, base = np.polyfit([run.participants for run in kept], [loop_cost(run) for run in kept], 1)
    solutions = np.roots([slope, base, -1e3 * share / fps])  # N (a + b N) ms of the time between two frames
    return min((float(n.real) for n in solutions if n.imag == 0 and n.real > 0), default=None)


def table(runs: Sequence[tuple[int, Result]]) -> Table:
    """Return what was measured, a row for each number of workers and of participants."""
    columns = [
        "workers",
        "N",
        "fps mean",
        "fps worst",
        "loop %",
        "lag p50",
        "lag p99",
        "packets/s",
        "clients %",
    ]
    columns += [*STAGES, "loop ms"]
    out = Table(title="The loop's share of a core; lag in ms; stages in ms per participant and frame")
    for column in columns:
        out.add_column(column, justify="right")
    for workers, run in runs:
        stages = [f"{run.stages.get(stage, 0.0):.2f}" for stage in STAGES]
        lags = [f"{lag:.1f}" for lag in run.loop_lag]
        rates = [f"{run.mean_fps:.1f}", f"{run.worst_fps:.1f}", f"{run.loop_cpu:.0f}"]
        load = [f"{run.packets:.0f}", f"{run.clients_cpu:.0f}"]
        out.add_row(
            str(workers), str(run.participants), *rates, *lags, *load, *stages, f"{loop_cost(run):.2f}"
        )
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    command = argparse.ArgumentParser(
        prog="python -m benchmarks.loop",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--participants", type=int, nargs="+", default=[4, 8, 12, 16], metavar="N")
    command.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8], metavar="W")
    command.add_argument("--seconds", type=float, default=8, help="of measuring, per run")
    command.add_argument("--settle", type=float, default=5, help="seconds before measuring, once all see all")
    command.add_argument("--json", type=Path, metavar="FILE")
    given = command.parse_args(arguments)
    options = parser().parse_args(["--no-governor"])
    options.seconds, options.settle = given.seconds, given.settle
    make_clips(options)
    runs: list[tuple[int, Result]] = []
    for workers in given.workers:
        options.workers = workers
        bench = Bench(options)
        runs += [(workers, bench.run(SIMULATED, participants)) for participants in given.participants]
    console = Console(width=None if sys.stdout.isatty() else 220)
    console.print(table(runs))
    for workers in given.workers:
        same = [run for count, run in runs if count == workers]
        for share in (LOOP_LIMIT, 1.0):
            full = full_at(same, options.fps, share)
            where = f"N = {full:.1f}" if full else "an N that this does not tell"
            console.print(f"{workers} workers: the loop takes {share:.0%} of a core at {where}")
    if given.json:
        report = {"machine": machine(), "runs": [asdict(run) | {"workers": workers} for workers, run in runs]}
        given.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
