"""What this machine's cores do: how long they have been idle, as Linux tells (proc(5), /proc/stat), and what we use."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from server.media.headroom import MachineLoad
from server.media.load import LoadMeter
from server.media.workers.base import Workers

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


class MachineWatch:
    """Reads now and then what the machine was like since the last time, for the governor."""

    def __init__(self, workers: int) -> None:
        """Share the machine's cores with others where we have fewer `workers`."""
        self.utilisation = 0.0
        """Share of the workers' time that was busy of late."""
        self._workers = workers
        self._idle = IdleTime()
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
        return MachineLoad(cores, self._idle.take(cores), loop, workers.cores, delay)
