"""The page with a camera and the real server: the lobby's round trip, hosts, screens, the way back."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, FilePayload, expect

from tests.e2e.conftest import run_server
from tests.support.camera import Camera
from tests.support.pages import READABLE, enter, visit, watched
from tests.support.program import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SCREEN = """
    navigator.mediaDevices.getDisplayMedia = async () => {
      const canvas = Object.assign(document.createElement('canvas'), {width: 640, height: 360});
      const context = canvas.getContext('2d');
      setInterval(() => {
        context.fillStyle = '#20c040';
        context.fillRect(0, 0, 640, 360);
        context.fillStyle = 'white';
        context.fillText(String(Date.now()), 40, 40);
      }, 100);
      return canvas.captureStream(10);
    };
"""

SOCKETS = """
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
      constructor(url) {
        super(url);
        sockets.push(this);
      }
    };
"""
SCREEN_FRAMES = (
    "document.querySelector('article[data-screen] video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0"
)


async def test_the_lobby_shows_what_others_would_see(
    browser: Browser, camera: Camera, server: str, artifacts: Path
) -> None:
    url = f"{server}/r/greenroom"
    ada = await visit(browser, camera, url)
    await expect(ada.get_by_text("Others see exactly this")).to_be_visible(timeout=15_000)
    await expect(ada.locator("#lobby-round-trip")).to_be_visible()
    await ada.wait_for_function("() => watch.frames > 20")
    grace = await visit(browser, camera, url)
    await enter(grace, "Grace")
    await expect(grace.locator("article.tile")).to_have_count(1)
    for background in ("Fjord", "Strong blur"):
        before = await ada.evaluate("watch.frames")
        await ada.locator("label.choice", has_text=background).click()
        await ada.wait_for_function("(before) => watch.frames > before + 8", arg=before)
    await ada.screenshot(path=artifacts / "lobby.png")
    await ada.get_by_role("button", name="Turn camera off").click()
    await expect(ada.get_by_text("Your background: Strong blur")).to_be_visible()
    assert await ada.evaluate("watch.worst") < READABLE
    await ada.get_by_role("button", name="Turn camera on").click()
    await expect(ada.get_by_text("Others see exactly this")).to_be_visible()
    await enter(ada, "Ada")
    await expect(grace.get_by_role("article", name="Ada")).to_be_visible()
    await watched(grace, self_tile=False)
    assert await grace.evaluate("watch.worst") < READABLE


async def test_a_host_runs_the_room(browser: Browser, camera: Camera, server: str) -> None:
    url = f"{server}/r/hosted"
    ada, grace = await visit(browser, camera, url), await visit(browser, camera, url)
    await enter(ada, "Ada")
    await ada.keyboard.press("p")
    await ada.get_by_role("switch", name="Waiting room").check()
    await expect(ada.get_by_role("switch", name="Waiting room")).to_be_checked()
    await grace.get_by_label("Your name").fill("Grace")
    await grace.get_by_role("button", name="Join now").click()
    await expect(grace.get_by_text("The hosts have been told that you are here.")).to_be_visible()
    await ada.get_by_role("button", name="Let in: Grace").click()
    await grace.wait_for_selector("body[data-state=room]")
    await ada.get_by_role("button", name="Mute: Grace").click()
    await expect(grace.get_by_text("Ada has muted you.")).to_be_visible()
    await expect(ada.get_by_role("article", name="Grace, muted")).to_be_visible()
    await grace.keyboard.press("b")
    await grace.locator("label[data-background=fjord]").click()
    await ada.locator("#policy-backgrounds").select_option("blur")
    await expect(grace.locator("label[data-background]")).to_have_count(2)
    await expect(grace.locator("label[data-background=blur-strong] input")).to_be_checked()
    await ada.get_by_role("button", name="Remove from the room: Grace").click()
    await ada.get_by_role("alertdialog").get_by_role("button", name="Remove from the room").click()
    await expect(grace.get_by_role("heading", name="A host has removed you")).to_be_visible()
    for page in (ada, grace):
        assert await page.evaluate("watch.worst") < READABLE


async def test_a_screen_is_seen_by_the_others_marked_as_unfiltered(
    browser: Browser, camera: Camera, server: str
) -> None:
    url = f"{server}/r/screens"
    ada = await visit(browser, camera, url, SCREEN + SOCKETS)
    grace = await visit(browser, camera, url, SCREEN)
    await enter(ada, "Ada")
    await enter(grace, "Grace")
    await ada.get_by_role("button", name="Share screen").click()
    screen = grace.get_by_role("article", name="Ada’s screen, not filtered")
    await expect(screen).to_have_attribute("data-playing", "", timeout=15_000)
    await expect(screen).to_have_attribute("data-main", "")
    await expect(screen.locator("video")).to_have_css("object-fit", "contain")  # nothing of it is cut off
    await grace.get_by_role("button", name="Share screen").click()
    await expect(grace.get_by_text("Somebody else is sharing a screen.")).to_be_visible()
    await ada.evaluate("sockets.at(-1).close()")
    await expect(ada.get_by_text("You’re back.")).to_be_visible()
    frames = await grace.evaluate(SCREEN_FRAMES)
    await grace.wait_for_function(f"(before) => {SCREEN_FRAMES} > before + 8", arg=frames)
    await ada.get_by_role("button", name="Stop sharing").last.click()
    await expect(screen).to_be_hidden()


async def test_a_host_has_all_see_somebody_large_and_files_pass(
    browser: Browser, camera: Camera, server: str, tmp_path: Path
) -> None:
    url = f"{server}/r/files"
    ada, grace = await visit(browser, camera, url), await visit(browser, camera, url)
    await enter(ada, "Ada")
    await enter(grace, "Grace")
    await ada.get_by_role("article", name="Grace").hover()
    await ada.get_by_role("button", name="More about Grace").click()
    await ada.get_by_role("button", name="Show large to everybody").click()
    await expect(ada.locator("article[data-main]")).to_have_accessible_name(re.compile("Grace"))
    await expect(grace.get_by_text("Everybody sees you large now")).to_be_visible()
    await ada.locator("#count").click()
    await ada.get_by_role("switch", name="Files in the chat").check()
    await grace.get_by_role("button", name="Chat", exact=True).click()
    await expect(grace.get_by_role("button", name="Attach a file")).to_be_visible()
    words = "Grüße\n".encode() * 50_000
    plan: FilePayload = {"name": "Über uns.txt", "mimeType": "text/plain", "buffer": words}
    await grace.locator("#chat-file").set_input_files(plan)
    await ada.get_by_role("button", name="Chat", exact=False).last.click()
    async with ada.expect_download() as saving:
        await ada.get_by_role("button", name="Save Über uns.txt").click()
    await (await saving.value).save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == words
    assert (await saving.value).suggested_filename == "Über uns.txt"


async def test_other_programs_get_the_filtered_picture_by_an_address(
    browser: Browser, camera: Camera, server: str
) -> None:
    """As a browser source of OBS, which is Chromium; not where a host has to let people in."""
    ada = await visit(browser, camera, f"{server}/r/elsewhere")
    await enter(ada, "Ada", "Fjord")
    await watched(ada, self_tile=True)
    await ada.get_by_role("button", name="More", exact=True).click()
    await ada.get_by_role("button", name="Settings").click()
    address = await ada.locator("#elsewhere-address").input_value()
    other = await visit(browser, camera, address)
    await other.wait_for_function("() => watch.frames > 20", timeout=30_000)
    assert await other.evaluate("watch.worst") < READABLE
    await other.close()
    await ada.keyboard.press("Escape")
    await ada.locator("#count").click()
    await ada.get_by_role("switch", name="Lock the room").check()
    again = await visit(browser, camera, address)
    await expect(again.get_by_text("A host has to let people into this room.")).to_be_visible(timeout=15_000)


async def test_the_way_back_after_the_server_was_restarted(browser: Browser, camera: Camera) -> None:
    port = free_port()
    command = ("server", "serve", "--port", "PORT")
    with run_server(*command, port=port) as url:
        ada = await visit(browser, camera, f"{url}/r/restart")
        await enter(ada, "Ada", "Fjord")
        await watched(ada, self_tile=True)
    await expect(ada.get_by_text("Connection lost – rejoining…")).to_be_visible()
    tries: list[float] = []
    ada.on("websocket", lambda _: tries.append(time.monotonic()))
    with run_server(*command, port=port) as url:
        assert urlsplit(url).port == port
        began = time.monotonic()
        await expect(ada.get_by_text("You’re back.")).to_be_visible(timeout=10_000)
        assert tries[-1] - began < 5.5  # the longest wait between two tries is five seconds
        frames = await ada.evaluate("watch.frames")
        await ada.wait_for_function("(before) => watch.frames > before + 5", arg=frames, timeout=15_000)
        await ada.keyboard.press("b")
        await expect(ada.locator("label[data-background=fjord] input")).to_be_checked()
        assert await ada.evaluate("watch.worst") < READABLE


async def test_the_way_back_after_the_network_was_gone(browser: Browser, camera: Camera, server: str) -> None:
    url = f"{server}/r/offline"
    ada, grace = await visit(browser, camera, url), await visit(browser, camera, url)
    await enter(ada, "Ada")
    await enter(grace, "Grace")
    await watched(ada, self_tile=False)
    await ada.context.set_offline(True)
    await expect(ada.get_by_text("You are offline.")).to_be_visible()
    await asyncio.sleep(1)  # the length of the outage
    await ada.context.set_offline(False)
    await expect(ada.get_by_text("You are offline.")).to_be_hidden(timeout=5000)
    before = await ada.evaluate("watch.frames")
    await ada.wait_for_function("(before) => watch.frames > before + 5", arg=before, timeout=5000)
    await expect(ada.locator("article.tile")).to_have_count(2)
    await expect(grace.locator("article.tile")).to_have_count(2)


async def test_statistics_of_every_stream(browser: Browser, camera: Camera, server: str) -> None:
    ada = await visit(browser, camera, f"{server}/r/statistics")
    await enter(ada, "Ada")
    await watched(ada, self_tile=True)
    await ada.keyboard.press("i")
    sent = ada.locator("section.stats", has_text="Sent: Camera")
    for words in ("Resolution", "Bit rate", "kbit/s", "Round trip", "VP8"):
        await expect(sent).to_contain_text(words)
    await expect(ada.locator("section.stats", has_text="Back from the server")).to_contain_text("Resolution")
