"""Fuzz every target, one after the other, for so many seconds in all: `python -m tests.fuzz --seconds 60`."""

from __future__ import annotations

import argparse
import resource
import sys
import time

from tests.fuzz.fuzzing import hold
from tests.fuzz.targets import targets

EXAMPLES = 100  # at a time
WARM = 3  # rounds after which memory no longer grows by what is loaded once
GROWTH = 64 << 10  # KiB that the rest of a target may add to the largest memory


def main() -> int:
    """Return how many targets failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    found, failed = targets(), 0
    say(f"seed {options.seed}")
    for name, target in found.items():
        deadline, rounds, memory = time.monotonic() + options.seconds / len(found), 0, 0
        try:
            while rounds <= WARM or time.monotonic() < deadline:
                hold(target, EXAMPLES, options.seed + rounds)
                rounds += 1
                if rounds == WARM:
                    memory = peak()
            if peak() - memory > GROWTH:
                raise AssertionError(f"memory has grown by {peak() - memory} KiB")
        except Exception as error:  # noqa: BLE001 - whatever a target raises is what is looked for
            failed += 1
            say(f"{name}: FAILED after {rounds * EXAMPLES} inputs: {type(error).__name__}: {error}"[:2000])
        else:
            say(f"{name}: {rounds * EXAMPLES} inputs")
    return failed


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def peak() -> int:
    """Return the largest memory of this process so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
