"""Watches the event loop of this process."""

from __future__ import annotations

import asyncio
import gc
import statistics
import threading
import time
from collections.abc import Callable

import pytest
from aiortc import RTCPeerConnection

NOTED = 0.001
"""Seconds of CPU below which a callback is not worth noting."""
CONTROL_INTERVAL = 0.25
"""Seconds between two controls: as rarely as somebody joins, so that as little of it is in the caches."""


def control() -> None:
    """Do what any server on aiortc does on its loop for one connection.

    It takes 0.6 ms when done over and over again, and up to thirty times as long where the neighbours of a shared
    machine have emptied its caches meanwhile.
    """
    connection = RTCPeerConnection()
    for kind in ("audio", "video"):
        connection.addTransceiver(kind)


class Watchdog:
    """Notes how much CPU time the callbacks of the event loop's thread take, and whether they wait for threads.

    It is CPU time because a busy machine takes the loop's thread off its core as it pleases. What the garbage collector
    takes is left out: the callback in which it happens to run has not caused it. A control tells how fast the machine
    is at such work meanwhile.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.longest: list[tuple[float, str]] = [(0.0, "nothing")]
        self.joins: list[str] = []
        self._collecting = 0.0
        self._controls: list[float] = []
        self._controlled = time.monotonic()
        run, join, loop = asyncio.Handle._run, threading.Thread.join, threading.current_thread()

        def cost(work: Callable[[], object]) -> float:
            self._collecting = 0.0
            start = time.thread_time()
            work()
            return time.thread_time() - start - self._collecting

        def timed_run(handle: asyncio.Handle) -> None:
            task = getattr(getattr(handle, "_callback", None), "__self__", None)
            what = repr(task.get_coro() if isinstance(task, asyncio.Task) else handle)
            took = cost(lambda: run(handle))
            if took > NOTED:  # all of them would keep the garbage collector busy, on the loop
                self.longest.append((took, what))
            if time.monotonic() - self._controlled > CONTROL_INTERVAL:
                self._controls.append(cost(control))
                self._controlled = time.monotonic()

        def noted_join(thread: threading.Thread, timeout: float | None = None) -> None:
            if threading.current_thread() is loop:
                self.joins.append(thread.name)
            join(thread, timeout)

        def noted_collection(phase: str, info: dict[str, int]) -> None:
            if threading.current_thread() is loop:
                self._collecting += time.thread_time() * (1 if phase == "stop" else -1)

        monkeypatch.setattr(asyncio.Handle, "_run", timed_run)
        self._noted_collection = noted_collection
        gc.callbacks.append(noted_collection)
        monkeypatch.setattr(threading.Thread, "join", noted_join)

    @property
    def connection(self) -> float:
        """Seconds of CPU that one connection takes on the loop of any server, as the machine is now: the median."""
        return statistics.median(self._controls)

    def close(self) -> None:
        """Watch the collector no more; the monkeypatch ends the rest."""
        gc.callbacks.remove(self._noted_collection)
