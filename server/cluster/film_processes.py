"""Films on this machine: a process a film, so that a codec that crashes takes one film along.

python -m server.cluster.film_processes     (reads a Film on standard input, writes its Outcome; a line of JSON each)
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Final

from server.cluster.films import Film, Job, Outcome, filter_film, note_failure
from server.cluster.stores import Version
from server.config.interpreter import RAY, python_command, python_environment
from server.core.core_dumps import forbid_core_dumps

ATTEMPTS: Final = 3  # processes for one film, each after one that has ended in the middle; chosen


class FilmProcesses:
    """So many films at a time."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._children: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, films: Iterable[Film]) -> Iterator[Outcome]:
        """See Runner."""
        waiting, running = iter(films), set[Future[Outcome]]()
        with ThreadPoolExecutor(self._jobs) as threads:
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

    def _stop(self, running: set[Future[Outcome]]) -> None:
        self._stopped = True
        for future in running:
            future.cancel()
        for child in list(self._children):
            child.terminate()

    def _film(self, film: Film) -> Outcome:
        for _ in range(ATTEMPTS):
            if self._stopped:
                break
            outcome = self._attempt(film)
            if outcome is not None:
                return outcome
        return note_failure(film, f"its process has ended {ATTEMPTS} times")

    def _attempt(self, film: Film) -> Outcome | None:
        """Return what came of one process; None when it ended before it could say."""
        child = subprocess.Popen(
            python_command("server.cluster.film_processes"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=python_environment(RAY),
        )
        self._children.add(child)
        try:
            said, _ = child.communicate(json.dumps(film._asdict() | {"job": film.job.line()}).encode())
        finally:
            self._children.discard(child)
        return Outcome(*json.loads(said)) if child.returncode == 0 and said else None


def main() -> None:
    """Filter the film that standard input names."""
    forbid_core_dumps()
    told = json.loads(sys.stdin.readline())
    film = Film(**told | {"version": Version(*told["version"]), "job": Job.read(told["job"])})
    sys.stdout.write(json.dumps(filter_film(film)))


if __name__ == "__main__":
    main()
