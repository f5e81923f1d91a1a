"""How long the program takes until it answers: a table of commands.

    python -m benchmarks.startup [--runs 20]

Each command is run once before, so that the system has its files in memory. *wall* is the time until the process has
ended, *CPU* what it used meanwhile, which other programs on the machine hardly change.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

COMMANDS: Final = (["--version"], ["--help"], ["serve", "--help"], ["config"], ["token", "--help"])


class Answer(NamedTuple):
    """One run, in seconds."""

    wall: float
    cpu: float


def measure(command: list[str]) -> Answer:
    """Run a command to its end."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Answer(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    program = str(Path(sys.executable).with_name("greenroom"))
    print("| greenroom … | wall, best | wall, median | CPU, median |\n|---|---|---|---|")
    for words in COMMANDS:
        measure([program, *words])
        answers = [measure([program, *words]) for _ in range(runs)]
        wall, cpu = ([answer[i] for answer in answers] for i in (0, 1))
        print(
            f"| {' '.join(words)} | {min(wall):.2f} s | {statistics.median(wall):.2f} s "
            f"| {statistics.median(cpu):.2f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
