"""Two people meet in real browsers, each behind a background of their own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Browser, Page

from tests.support.camera import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

READABLE = 0.02  # share of the marker's contrast
WATCH = Path(__file__).parents[1] / "support" / "watch.js"


def watch_script(camera: Camera) -> str:
    """Return a script that looks for the camera's marker in every frame a page presents."""
    stripes = camera.marker.stripes.astype(np.float32)
    deviation = stripes - stripes.mean(axis=1, keepdims=True)
    marker = {
        "box": list(camera.marker.box),
        "deviation": deviation.ravel().round(2).tolist(),
        "norm": float((deviation**2).sum()),
        "width": camera.width,
        "height": camera.height,
    }
    return WATCH.read_text(encoding="utf-8").replace("__MARKER__", json.dumps(marker))


async def visit(browser: Browser, camera: Camera, url: str, *, dark: bool = False) -> Page:
    """Open a page in a browser profile of its own."""
    context = await browser.new_context(
        permissions=["camera", "microphone"],
        viewport={"width": 1024, "height": 640},
        color_scheme="dark" if dark else "light",
    )
    page = await context.new_page()
    await page.add_init_script(watch_script(camera))
    await page.goto(url)
    return page


async def enter(page: Page, name: str, background: str | None = None) -> None:
    """Fill in the lobby and join."""
    await page.get_by_label("Your name").fill(name)
    if background is not None:
        await page.get_by_role("radio", name=background).check(force=True)
    await page.get_by_role("button", name="Join").click()
    await page.wait_for_selector("body[data-state=room]")


async def watched(page: Page, *, self_tile: bool) -> dict[str, Any]:
    """Wait for the first frame of one's own or another's tile; return what was seen in it so far."""
    handle = await page.wait_for_function(
        "self => Object.values(watch.tiles).find(t => t.self === self && t.frames > 0)",
        arg=self_tile,
        timeout=10_000,
    )
    value: dict[str, Any] = await handle.json_value()
    return value


async def decoded(page: Page, *, streams: int) -> dict[str, int]:
    """Wait until so many video streams run; return how many frames were decoded of each."""
    async with asyncio.timeout(10):
        while True:
            counts: dict[str, int] = await page.evaluate("decoded()")
            running = {mid: count for mid, count in counts.items() if count}
            if len(running) == streams:
                return running
            await asyncio.sleep(0.05)


async def test_two_people_meet(browser: Browser, camera: Camera, server: str, artifacts: Path) -> None:
    url = f"{server}/r/meeting"
    ada = await visit(browser, camera, url)
    grace = await visit(browser, camera, url, dark=True)
    await enter(ada, "Ada", "Fjord")
    await watched(ada, self_tile=True)

    joined = await grace.evaluate("performance.now()")
    await enter(grace, "Grace", "Soft blur")
    first = await watched(grace, self_tile=False)
    assert first["first"] - joined <= 2000

    for page in (ada, grace):
        await page.wait_for_function(
            "async () => Object.values(await decoded()).filter(Boolean).length === 2"
        )
    before = [await page.evaluate("decoded()") for page in (ada, grace)]
    await asyncio.sleep(20)  # the time over which the rate is taken
    after = [await decoded(page, streams=2) for page in (ada, grace)]
    rates = [(now[mid] - then[mid]) / 20 for then, now in zip(before, after, strict=True) for mid in now]
    assert len(rates) == 4
    await ada.screenshot(path=artifacts / "room.png")
    await grace.screenshot(path=artifacts / "room-dark.png")
    assert min(rates) >= 24, f"{rates} pictures a second"
    for page in (ada, grace):
        assert await page.evaluate("watch.worst") < READABLE


async def test_switching_backgrounds_never_shows_the_room(
    browser: Browser, camera: Camera, server: str
) -> None:
    url = f"{server}/r/switching"
    ada, grace = await visit(browser, camera, url), await visit(browser, camera, url)
    await enter(ada, "Ada")
    await enter(grace, "Grace")
    await watched(grace, self_tile=False)
    await ada.get_by_role("button", name="Background").click()
    for i in range(20):
        name = ["Strong blur", "Dunes", "Soft blur", "Fjord"][i % 4]
        before = await grace.evaluate("watch.frames")
        await ada.get_by_role("radio", name=name).check(force=True)
        await grace.wait_for_function("before => watch.frames > before + 8", arg=before)
    assert await grace.evaluate("watch.worst") < READABLE
    assert await ada.evaluate("watch.worst") < READABLE


async def test_leaving_reloading_and_coming_back(browser: Browser, camera: Camera, server: str) -> None:
    url = f"{server}/r/coming-and-going"
    ada, grace = await visit(browser, camera, url), await visit(browser, camera, url)
    await enter(ada, "Ada")
    await enter(grace, "Grace")
    await watched(grace, self_tile=False)
    await ada.get_by_role("button", name="Leave").click()
    await grace.wait_for_function("document.querySelectorAll('[data-participant]').length === 1")
    await ada.get_by_role("button", name="Rejoin").click()
    await ada.wait_for_selector("body[data-state=room]")
    await grace.wait_for_function("document.querySelectorAll('[data-participant]').length === 2")
    await grace.reload()
    await ada.wait_for_function("document.querySelectorAll('[data-participant]').length === 1")
    await enter(grace, "Grace")
    await watched(grace, self_tile=False)
    assert await ada.evaluate("watch.worst") < READABLE
