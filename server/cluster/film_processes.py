"""Films on this machine: a process a film, so that a codec that crashes takes one film along, and no keys.

python -m server.cluster.film_processes

It reads a Film on standard input and writes its FilmResult, a line of JSON each; it ends with its standard input.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from _thread import interrupt_main
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from itertools import islice
from threading import Thread
from typing import Final

from server.cluster.films import (
    Film,
    FilmOptions,
    FilmResult,
    filter_film,
    note_failure,
    remove_workspaces,
)
from server.cluster.stores import Version
from server.config.interpreter import RAY, python_command, python_environment
from server.core.core_dumps import forbid_core_dumps

ATTEMPTS: Final = 3  # processes for one film, each after one that has ended in the middle; chosen
UNWIND: Final = 5.0  # seconds in which a process that nobody wants may remove what it has begun; chosen
STANDARD_INPUT: Final = 0  # file descriptor: Python's own reader would be locked when the interpreter ends


class FilmProcesses:
    """So many films at a time."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._children: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, films: Iterable[Film]) -> Iterator[FilmResult]:
        """See Runner."""
        waiting, running = iter(films), set[Future[FilmResult]]()
        with ExitStack() as stack:
            stack.callback(remove_workspaces)  # once all processes have ended
            threads = stack.enter_context(ThreadPoolExecutor(self._jobs))
            try:
                while True:
                    for film in islice(waiting, self._jobs - len(running)):
                        running.add(threads.submit(self._film, film))
                    if not running:
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            finally:
                self._stop(running)

    def _stop(self, running: set[Future[FilmResult]]) -> None:
        self._stopped = True
        for future in running:
            future.cancel()
        for child in list(self._children):
            child.terminate()

    def _film(self, film: Film) -> FilmResult:
        for _ in range(ATTEMPTS):
            if self._stopped:
                break
            outcome = attempt(film, self._children)
            if outcome is not None:
                return outcome
        return note_failure(film, f"its process has ended {ATTEMPTS} times")


def attempt(film: Film, children: set[subprocess.Popen[bytes]]) -> FilmResult | None:
    """Return what came of one process, which is among the children; None when it ended before it could say."""
    child = subprocess.Popen(
        python_command("server.cluster.film_processes"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=python_environment(RAY),
        process_group=0,  # Ctrl-C reaches the one that has started it, which ends it
    )
    children.add(child)
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError), child:  # it has ended
        try:
            child.stdin.write(json.dumps(film._asdict() | {"job": film.job.line()}).encode() + b"\n")
            child.stdin.flush()
            said = child.stdout.readline()
        finally:
            children.discard(child)
        if said.endswith(b"\n"):
            return FilmResult(*json.loads(said))
    remove_workspaces()
    return None


def _end_with_standard_input() -> None:
    """End this process with the one that has started it: another one may be at work on the film then."""
    while os.read(STANDARD_INPUT, 1):
        pass
    interrupt_main()
    time.sleep(UNWIND)
    os._exit(1)


def main() -> None:
    """Filter the film that standard input names."""
    forbid_core_dumps()
    # Even where it is ignored, as in the background of a shell.
    signal.signal(signal.SIGINT, lambda *_: sys.exit(1))
    told = json.loads(sys.stdin.readline())
    Thread(target=_end_with_standard_input, daemon=True).start()
    film = Film(**told | {"version": Version(*told["version"]), "job": FilmOptions.read(told["job"])})
    sys.stdout.write(json.dumps(filter_film(film)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
