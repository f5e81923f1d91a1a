"""What benchmarks.network is made of: a server, real browsers and light participants around a bad network."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, Playwright, async_playwright

from benchmarks.impairment import Namespace, Network
from tests.support.browser import FLAGS, find_chromium
from tests.support.camera import Camera, write_mjpeg

PEER = Path(__file__).parents[1] / "tests" / "support" / "peer.js"
END_TIMEOUT = 10.0  # seconds for a process to end in; chosen

Stats = dict[str, Any]


class Process:
    """A part of the benchmark that answers lines with lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, words: list[str]) -> Process:
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, limit=1 << 26))

    async def read(self) -> str:
        """Return the next line; RuntimeError when the process has ended."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a part of the benchmark ended with status {await self._process.wait()}")
        return line.decode().strip()

    async def ask(self) -> Any:  # noqa: ANN401 - JSON
        """Return what it tells about itself."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return json.loads(await self.read())

    async def end(self) -> None:
        """Close its input and wait."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_TIMEOUT)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@dataclass
class Peer:
    """A participant in a browser."""

    page: Page
    id: str

    @classmethod
    async def join(cls, browser: Browser, url: str, room: str, name: str, **options: Any) -> Peer:  # noqa: ANN401
        """Join with peer.js; the options are those of its `join`."""
        context = await browser.new_context(permissions=["camera", "microphone"], bypass_csp=True)
        page = await context.new_page()
        await page.goto(f"{url}/static/css/style.css")
        await page.evaluate(PEER.read_text(encoding="utf-8"))
        told = {"room": room, "name": name, "background": "blur", **options}
        return cls(page, await page.evaluate("options => peer.join(options)", told))

    async def publish(self, **options: Any) -> None:  # noqa: ANN401
        """Send the camera; the options are those of peer.js's `publish`."""
        await self.page.evaluate("options => peer.publish(options)", options)

    async def stats(self) -> Stats:
        """Return what getStats() tells."""
        stats: Stats = await self.page.evaluate("peer.stats()")
        return stats

    async def until_shown(self, owner: str) -> None:
        """Wait for the first frames of somebody's camera."""
        key = f"{owner} video"
        await self.page.wait_for_function(
            "key => (peer.streams[key]?.shown.length ?? 0) > 5", arg=key, timeout=4e4
        )

    async def leave(self) -> None:
        """Leave, and close the window."""
        await self.page.evaluate("peer.leave()")
        await self.page.context.close()


@dataclass
class Rig:
    """A server in one namespace; browsers beside it (`near`) and across the bad network (`far`)."""

    network: Network
    server: Process
    url: str
    far: Browser
    near: Browser

    @asynccontextmanager
    async def crowd(self, count: int) -> AsyncIterator[Process]:
        """Let light participants join the room "benchmark", beside the server."""
        words = [sys.executable, "-m", "benchmarks.network_crowd", self.url, str(count)]
        process = await Process.start(self.network.server.command(*words))
        try:
            await process.read()
            yield process
        finally:
            await process.end()


@asynccontextmanager
async def build(network: Network, size: tuple[int, int]) -> AsyncIterator[Rig]:
    """Start the server and the browsers; the camera has `size`."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        camera = folder / "camera.mjpeg"
        write_mjpeg(camera, Camera(*size, loop=150), 150)
        words = [sys.executable, "-m", "benchmarks.network_server", network.server.address]
        server = await Process.start(network.server.command(*words))
        stack.push_async_callback(server.end)
        url = f"http://{network.server.address}:{await server.read()}"
        playwright = await stack.enter_async_context(async_playwright())
        far = await _launch(playwright, network.client, folder, camera, url)
        stack.push_async_callback(far.close)
        near = await _launch(playwright, network.server, folder, camera, url)
        stack.push_async_callback(near.close)
        yield Rig(network, server, url, far, near)


async def _launch(playwright: Playwright, space: Namespace, folder: Path, camera: Path, url: str) -> Browser:
    program = find_chromium()
    if program is None:
        raise SystemExit("no Chromium; run `make test`, or name one in $CHROMIUM")
    flags = [
        *FLAGS,
        f"--use-file-for-fake-video-capture={camera}",
        f"--unsafely-treat-insecure-origin-as-secure={url}",
    ]
    return await playwright.chromium.launch(
        executable_path=space.executable(folder, program), headless=True, args=flags
    )
