"""A server in its own process, cameras, a browser."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from pytest_asyncio import is_async_test

from tests.support.browser import FLAGS, find_chromium
from tests.support.camera import Camera, write_mjpeg
from tests.support.fake_server import FakeServer, fake_server
from tests.support.program import free_port
from tests.support.tap import Tap

START_TIMEOUT = 30.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of this folder run on one event loop, that of the browser which they share.

    Those that have no media but what their page shows are marked, because several may run at a time.
    """
    for item in items:
        if not item.path.is_relative_to(Path(__file__).parent):
            continue
        if is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if "fake" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.page)


@contextlib.contextmanager
def run_server(*command: str, port: int = 0) -> Iterator[str]:
    """Start `python -m COMMAND`, in which PORT stands for `port`, or a free one; yield its URL; end it by SIGINT."""
    port = port or free_port()
    arguments = [sys.executable, "-m", *(str(port) if c == "PORT" else c for c in command)]
    with subprocess.Popen(arguments) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_open(url, process)
            yield url
        finally:
            process.send_signal(2)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_open(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url + "/api/backgrounds", timeout=5):
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not open its port")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a server started by the product's own command; all tests share it, each in rooms of its own."""
    with run_server("server", "serve", "--port", "PORT") as url:
        yield url


@pytest.fixture(scope="module")
def faulty_server() -> Iterator[str]:
    """The URL of a server whose network fails on demand."""
    with run_server("tests.support.faulty_server", "PORT") as url:
        yield url


@pytest.fixture(scope="module")
def tapped() -> Iterator[str]:
    """The URL of a server that tells what it decodes."""
    with run_server("tests.support.tapped_server", "PORT") as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def tap(tapped: str) -> AsyncIterator[Tap]:
    async with aiohttp.ClientSession() as session:
        await session.post(f"{tapped}/tap/begin")
        yield Tap(tapped, session)


@pytest.fixture(scope="session")
def camera() -> Camera:
    return Camera(640, 360, loop=150)


@pytest.fixture(scope="session")
def camera_file(camera: Camera, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The camera's loop in the form that Chromium takes as a fake device."""
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    write_mjpeg(path, camera, camera.loop)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(camera_file: Path) -> AsyncIterator[Browser]:
    """Chromium with the camera as its fake device; all tests share it, because its start takes over a second."""
    executable = find_chromium()
    if executable is None:
        pytest.fail("no Chromium; run `make test`, or name one in $CHROMIUM")
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={camera_file}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, headless=True, args=flags)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """Chromium without any page, and without any that this test leaves open."""
    yield chromium
    for context in chromium.contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def fake() -> AsyncIterator[FakeServer]:
    """A server that speaks the protocol without media."""
    async with fake_server() as fake:
        yield fake


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, fake: FakeServer) -> AsyncIterator[Page]:
    """Open a page that must not complain: no error, nothing that its security policy forbids.

    It asks for the server without media so that it closes before that one does.
    """
    context = await browser.new_context(permissions=["camera", "microphone"], locale="en-US")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda problem: complaints.append(str(problem)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    await context.close()
    assert not [each for each in complaints if "Error" in each or "Security Policy" in each]


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where tests leave pictures to look at."""
    folder = Path(__file__).resolve().parents[2] / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder
