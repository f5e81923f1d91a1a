"""Fuzz every target, one after the other, for so many seconds in all: `python -m tests.fuzz --seconds 60`.

Where Atheris is installed (`pip install atheris`), coverage guides what is tried; what it has found is then tried again
without its instruments, for time and memory. Without it Hypothesis makes the inputs. What has failed is named, and goes
with `--keep` into the corpus, as does a part of what reaches new branches.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.fuzzing import corpus, files, hold, replay
from tests.fuzz.target import Target
from tests.fuzz.targets import targets

EXAMPLES = 100  # at a time
WARM = 3  # rounds after which memory no longer grows by what is loaded once
GROWTH = 64 << 10  # KiB that the rest of a target may add to the largest memory
KEPT = 12
"""Files that a run adds to the corpus of a target, each of at most SMALL bytes."""
SMALL = 2048
TOLD = 1500  # characters of what a target says when it fails


def made(target: Target, name: str, seconds: float, seed: int) -> int:
    """Try what Hypothesis makes; return how many inputs."""
    deadline, rounds, memory = time.monotonic() + seconds, 0, 0
    while rounds <= WARM or time.monotonic() < deadline:
        hold(target, EXAMPLES, seed + rounds)
        rounds += 1
        if rounds == WARM:
            memory = peak()
    expect_no_growth(memory)
    return rounds * EXAMPLES


def guided(target: Target, name: str, seconds: float, keep: bool) -> str:
    """Have Atheris look for inputs, and try what it has found again; return what it says at its end."""
    with TemporaryDirectory() as folder, TemporaryDirectory() as begun:
        for number, seed in enumerate(target.seeds):
            Path(begun, str(number)).write_bytes(seed)
        for file in files(name):
            shutil.copy(file, begun)
        words = ["-m", "tests.fuzz.guided", name, str(max(1, int(seconds))), folder, begun]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, errors="replace")
        found = sorted(Path(folder).iterdir(), key=lambda file: file.stat().st_size)
        if keep:
            corpus(name).mkdir(parents=True, exist_ok=True)
            for file in pick(found):
                shutil.copy(file, corpus(name))
        if done.returncode:
            raise AssertionError(done.stderr[-TOLD:])
        replay_all(target, found)
    runs = [line for line in done.stderr.splitlines() if " cov: " in line]
    return " ".join(runs[-1].split()[:7]) if runs else "nothing new"


def pick(found: list[Path]) -> list[Path]:
    """Return what has failed, and some of the rest, from all sizes up to SMALL bytes."""
    small = [file for file in found if file.stat().st_size <= SMALL]
    return [f for f in found if f.name.startswith("bad-")] + small[:: max(1, len(small) // KEPT)][:KEPT]


def replay_all(target: Target, found: list[Path]) -> None:
    memory = 0
    for number, file in enumerate(found):
        replay(target, file)
        if number == WARM * EXAMPLES:
            memory = peak()
    if memory:
        expect_no_growth(memory)


def expect_no_growth(memory: int) -> None:
    """Raise AssertionError if this process has grown since it had so many KiB."""
    if peak() - memory > GROWTH:
        raise AssertionError(f"memory has grown by {peak() - memory} KiB")


def main() -> int:
    """Return how many targets failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--target", nargs="+", choices=sorted(targets()), default=list(targets()))
    parser.add_argument("--keep", action="store_true", help="add to the corpus")
    options = parser.parse_args()
    coverage = importlib.util.find_spec("atheris") is not None
    say("guided by coverage" if coverage else f"seed {options.seed}")
    failed, each = 0, options.seconds / len(options.target)
    for name in options.target:
        target = targets()[name]
        try:
            if coverage:
                say(f"{name}: {guided(target, name, each, options.keep)}")
            else:
                say(f"{name}: {made(target, name, each, options.seed)} inputs")
        except Exception as error:  # noqa: BLE001 - whatever a target raises is what is looked for
            failed += 1
            say(f"{name}: FAILED: {type(error).__name__}: {error}"[: 2 * TOLD])
    return failed


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def peak() -> int:
    """Return the largest memory of this process so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
