"""Cameras of 1280x720 in real Chromium: small at first, large when the server allows it, and told so."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.e2e.conftest import run_server
from tests.support.browser import FLAGS, find_chromium
from tests.support.camera import Camera, write_mjpeg
from tests.support.fake_server import FakeServer, participant, report
from tests.support.pages import READABLE, enter, join, visit

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LARGE, SMALL, CROWD = "1280x720", "640x360", "320x180"
ALL = """(size) => {
  const sizes = [...document.querySelectorAll('article.tile video')].map((v) => `${v.videoWidth}x${v.videoHeight}`);
  return sizes.length === 2 && sizes.every((each) => each === size);
}"""
LARGE_CAMERA = """
  navigator.mediaDevices.getUserMedia = async ({video}) => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 1280, height: 720});
    const context = canvas.getContext('2d');
    setInterval(() => context.fillRect(0, 0, 1280, 720), 100);
    return canvas.captureStream(10);
  };
  window.asked = [];
  const set = RTCRtpSender.prototype.setParameters;
  RTCRtpSender.prototype.setParameters = async function (parameters) {
    await set.call(this, parameters);
    const {maxFramerate, scaleResolutionDownBy, maxBitrate} = this.getParameters().encodings[0];
    window.asked.push([maxFramerate, scaleResolutionDownBy, maxBitrate]);
  };
"""


@pytest.fixture(scope="module")
def large_camera() -> Camera:
    return Camera(1280, 720, loop=30)


@pytest_asyncio.fixture(loop_scope="session")
async def large_browser(large_camera: Camera, tmp_path: Path) -> AsyncIterator[Browser]:
    """Chromium with a camera of 1280x720."""
    executable = find_chromium()
    if executable is None:
        pytest.fail("no Chromium; run `make test`, or name one in $CHROMIUM")
    write_mjpeg(tmp_path / "large.mjpeg", large_camera, large_camera.loop)
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={tmp_path / 'large.mjpeg'}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, headless=True, args=flags)
        yield browser
        await browser.close()


@pytest.fixture
def sized_server() -> Iterator[str]:
    with run_server("tests.support.sized_server", "PORT") as url:
        yield url


async def set_size(url: str, size: str) -> None:
    request = urllib.request.Request(f"{url}/size/{size}", method="POST")
    await asyncio.to_thread(urllib.request.urlopen, request)


async def test_two_people_see_each_other_at_720p_and_at_360p_when_it_is_taken_back(
    large_browser: Browser, large_camera: Camera, sized_server: str
) -> None:
    url = f"{sized_server}/r/large"
    ada = await visit(large_browser, large_camera, url)
    await enter(ada, "Ada")
    grace = await visit(large_browser, large_camera, url)
    await enter(grace, "Grace")
    for page in (ada, grace):
        await page.wait_for_function(ALL, arg=SMALL, timeout=40_000)
    await set_size(sized_server, LARGE)
    for page in (ada, grace):
        await page.wait_for_function(ALL, arg=LARGE, timeout=60_000)
    await expect_words(ada, "You send 720p.")
    await set_size(sized_server, SMALL)
    for page in (ada, grace):
        await page.wait_for_function(ALL, arg=SMALL, timeout=40_000)
        assert await page.evaluate("watch.worst") < READABLE
    await expect_words(ada, "You send 360p, because the server is shared by 2 people.")
    await set_size(sized_server, CROWD)
    for page in (ada, grace):
        await page.wait_for_function(ALL, arg=CROWD, timeout=40_000)
        assert await page.evaluate("watch.worst") < READABLE
    await expect_words(ada, "You send 180p, because the server is shared by 2 people.")


async def expect_words(page: Page, words: str) -> None:
    if not await page.locator("#filter-dialog").is_visible():
        await page.locator("#filter").click()
    await expect(page.locator("#filter-size")).to_have_text(words, timeout=15_000)


async def test_the_camera_sends_no_more_than_the_server_asks_for(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(LARGE_CAMERA)
    await join(page, fake)
    for frame_rate, scale_down, bitrate in ((12, 2, 1_250_000), (30, 1, 2_500_000), (30, 2, 1_250_000)):
        await fake.send("camera", frameRate=frame_rate, scaleDown=scale_down)
        await page.wait_for_function(
            "wanted => JSON.stringify(window.asked.at(-1)) === JSON.stringify(wanted)",
            arg=[frame_rate, scale_down, bitrate],
        )


async def test_the_page_says_how_large_its_picture_is_and_why(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(LARGE_CAMERA)
    fake.others = [participant("p1", "Grace"), participant("p2", "Edsger")]
    await join(page, fake)
    for scale_down, words in (
        (2, "You send 360p, because the server is shared by 3 people."),
        (4, "You send 180p, because the server is shared by 3 people."),
        (1, "You send 720p."),
    ):
        await fake.send("camera", frameRate=30, scaleDown=scale_down)
        await fake.sockets[-1].send_json(report())
        await expect_words(page, words)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_label("Pictures of the others").select_option("saver")
    await page.wait_for_function("() => window.asked.at(-1)[1] === 2")
    await fake.sockets[-1].send_json(report())
    await page.keyboard.press("Escape")
    await expect_words(page, "You send 360p, to save data.")
