"""People who come and go, in a process of their own: `python -m tests.support.visitors URL COUNT leave|drop|crash`.

Each joins, sends a grey picture, waits until it comes back filtered, and then says goodbye, closes everything without
a word, or is gone as if the computer had died.
"""

from __future__ import annotations

import asyncio
import os
import sys

import av

from filters.base import new_frame
from tests.support.client import CameraTrack, Client, join

FRAMES = 3
TOGETHER = 5
PATIENCE = 60.0


def grey(number: int) -> av.VideoFrame:
    frame, planes = new_frame(160, 96)
    planes.y[:], planes.u[:], planes.v[:] = 60 + number % 100, 128, 128
    return frame


async def watch_oneself(client: Client) -> None:
    """Publish, and wait for the picture that the others see."""
    await client.publish(CameraTrack(grey, rate=15))
    async with asyncio.timeout(PATIENCE):
        while client.frames < FRAMES:
            await asyncio.sleep(0.02)


async def visit(url: str, number: int, ending: str) -> None:
    async with join(url, f"visit-{number}", background="#101010") as client:
        await watch_oneself(client)
        if ending == "drop":
            await client.close(say_goodbye=False)


async def crash(url: str, count: int) -> None:
    """Be there all together, then end this process on the spot."""

    async def stay(number: int, ready: asyncio.Semaphore) -> None:
        async with join(url, f"crash-{number}", background="#101010") as client:
            await watch_oneself(client)
            ready.release()
            await asyncio.Event().wait()

    ready = asyncio.Semaphore(0)
    staying = [asyncio.create_task(stay(number, ready)) for number in range(count)]
    for _ in staying:
        await asyncio.wait_for(ready.acquire(), PATIENCE)
    os._exit(0)


async def main(url: str, count: int, ending: str) -> None:
    for first in range(0, count, TOGETHER):
        numbers = range(first, min(count, first + TOGETHER))
        if ending == "crash":
            await crash(url, count)
        await asyncio.gather(*(visit(url, number, ending) for number in numbers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
