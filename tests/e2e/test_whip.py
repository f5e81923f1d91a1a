"""WHIP and WHEP with clients that others made: no frame that comes out shows the room."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page

from server.tokens import Grant, Key, make_token
from tests.e2e.conftest import run_server
from tests.support.camera import Camera
from tests.support.viewer import READABLE, Viewer
from tests.support.whip_client import WhipClient

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

HERE = Path(__file__).parent / "whip"
PACKAGES = (
    "whip-whep@1.2.0",
    "@eyevinn/whip-web-client@1.1.7",
    "events@3.3.0",
    "sdp-transform@2.15.0",
    "esbuild@0.28.2",
)
GSTREAMER = (
    "gstreamer1.0-plugins-{base,good,bad} gstreamer1.0-nice python3-gst-1.0 gir1.2-gst-plugins-bad-1.0"
)
SECRET = "north-" * 6
TOKEN = make_token(Key("a", "HS256", SECRET), Grant("studio", identity="desk", background="#204060"), 3600)


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """The URL of a server that wants tokens, so that pages of other origins may speak to it."""
    keys = json.dumps({"a": SECRET})
    with run_server("server", "serve", "--port", "PORT", "--set", f"token_keys={keys}") as url:
        yield url


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page and its clients, installed from npm and bundled."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("whip")
    if npm is None:
        pytest.skip("npm is not installed")
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES]
    if subprocess.run(install, check=False, timeout=120).returncode:
        pytest.skip(f"npm could not install {' '.join(PACKAGES)}")
    for file in HERE.glob("page.*"):
        shutil.copy(file, folder)
    bundled = ["--bundle", "--format=esm", "--allow-overwrite", f"--outfile={folder / 'page.js'}"]
    subprocess.run(
        [folder / "node_modules/.bin/esbuild", folder / "page.js", *bundled, "--log-level=error"], check=True
    )
    return folder


@pytest.fixture
async def page(browser: Browser, bundle: Path) -> AsyncIterator[Page]:
    """The page, from an origin of its own."""
    app = web.Application()
    app.router.add_static("/", bundle)
    async with TestServer(app, host="127.0.0.1") as server:
        page = await browser.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(str(server.make_url("/page.html")))
        await page.wait_for_function("window.ready")
        yield page
        await page.close()
    assert problems == []


@contextlib.asynccontextmanager
async def watching(url: str, viewer: Viewer, participant: str = "desk") -> AsyncIterator[WhipClient]:
    """Watch by WHEP, as soon as there is something."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(40):
        while True:
            client = WhipClient(session, f"{url}/whep/studio/{participant}", TOKEN)
            if await client.play(lambda frame: viewer.look("", frame)) == 201:
                break
            await client.close()
            await asyncio.sleep(0.2)
    async with aiohttp.ClientSession() as client._session:
        yield client
        await client.close()


async def test_whip_whep_publishes_restarts_ice_and_stops(guarded: str, page: Page, camera: Camera) -> None:
    viewer = Viewer(camera)
    await page.evaluate("([url, token]) => publish(url, token)", [f"{guarded}/whip/studio", TOKEN])
    async with watching(guarded, viewer):
        await viewer.wait(60)
        etag = await page.evaluate("client.etag")
        await page.evaluate("restart()")
        await page.wait_for_function("etag => client.etag !== etag", arg=etag)
        await viewer.wait(90)
        assert await page.evaluate("connection.connectionState") == "connected"
        await page.evaluate("stop()")
    assert viewer.worst < READABLE
    assert viewer.face_is_there()


@pytest.mark.parametrize("no_trickle", [False, True], ids=["trickle", "no-trickle"])
async def test_eyevinn_publishes(guarded: str, page: Page, camera: Camera, no_trickle: bool) -> None:
    viewer = Viewer(camera)
    arguments = [f"{guarded}/whip/studio", TOKEN, no_trickle]
    await page.evaluate("([url, token, no]) => publishEyevinn(url, token, no)", arguments)
    async with watching(guarded, viewer):
        await viewer.wait(60)
    await page.evaluate("destroy()")
    assert viewer.worst < READABLE
    assert viewer.face_is_there()


async def test_whip_whep_plays(guarded: str, page: Page, browser: Browser, camera: Camera) -> None:
    async with aiohttp.ClientSession() as session:
        publisher = await browser.new_page()
        await publisher.goto(page.url)
        await publisher.wait_for_function("window.ready")
        await publisher.evaluate("([url, token]) => publish(url, token)", [f"{guarded}/whip/studio", TOKEN])
        await page.evaluate("([url, token]) => play(url, token)", [f"{guarded}/whep/studio/desk", TOKEN])
        await page.wait_for_function("picture() !== null")
        for _ in range(10):
            data = base64.b64decode((await page.evaluate("picture()")).partition(",")[2])
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            assert abs(camera.marker.contrast(np.ascontiguousarray(picture[..., ::-1]))) < READABLE
            await asyncio.sleep(0.1)
        await page.evaluate("client.stop()")
        await publisher.evaluate("stop()")
        async with session.get(f"{guarded}/healthz") as response:
            assert response.status == 200


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_gstreamer_publishes(guarded: str, camera: Camera, camera_file: Path, codec: str) -> None:
    """Its certificate is RSA, which stock aiortc refuses."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("no system Python that could have GStreamer's bindings")
    url = f"{guarded}/whip/studio"
    command = [python, str(HERE / "gstreamer.py"), url, codec, TOKEN, str(camera_file)]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    viewer = Viewer(camera)
    try:
        with contextlib.suppress(TimeoutError):
            if await asyncio.wait_for(process.wait(), 1.5) == 3:
                pytest.skip(f"GStreamer is not installed: apt-get install {GSTREAMER}")
        async with watching(guarded, viewer):
            await viewer.wait(60)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    assert viewer.worst < READABLE
    assert viewer.face_is_there()
