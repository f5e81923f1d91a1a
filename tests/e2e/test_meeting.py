"""Two people meet in real browsers, each behind a background of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.support.camera import Camera
from tests.support.pages import READABLE, enter, tile_picture, visit, watched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SOME = 30
"""Frames of each tile that are looked at; about a second of them."""


async def shows(page: Page, camera: Camera, *, self_tile: bool) -> None:
    """Wait until one's own or another's tile shows the camera's person, which no placeholder and no full blur does."""
    async with asyncio.timeout(60):
        while not camera.face_is_in(await tile_picture(page, self_tile=self_tile)):
            await asyncio.sleep(0.1)


async def test_two_people_meet(browser: Browser, camera: Camera, server: str, artifacts: Path) -> None:
    url = f"{server}/r/meeting"
    ada = await visit(browser, camera, url)
    grace = await visit(browser, camera, url, dark=True)
    await enter(ada, "Ada", "Fjord")
    await enter(grace, "Grace", "Soft blur")
    for page in (ada, grace):
        for self_tile in (True, False):
            await watched(page, self_tile=self_tile)
            await shows(page, camera, self_tile=self_tile)
        await page.wait_for_function(
            "(some) => Object.entries(watch.tiles).filter(([id, t]) => id && t.frames > some).length === 2",
            arg=SOME,
        )
    await ada.screenshot(path=artifacts / "room.png")
    await grace.screenshot(path=artifacts / "room-dark.png")
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
