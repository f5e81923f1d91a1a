"""Two people meet in real browsers, each behind a background of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.support.camera import Camera
from tests.support.pages import READABLE, enter, visit, watched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

GOES = 3
"""How often a time is measured before it counts: other programs may take the cores for a while."""


async def decoded(page: Page, *, streams: int) -> dict[str, int]:
    """Wait until so many video streams run; return how many frames were decoded of each."""
    async with asyncio.timeout(10):
        while True:
            counts: dict[str, int] = await page.evaluate("decoded()")
            if len([count for count in counts.values() if count]) == streams:
                return counts
            await asyncio.sleep(0.05)


async def frame_rates(*pages: Page) -> list[float]:
    """Return how many pictures a second each page decodes of each of two people, over 20 s."""
    before = [await page.evaluate("decoded()") for page in pages]
    await asyncio.sleep(20)
    after = [await decoded(page, streams=2) for page in pages]
    return [
        (now[mid] - then.get(mid, 0)) / 20 for then, now in zip(before, after, strict=True) for mid in now
    ]


async def test_two_people_meet(browser: Browser, camera: Camera, server: str, artifacts: Path) -> None:
    url = f"{server}/r/meeting"
    ada = await visit(browser, camera, url)
    grace = await visit(browser, camera, url, dark=True)
    await enter(ada, "Ada", "Fjord")
    await watched(ada, self_tile=True)

    for go in range(GOES):
        if go:
            await grace.reload()
        joined = await grace.evaluate("performance.now()")
        await enter(grace, "Grace", "Soft blur")
        first = await watched(grace, self_tile=False)
        if first["first"] - joined <= 1500:
            break
    assert first["first"] - joined <= 1500

    for page in (ada, grace):
        await page.wait_for_function(
            "async () => Object.values(await decoded()).filter(Boolean).length === 2"
        )
    for _ in range(GOES):
        rates = await frame_rates(ada, grace)
        if min(rates) >= 24:
            break
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
        await grace.wait_for_function("(before) => watch.frames > before + 8", arg=before)
    assert await grace.evaluate("watch.worst") < READABLE
    assert await ada.evaluate("watch.worst") < READABLE


async def test_leaving_reloading_and_coming_back(browser: Browser, camera: Camera, server: str) -> None:
    url = f"{server}/r/coming-and-going"
    ada, grace = await visit(browser, camera, url), await visit(browser, camera, url)
    await enter(ada, "Ada")
    await enter(grace, "Grace")
    await watched(grace, self_tile=False)
    await ada.get_by_role("button", name="Leave").click()
    await grace.wait_for_function("() => document.querySelectorAll('[data-participant]').length === 1")
    await ada.get_by_role("button", name="Rejoin").click()
    await ada.wait_for_selector("body[data-state=room]")
    await grace.wait_for_function("() => document.querySelectorAll('[data-participant]').length === 2")
    await grace.reload()
    await ada.wait_for_function("() => document.querySelectorAll('[data-participant]').length === 1")
    await enter(grace, "Grace")
    await watched(grace, self_tile=False)
    assert await ada.evaluate("watch.worst") < READABLE
