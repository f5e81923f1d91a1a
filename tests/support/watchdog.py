"""Watches the event loop of this process."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import pytest

NOTED = 0.001
"""Seconds of CPU below which a callback is not worth noting."""


class Watchdog:
    """Notes how much CPU time the callbacks of the event loop's thread take, and whether they wait for threads.

    It is CPU time because a busy machine takes the loop's thread off its core as it pleases. What the garbage collector
    takes is left out: the callback in which it happens to run has not caused it.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.longest: list[tuple[float, str]] = [(0.0, "nothing")]
        self.joins: list[str] = []
        self._collecting = 0.0
        run, join, loop = asyncio.Handle._run, threading.Thread.join, threading.current_thread()

        def timed_run(handle: asyncio.Handle) -> None:
            task = getattr(getattr(handle, "_callback", None), "__self__", None)
            what = repr(task.get_coro() if isinstance(task, asyncio.Task) else handle)
            self._collecting = 0.0
            start = time.thread_time()
            run(handle)
            took = time.thread_time() - start - self._collecting
            if took > NOTED:  # all of them would keep the garbage collector busy, on the loop
                self.longest.append((took, what))

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

    def close(self) -> None:
        """Watch the collector no more; the monkeypatch ends the rest."""
        gc.callbacks.remove(self._noted_collection)
