"""What this machine's cores do: how long they have been idle, as Linux tells (proc(5), /proc/stat), and what we use."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from server.media.headroom import MachineLoad
from server.media.load import LoadMeter
from server.media.workers.base import Workers

PROCESSES: Final = Path("/proc")
STAT: Final = Path("/proc/stat")
QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
IDLE, IO_WAIT, COUNTED = 3, 4, 8
"""Where the times are in a line of /proc/stat, and how many of them exclude each other."""


def usable_cores() -> float:
    """Return how many cores this process may use; a container may have a part of them only (cgroup-v2, cpu.max)."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    try:
        quota, period = QUOTA.read_text(encoding="ascii").split()
        return cores if quota == "max" else min(cores, int(quota) / int(period))
    except (OSError, ValueError):
        return cores


class IdleTime:
    """Reads how much of the cores that this process may use was idle."""

    def __init__(self, stat: Path = STAT) -> None:
        self._stat = stat
        self._cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._before = self._read()

    def take(self, cores: float) -> float | None:
        """Return how many of `cores` were idle since the last call; None where nothing tells."""
        before, self._before = self._before, self._read()
        if before is None or self._before is None:
            return None
        idle, counted = (now - then for now, then in zip(self._before, before, strict=True))
        return cores * min(1.0, max(0.0, idle / counted)) if counted > 0 else None

    def _read(self) -> tuple[int, int] | None:
        """Return the ticks that our cores were idle, and all that were counted."""
        try:
            lines = self._stat.read_text(encoding="ascii").splitlines()
        except OSError:
            return None
        names = {f"cpu{core}" for core in self._cores}
        ours = [line.split() for line in lines]
        times = [list(map(int, words[1 : COUNTED + 1])) for words in ours if words and words[0] in names]
        if not times:
            return None
        return sum(each[IDLE] + each[IO_WAIT] for each in times), sum(map(sum, times))


class WantedTime:
    """Reads what the scheduler gives processes of the time that they want (Linux, Documentation/scheduler/sched-stats).

    Of each process it is that of the thread it began with; a worker has no other that works.
    """

    def __init__(self, processes: Path = PROCESSES) -> None:
        self._processes = processes
        self._before: dict[int, tuple[int, int]] = {}

    def take(self, processes: Collection[int]) -> float | None:
        """Return how many cores they could have had since the last call, had they all wanted theirs all the time.

        None where nothing tells, or nothing was wanted.
        """
        before, self._before = self._before, {p: times for p in processes if (times := self._read(p))}
        same = [(times, before[p]) for p, times in self._before.items() if p in before]
        ran, waited = (sum(now[i] - then[i] for now, then in same) for i in range(2))
        return len(same) * ran / (ran + waited) if ran > 0 and waited >= 0 else None

    def _read(self, process: int) -> tuple[int, int] | None:
        """Return the nanoseconds for which it has run, and has waited for a core."""
        try:
            ran, waited, _ = (
                (self._processes / str(process) / "schedstat").read_text(encoding="ascii").split()
            )
            return int(ran), int(waited)
        except (OSError, ValueError):
            return None


class MachineWatch:
    """Reads now and then what the machine was like since the last time, for the governor."""

    def __init__(self, workers: int) -> None:
        """Share the machine's cores with others where we have fewer `workers`."""
        self.utilisation = 0.0
        """Share of the workers' time that was busy of late."""
        self._workers = workers
        self._idle = IdleTime()
        self._wanted = WantedTime()
        self._cores = usable_cores()
        self._at = (time.monotonic(), time.process_time())

    def read(self, now: float, workers: Workers, meter: LoadMeter) -> MachineLoad:
        """Read the meter, which begins anew; `now` in seconds of time.monotonic."""
        meter.workers = max(self._workers, workers.ready)
        self.utilisation, delay = meter.read(now)
        (then, before), self._at = self._at, (now, time.process_time())
        loop = (self._at[1] - before) / max(now - then, 1e-3)
        # Where there are fewer workers than cores, other servers use the rest.
        cores = min(float(self._workers), self._cores)
        attainable = self._wanted.take(workers.processes)
        return MachineLoad(cores, self._idle.take(cores), loop, workers.cores, delay, attainable)
