"""Headroom: how much of the machine the cameras can have, from what they use and what is idle.

Where frames wait although all should fit, less is counted on for a while. Pure logic; time is passed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import mean, median
from typing import Final, NamedTuple

from server.media.fair_shares import LOOP_LIMIT, WORKER_LIMIT, Capacity
from server.media.retry_interval import Patience

TIGHT: Final = 0.02  # share of the cores: with less than that idle something has to be given up; chosen
ENTITLED: Final = 0.4
"""Share of the cores that is ours even while other programs leave nothing idle, where nothing tells what the
scheduler gives us; chosen."""
WANTED: Final = 0.7
"""Share of its time in which a worker may want a core that others want, too: with more pictures wait too long.
Measured beside a program that takes a core."""
LEAST_OURS: Final = 0.6
"""Of what is ours, what is counted on even if frames wait: a busy neighbour is no reason to cover a few people.
Chosen."""
TRIM, LEAST_TRIM = 0.9, 0.2
"""Times the cores to count on, in each round in which frames wait although they should not; at least. Chosen."""
WAITING: Final = 0.08  # seconds; publications drop frames that wait for 0.1
SURE: Final = 3  # of the governor's rounds in a row must show too little, before anything is given up
ROUNDS: Final = 3  # the mean of so many rounds is what may be counted on when more is to be done
CALM: Final = 3.0  # seconds without waiting before more is counted on again


class MachineLoad(NamedTuple):
    """What the machine was like since the last round of the governor, in cores."""

    cores: float
    idle: float | None
    """None where nothing tells."""
    loop: float
    """What the event loop's process has used."""
    workers: Mapping[int, float]
    """What each worker can use at most."""
    delay: float
    """Seconds that frames waited for a worker, 90th percentile."""
    attainable: float | None = None
    """What our workers could have if they wanted all of their time; None where nothing tells."""


class Headroom:
    """Follows what can be counted on."""

    def __init__(self) -> None:
        self._had = deque[tuple[float, float]](maxlen=ROUNDS)
        """The cores that cameras could have, and those that were ours."""
        self._fixed = deque[float](maxlen=ROUNDS)
        """What the event loop takes besides pictures, in cores."""
        self._trim = 1.0
        self._waited = 0
        self._calm_since: float | None = None
        self._trust = Patience(CALM)

    def observe(self, load: MachineLoad, used: float, sending: float) -> tuple[Capacity, Capacity]:
        """Return what cameras can have at most of late, and what can be counted on when more is to be done.

        `used` are the cores that the cameras have used, `sending` those that the event loop has for their pictures.
        """
        self._had.append(self._could_have(load, used, sending))
        self._fixed.append(max(0.0, load.loop - sending))
        cores, ours = self._had[-1]
        ample = min(cores, mean(had for had, _ in self._had))
        return self._limits(load, *max(list(self._had)[-SURE:])), self._limits(load, ample, ours)

    def _could_have(self, load: MachineLoad, used: float, sending: float) -> tuple[float, float]:
        """Return the cores that cameras can have, and those that are ours, of which a share is to be left idle.

        Cameras can have what they use, of it for `sending`, and what is idle; or more, if the scheduler gives the
        workers more while others leave nothing idle.
        """
        if load.idle is None:
            return self._trim * (load.cores - load.loop), load.cores
        idle, trim = (used + load.idle, load.cores), max(LEAST_OURS, self._trim)
        if load.attainable is None:
            return max(idle, (trim * ENTITLED * load.cores - load.loop + sending, load.cores))
        return max(idle, (trim * WANTED * load.attainable + sending, load.attainable + sending))

    def _limits(self, load: MachineLoad, cores: float, ours: float) -> Capacity:
        workers = {worker: WORKER_LIMIT * most for worker, most in load.workers.items()}
        return Capacity(cores, workers, max(0.1, LOOP_LIMIT - median(self._fixed)), ours)

    def heed_waiting(self, now: float, load: MachineLoad, *, fits: bool) -> None:
        """Count on less where frames wait although all should fit, and nothing is idle; `now` in seconds."""
        busy = load.idle is None or load.idle < TIGHT * load.cores
        self._waited = self._waited + 1 if load.delay > WAITING and busy and fits else 0
        if self._waited:
            self._calm_since = None
            if self._waited > ROUNDS:
                self._trim = max(LEAST_TRIM, TRIM * self._trim)
                self._trust.down(now)
        elif self._trim < 1:
            self._calm_since = now if self._calm_since is None else self._calm_since
            if now - self._calm_since >= self._trust.seconds:
                self._trim, self._calm_since = min(1.0, self._trim / TRIM**2), now
                self._trust.up(now)
