"""Films over a Ray cluster: a task a film, which Ray tries again where a worker or a machine is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import ray

from server.cluster.film_processes import attempt
from server.cluster.films import Film, FilmResult, note_failure

ATTEMPTS: Final = 5  # tasks for one film; more than on one machine, since machines go, too; chosen
AHEAD: Final = 2  # films per CPU that are given to Ray at a time


class FilmLost(Exception):
    """The process that worked on a film has ended."""


def _film(film: Film) -> FilmResult:
    # In a process of its own: whoever breaks a codec shall not find the token of the whole cluster in the environment.
    outcome = attempt(film, set())
    if outcome is None:
        raise FilmLost(film.name)
    return outcome


class FilmTasks:
    """As many films at a time as the cluster has CPUs."""

    def run(self, films: Iterable[Film]) -> Iterator[FilmResult]:
        """See Runner."""
        task = ray.remote(_film).options(num_cpus=1, max_retries=ATTEMPTS - 1, retry_exceptions=[FilmLost])
        waiting, running = iter(films), dict[Any, Film]()
        while True:
            room = max(2, AHEAD * int(ray.cluster_resources().get("CPU", 1)))  # machines come and go
            for film in islice(waiting, max(0, room - len(running))):
                running[task.remote(film)] = film
            if not running:
                return
            (ready,), _ = ray.wait(list(running), num_returns=1)
            film = running.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                yield note_failure(film, f"{type(error).__name__}, {ATTEMPTS} times")
