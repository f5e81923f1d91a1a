"""What is put in comes out when it is due, and in order."""

from __future__ import annotations

import asyncio
import time

from server.media.rtc import TimedQueue


class Taken:
    """Keeps what comes out, and when."""

    def __init__(self) -> None:
        self.items: list[tuple[str, float]] = []
        self._came = asyncio.Event()

    def take(self, item: str) -> None:
        self.items.append((item, time.monotonic()))
        self._came.set()

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.items) < count:
                self._came.clear()
                await self._came.wait()


async def test_what_is_due_is_handed_on_before_put_returns() -> None:
    taken, now = Taken(), time.monotonic()
    queue = TimedQueue(taken.take)
    queue.put("a", now, now)
    queue.put("b", now - 1, now)
    assert [item for item, _ in taken.items] == ["a", "b"]
    assert queue._timer is None


async def test_nothing_overtakes_what_waits() -> None:
    taken, now = Taken(), time.monotonic()
    queue = TimedQueue(taken.take)
    queue.put("late", now + 0.05, now)
    queue.put("early", now, now)
    assert taken.items == []
    assert len(queue) == 2
    await taken.wait(2)
    assert [item for item, _ in taken.items] == ["late", "early"]
    assert all(at >= now + 0.045 for _, at in taken.items)
    assert queue._timer is None


async def test_after_the_end_nothing_comes() -> None:
    taken, now = Taken(), time.monotonic()
    queue = TimedQueue(taken.take)
    queue.put("a", now + 0.01, now)
    queue.close()
    assert len(queue) == 0
    await asyncio.sleep(0.05)
    assert taken.items == []
