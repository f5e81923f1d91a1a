"""What is to happen later, in the order in which it was put in."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

RESOLUTION = 0.001  # seconds: what is due so soon does not wait for a timer

Item = TypeVar("Item")


class TimedQueue(Generic[Item]):
    """Hands on each item when it is due, on the event loop, none before the one that was put in before it."""

    def __init__(self, take: Callable[[Item], None]) -> None:
        self._take = take
        self._items: deque[tuple[float, Item]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item, due: float, now: float) -> None:
        """Hand on an item at `due`, in seconds of the monotonic clock, or at once, before this returns."""
        self._items.append((due, item))
        self._hand_on(now)

    def _hand_on(self, now: float) -> None:
        while self._items and self._items[0][0] <= now + RESOLUTION:
            self._take(self._items.popleft()[1])
        if self._items and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._items[0][0] - now, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._hand_on(time.monotonic())

    def close(self) -> None:
        """Forget what is left."""
        self._items.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
