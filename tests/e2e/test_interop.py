"""Other browsers and other codecs than Chromium with VP8."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.support.camera import Camera
from tests.support.client import CameraTrack, join
from tests.support.firefox import Tab, find_firefox, firefox

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PEER = (Path(__file__).parents[1] / "support" / "peer.js").read_text(encoding="utf-8")
H264 = ["video/h264", "video/rtx"]
VP8 = ["video/vp8", "video/rtx"]
PICTURES = 60
PATIENCE = 75.0
"""Seconds for so many; a machine that has much else to do shows one or two of them a second."""

Evaluate = Callable[[str], Awaitable[Any]]


async def chromium_peer(browser: Browser, server: str, room: str, codecs: list[str] | None = None) -> Page:
    context = await browser.new_context(permissions=["camera", "microphone"])
    page = await context.new_page()
    await page.goto(f"{server}/static/css/style.css")
    await page.evaluate(PEER)
    await page.evaluate("options => peer.join(options)", {"room": room, "name": "Chromium", "codecs": codecs})
    await page.evaluate("options => peer.publish(options)", {"audio": True, "codecs": codecs})
    return page


async def expect_video(evaluate: Evaluate, owner: str, codec: str) -> None:
    """Wait until pictures of somebody have been decoded for a while; how fast depends on the machine."""
    key = f"{owner} video"
    async with asyncio.timeout(PATIENCE):
        while True:
            report = (await evaluate("peer.stats()"))["inbound"].get(key, {})
            if (report.get("framesDecoded") or 0) >= PICTURES:
                break
            await asyncio.sleep(0.1)
    assert report["codec"].lower() == codec
    # The sending browser picks the size by the machine's load; the shape is the camera's.
    assert report["frameWidth"] * 9 == report["frameHeight"] * 16


async def test_firefox_sends_and_receives(browser: Browser, server: str, tmp_path: Path) -> None:
    program = find_firefox()
    if program is None:
        pytest.skip("no Firefox; install one (Debian: apt-get install firefox-esr) or name it in $FIREFOX")
    page = await chromium_peer(browser, server, "firefox")
    async with firefox(program, tmp_path, f"{server}/static/css/style.css") as tab:
        await tab.evaluate(f"(() => {{ {PEER} }})()")
        fox = await tab.evaluate('peer.join({room: "firefox", name: "Firefox"})')
        await tab.evaluate("peer.publish({audio: true})")
        await expect_video(page.evaluate, fox, "video/vp8")
        await expect_video(tab.evaluate, await page.evaluate("peer.id"), "video/vp8")
        await expect_sound(tab, page, fox)
        assert (await tab.evaluate("peer.stats()"))["states"] == ["connected", "connected"]
        assert await tab.evaluate("peer.errors") == []


async def expect_sound(tab: Tab, page: Page, fox: str) -> None:
    """Check that each gets the other's audio."""
    other = await page.evaluate("peer.id")
    inbound = (await tab.evaluate("peer.stats()"))["inbound"]
    assert inbound[f"{other} audio"]["packetsReceived"] > 50
    inbound = (await page.evaluate("peer.stats()"))["inbound"]
    assert inbound[f"{fox} audio"]["packetsReceived"] > 50


async def test_a_browser_that_knows_only_h264_sends_and_receives_it(browser: Browser, server: str) -> None:
    old = await chromium_peer(browser, server, "h264", H264)
    new = await chromium_peer(browser, server, "h264", VP8)
    await expect_video(new.evaluate, await old.evaluate("peer.id"), "video/vp8")
    await expect_video(old.evaluate, await new.evaluate("peer.id"), "video/h264")
    assert (await old.evaluate("peer.stats()"))["outbound"]["codec"].lower() == "video/h264"
    assert await old.evaluate("peer.errors") == []


async def test_every_browser_sees_a_stock_aiortc_peer(browser: Browser, server: str, camera: Camera) -> None:
    """It offers no header extension for transport-wide feedback, and no rtcp-fb of it."""
    frames = camera.video_frames(30)
    page = await chromium_peer(browser, server, "aiortc")
    async with join(server, "aiortc", "Ada") as ada:
        await ada.publish(CameraTrack(lambda i: frames[i % len(frames)]))
        await expect_video(page.evaluate, ada.id, "video/vp8")
        await expect_video(page.evaluate, await page.evaluate("peer.id"), "video/vp8")
        assert ada.frames > 0
