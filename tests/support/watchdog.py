"""Watches the event loop of this process."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest


class Watchdog:
    """Notes how much CPU time the callbacks of the event loop's thread take, and whether they wait for threads.

    It is CPU time because a busy machine takes the loop's thread off its core as it pleases.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.longest: list[tuple[float, str]] = []
        self.joins: list[str] = []
        run, join, loop = asyncio.Handle._run, threading.Thread.join, threading.current_thread()

        def timed_run(handle: asyncio.Handle) -> None:
            start = time.thread_time()
            what = repr(handle)
            run(handle)
            self.longest.append((time.thread_time() - start, what))

        def noted_join(thread: threading.Thread, timeout: float | None = None) -> None:
            if threading.current_thread() is loop:
                self.joins.append(thread.name)
            join(thread, timeout)

        monkeypatch.setattr(asyncio.Handle, "_run", timed_run)
        monkeypatch.setattr(threading.Thread, "join", noted_join)
