"""Runs a target of the fuzzing: no uncaught exception, and on the loop no call above 20 ms."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings

from tests.fuzz.target import Target

CORPUS = Path(__file__).parent / "corpus"
"""Files by target: what has failed once, and what reaches most of the readers' branches."""
LIMIT = 0.02
"""Seconds of CPU time that one call may keep the event loop."""
TRIES = 5
"""The same input costs the same each time; what a shared machine adds comes and goes."""


def hold(target: Target, examples: int, number: int) -> None:
    """Try so many inputs of the sequence with that number; raise what one of them has done, with the smallest one."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def run(value: object) -> None:
        _try(target, target.take, value)

    run()


def files(name: str) -> list[Path]:
    """Return the corpus of a target."""
    return sorted(corpus(name).glob("*"))


def corpus(name: str) -> Path:
    """Return where the corpus of a target is."""
    return CORPUS / name.replace(" ", "-")


def replay(target: Target, file: Path) -> None:
    """Try a file of the corpus; raise what it has done."""
    _try(target, target.try_file, file.read_bytes())


def _try(target: Target, take: Callable[[Any], object], value: object) -> None:
    if not target.on_loop:
        take(value)
    elif all(_seconds(take, value) > LIMIT for _ in range(TRIES)):
        raise AssertionError(f"one call kept the loop for more than {LIMIT} s of CPU time")


def _seconds(take: Callable[[Any], object], value: object) -> float:
    gc.disable()  # what is collected is not this input's
    try:
        start = time.thread_time()
        take(value)
        return time.thread_time() - start
    finally:
        gc.enable()
