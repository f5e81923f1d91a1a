"""What tests.support.tapped_server has decoded, as it tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp


class Tap:
    """What the server says that it has decoded."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def __call__(self) -> dict[str, Any]:
        async with self._session.get(f"{self.url}/tap") as response:
            told: dict[str, Any] = await response.json()
            return told

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until what has been decoded fulfils a condition."""
        async with asyncio.timeout(60):
            while not condition(told := await self()):
                await asyncio.sleep(0.1)
        return told

    async def more(self, frames: int) -> dict[str, Any]:
        """Wait for so many more pictures."""
        goal = (await self())["frames"] + frames
        return await self.until(lambda told: told["frames"] >= goal)

    async def keep(self, which: str, path: Path) -> None:
        """Write the last or the worst picture."""
        async with self._session.get(f"{self.url}/tap/{which}") as response:
            path.write_bytes(await response.read())  # noqa: ASYNC240 - a small picture
