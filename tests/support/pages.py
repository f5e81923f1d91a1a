"""What every test of the page does."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.async_api import Browser, Page

from tests.support.camera import Camera
from tests.support.fake_server import FakeServer
from tests.support.person import Picture

READABLE = 0.02  # share of the marker's contrast
WATCH = Path(__file__).with_name("watch.js")
TILE_PICTURE = """(self) => {
  const tiles = [...document.querySelectorAll('[data-participant]')];
  const video = tiles.find((tile) => tile.hasAttribute('data-self') === self).querySelector('video');
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.toDataURL('image/png').split(',')[1];
}"""


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


async def visit(browser: Browser, camera: Camera, url: str, script: str = "", *, dark: bool = False) -> Page:
    """Open a page in a browser profile of its own, in which a script runs first."""
    context = await browser.new_context(
        permissions=["camera", "microphone"],
        viewport={"width": 900, "height": 560},
        color_scheme="dark" if dark else "light",
        locale="en-US",
    )
    page = await context.new_page()
    await page.add_init_script(watch_script(camera) + script)
    await page.goto(url)
    return page


async def enter(page: Page, name: str, background: str | None = None) -> None:
    """Fill in the lobby and join."""
    await page.get_by_label("Your name").fill(name)
    if background is not None:
        await page.locator("label.choice", has_text=background).click()
    await page.get_by_role("button", name="Join").click()
    await page.wait_for_selector("body[data-state=room]")


async def watched(page: Page, *, self_tile: bool) -> dict[str, Any]:
    """Wait for the first frame of one's own or another's tile; return what was seen in it so far."""
    handle = await page.wait_for_function(
        "(self) => Object.values(watch.tiles).find(t => t.self === self && t.frames > 0)",
        arg=self_tile,
        timeout=10_000,
    )
    value: dict[str, Any] = await handle.json_value()
    return value


async def tile_picture(page: Page, *, self_tile: bool) -> Picture:
    """Return what one's own or another's tile shows now, RGB, in the size in which it came."""
    png: str = await page.evaluate(TILE_PICTURE, self_tile)
    found = cv2.imdecode(np.frombuffer(base64.b64decode(png), np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(found, np.uint8)


async def join(page: Page, fake: FakeServer, name: str = "Ada") -> None:
    """Go through the lobby of the room `studio`."""
    if not page.url.endswith("/r/studio"):
        await page.goto(fake.url + "/r/studio")
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Join now").click()
    await page.wait_for_selector("body[data-state=room]")
