"""Chromium without Playwright, which keeps every page looked at: here one in the background is throttled."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.browser import FLAGS
from tests.support.launched import START_TIMEOUT, launched

UNTHROTTLED = (
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
)


class Tab:
    """A page, spoken to by the DevTools protocol."""

    def __init__(self, base: str, session: aiohttp.ClientSession, target: dict[str, Any]) -> None:
        self._base = base
        self._session = session
        self._target = target
        self._numbers = itertools.count(1)

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - JSON
        """Return what a JavaScript expression is as JSON."""
        number = next(self._numbers)
        params = {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        async with self._session.ws_connect(self._target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            await socket.send_json({"id": number, "method": "Runtime.evaluate", "params": params})
            while True:
                message = await socket.receive_json(timeout=30)
                if message.get("id") == number:
                    return message["result"].get("result", {}).get("value")

    async def close(self) -> None:
        async with self._session.get(f"{self._base}/json/close/{self._target['id']}"):
            pass


class Tabs:
    """The tabs of one window: the one that was opened last is the one that is seen."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self._base = base
        self._session = session

    async def open(self, url: str) -> Tab:
        """Open a page in front of the others, and wait for it."""
        async with self._session.put(f"{self._base}/json/new?{url}") as response:
            tab = Tab(self._base, self._session, await response.json())
        async with asyncio.timeout(START_TIMEOUT):
            while await tab.evaluate("[location.href, document.readyState]") != [url, "complete"]:
                await asyncio.sleep(0.1)
        return tab


@contextlib.asynccontextmanager
async def chromium(program: str, camera: Path, profile: Path) -> AsyncIterator[Tabs]:
    """Run Chromium with a profile of its own and a fake camera."""
    flags = [flag for flag in FLAGS if flag not in UNTHROTTLED]
    own = (
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        f"--use-file-for-fake-video-capture={camera}",
    )
    command = (program, "--headless=new", *flags, *own, "about:blank")
    async with (
        launched(command, r"DevTools listening on ws://([^/]+)/") as address,
        aiohttp.ClientSession() as session,
    ):
        yield Tabs(f"http://{address}", session)
