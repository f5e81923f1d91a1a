"""Films over a Ray cluster: a task a film, which Ray tries again where a worker or a machine is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import ray

from server.cluster.films import Film, Outcome, filter_film, note_failure
from server.core.core_dumps import forbid_core_dumps

ATTEMPTS: Final = 5  # tasks for one film; more than on one machine, since machines go, too; chosen
AHEAD: Final = 2  # films per CPU that are given to Ray at a time


def _film(film: Film) -> Outcome:
    forbid_core_dumps()
    return filter_film(film)


class FilmTasks:
    """As many films at a time as the cluster has CPUs."""

    def run(self, films: Iterable[Film]) -> Iterator[Outcome]:
        """See Runner."""
        task = ray.remote(_film).options(num_cpus=1, max_retries=ATTEMPTS - 1, retry_exceptions=False)
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
