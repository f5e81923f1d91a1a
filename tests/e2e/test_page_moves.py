"""A room whose server dies: its people are together again on another one, by themselves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.conftest import _wait_until_open, free_port
from tests.support.camera import Camera
from tests.support.pages import READABLE, enter, visit, watched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

TOGETHER = 2.0  # seconds that are promised; a busy machine gets more before the test fails


class Servers:
    """`greenroom serve --loops 2` and its child processes."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self._process = process
        self.url = url

    def busiest(self) -> int:
        """Return the process id of the server that has the most sockets, so the one with the room."""
        listed = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return max((int(pid) for pid in listed.split()), key=_sockets)


def _sockets(pid: int) -> int:
    files = list(Path(f"/proc/{pid}/fd").iterdir())
    return sum(str(file.readlink()).startswith("socket:") for file in files)


@pytest.fixture
def servers() -> Iterator[Servers]:
    port = free_port()
    command = [sys.executable, "-m", "server", "serve", "--loops", "2", "--workers", "2", "--port", str(port)]
    with subprocess.Popen(command) as process:
        url = f"http://127.0.0.1:{port}"
        _wait_until_open(url, process)
        yield Servers(process, url)
        process.send_signal(signal.SIGINT)
        process.wait(20)


async def others_frames(page: Page) -> int:
    """Return how many frames of other people the page has shown, whatever their ids."""
    script = "Object.values(watch.tiles).filter(t => !t.self).reduce((sum, t) => sum + t.frames, 0)"
    return int(await page.evaluate(script))


async def ids(page: Page) -> set[str]:
    """Return the ids of other people whose picture the page has shown."""
    script = "Object.entries(watch.tiles).filter(([, t]) => !t.self).map(([id]) => id)"
    return set(await page.evaluate(script))


async def test_two_people_are_together_again_when_their_server_is_killed(
    browser: Browser, camera: Camera, servers: Servers
) -> None:
    pages = [await visit(browser, camera, f"{servers.url}/r/studio") for _ in range(2)]
    await enter(pages[0], "Ada", "Fjord")
    await enter(pages[1], "Bob", "Soft blur")
    for page in pages:
        await watched(page, self_tile=False)
    await pages[0].keyboard.press("p")
    await pages[0].get_by_role("switch", name="Lock the room").click()
    await expect(pages[0].get_by_role("switch", name="Lock the room")).to_be_checked()
    await asyncio.sleep(1.2)  # two renewals: the directory knows of the lock
    before = [await ids(page) for page in pages]
    os.kill(servers.busiest(), signal.SIGKILL)
    start = time.monotonic()
    async with asyncio.timeout(10 * TOGETHER):
        for page, known in zip(pages, before, strict=True):
            while not await ids(page) - known:
                await asyncio.sleep(0.05)
    print(f"together again after {time.monotonic() - start:.2f} s")  # noqa: T201
    await expect(pages[0].get_by_role("switch", name="Lock the room")).to_be_checked()
    for page in pages:
        await expect(page.locator("body")).to_have_attribute("data-state", "room")
        assert await page.evaluate("watch.worst") < READABLE
