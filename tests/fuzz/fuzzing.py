"""Runs a target of the fuzzing: no uncaught exception, and on the loop no call above 20 ms."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.fuzz.targets import Target

CORPUS = Path(__file__).parent / "corpus"
"""What has failed once, tried again first."""
LIMIT = 0.02
"""Seconds of CPU time that one call may keep the event loop."""


def hold(target: Target, examples: int, number: int) -> None:
    """Try so many inputs of the sequence with that number; raise what one of them has done, with the smallest one."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=DirectoryBasedExampleDatabase(CORPUS),
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def run(value: object) -> None:
        if not target.on_loop:
            target.take(value)
        elif _seconds(target.take, value) > LIMIT and _seconds(target.take, value) > LIMIT:
            raise AssertionError(f"one call kept the loop for more than {LIMIT} s of CPU time")

    run()


def _seconds(take: Callable[[object], object], value: object) -> float:
    gc.disable()  # what is collected is not this input's
    try:
        start = time.thread_time()
        take(value)
        return time.thread_time() - start
    finally:
        gc.enable()
