"""WHIP and WHEP with clients that others made: no frame that comes out shows the room."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import aiohttp
import av
import cv2
import numpy as np
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page

from server.access.tokens import Grant, Key, make_token
from server.http.tls import self_signed
from tests.e2e.conftest import run_server
from tests.support import npm
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


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """The URL of a server that wants tokens, so that pages of other origins may speak to it."""
    keys = json.dumps({"a": SECRET})
    with run_server("server", "serve", "--port", "PORT", "--set", f"token_keys={keys}") as url:
        yield url


class Desk(NamedTuple):
    """Where one test's camera goes, and its token."""

    whip: str
    whep: str
    token: str


@pytest.fixture
def desk(guarded: str, request: pytest.FixtureRequest) -> Desk:
    """An identity of this test's own, because a client that is killed leaves its session behind for a while."""
    identity = re.sub(r"\W", "-", request.node.name)
    grant = Grant("studio", identity=identity, background="#204060")
    token = make_token(Key("a", "HS256", SECRET), grant, 3600)
    return Desk(f"{guarded}/whip/studio", f"{guarded}/whep/studio/{identity}", token)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page and its clients, installed from npm and bundled."""
    folder = npm.install(tmp_path_factory.mktemp("whip"), *PACKAGES)
    for file in HERE.glob("page.*"):
        shutil.copy(file, folder)
    bundled = ["--bundle", "--format=esm", "--allow-overwrite", f"--outfile={folder / 'page.js'}"]
    subprocess.run(
        [folder / "node_modules/.bin/esbuild", folder / "page.js", *bundled, "--log-level=error"], check=True
    )
    return folder


@pytest_asyncio.fixture(loop_scope="session")
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
async def watching(desk: Desk, viewer: Viewer) -> AsyncIterator[WhipClient]:
    """Watch by WHEP, as soon as there is something."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(40):
        while True:
            client = WhipClient(session, desk.whep, desk.token)
            if await client.play(lambda frame: viewer.look("", frame)) == 201:
                break
            await client.close()
            await asyncio.sleep(0.2)
    async with aiohttp.ClientSession() as client._session:
        yield client
        await client.close()


async def test_whip_whep_publishes_restarts_ice_and_stops(desk: Desk, page: Page, camera: Camera) -> None:
    viewer = Viewer(camera)
    await page.evaluate("([url, token]) => publish(url, token)", [desk.whip, desk.token])
    async with watching(desk, viewer):
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
async def test_eyevinn_publishes(desk: Desk, page: Page, camera: Camera, no_trickle: bool) -> None:
    viewer = Viewer(camera)
    arguments = [desk.whip, desk.token, no_trickle]
    await page.evaluate("([url, token, no]) => publishEyevinn(url, token, no)", arguments)
    async with watching(desk, viewer):
        await viewer.wait(60)
    await page.evaluate("destroy()")
    assert viewer.worst < READABLE
    assert viewer.face_is_there()


async def test_whip_whep_plays(desk: Desk, page: Page, browser: Browser, camera: Camera) -> None:
    publisher = await browser.new_page()
    await publisher.goto(page.url)
    await publisher.wait_for_function("window.ready")
    await publisher.evaluate("([url, token]) => publish(url, token)", [desk.whip, desk.token])
    await page.evaluate("([url, token]) => play(url, token)", [desk.whep, desk.token])
    await page.wait_for_function("picture() !== null")
    for _ in range(10):
        data = base64.b64decode((await page.evaluate("picture()")).partition(",")[2])
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert abs(camera.marker.contrast(np.ascontiguousarray(picture[..., ::-1]))) < READABLE
        await asyncio.sleep(0.1)
    await page.evaluate("client.stop()")
    await publisher.evaluate("stop()")


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_gstreamer_publishes(desk: Desk, camera: Camera, camera_file: Path, codec: str) -> None:
    """Its certificate is RSA, which stock aiortc refuses."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("no system Python that could have GStreamer's bindings")
    command = [python, str(HERE / "gstreamer.py"), desk.whip, codec, desk.token, str(camera_file)]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    viewer = Viewer(camera)
    try:
        with contextlib.suppress(TimeoutError):
            if await asyncio.wait_for(process.wait(), 1.5) == 3:
                pytest.skip(f"GStreamer is not installed: apt-get install {GSTREAMER}")
        async with watching(desk, viewer):
            await viewer.wait(60)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    assert viewer.worst < READABLE
    assert viewer.face_is_there()


async def test_ffmpeg_publishes(desk: Desk, camera: Camera, tmp_path: Path) -> None:
    if "whip" not in av.formats_available:
        pytest.skip("this FFmpeg has no WHIP muxer")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    begin = b"-----BEGIN CERTIFICATE-----"
    secret, _, public = self_signed(["ffmpeg"]).partition(begin)
    key.write_bytes(secret)
    certificate.write_bytes(begin + public)
    arguments = [desk.whip, desk.token, str(certificate), str(key)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.whip.ffmpeg", *arguments, cwd=HERE.parents[2]
    )
    viewer = Viewer(camera)
    try:
        async with watching(desk, viewer):
            await viewer.wait(60)
    finally:
        process.kill()
        await process.wait()
    assert viewer.worst < READABLE
    assert viewer.face_is_there()
