"""How pictures fit their tiles: cut where enough is left, surrounded by their own colours elsewhere."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.support.fake_server import FakeServer, participant
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

WIDE, UPRIGHT = (640, 360), (360, 640)  # px, of cameras
DESK, PHONE = {"width": 1280, "height": 720}, {"width": 390, "height": 844}
PLAY = """([width, height]) => {
  const canvas = Object.assign(document.createElement('canvas'), {width, height});
  const context = canvas.getContext('2d');
  const paint = () => { context.fillStyle = '#c02020'; context.fillRect(0, 0, width, height); };
  paint();
  setInterval(paint, 50);
  const video = document.querySelector('article[data-participant=p1] video');
  video.srcObject = canvas.captureStream(20);
  return video.play();
}"""
BACKDROP = """() => {
  const canvas = document.querySelector('article[data-participant=p1] .tile-backdrop');
  const [red, green] = canvas.getContext('2d').getImageData(0, 4, 1, 1).data;
  return canvas.checkVisibility() && red > 120 && green < 90;
}"""


async def playing(page: Page, fake: FakeServer, size: tuple[int, int], viewport: dict[str, int]) -> None:
    fake.others = [participant("p1", "Grace", video=True, spotlit=True), participant("p2", "Alan")]
    await page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
    await join(page, fake)
    await page.evaluate(PLAY, list(size))


@pytest.mark.parametrize(
    ("size", "viewport"), [(WIDE, DESK), (WIDE, PHONE), (UPRIGHT, PHONE)], ids=["wide", "narrow", "upright"]
)
async def test_a_camera_fills_its_tile(
    page: Page, fake: FakeServer, size: tuple[int, int], viewport: dict[str, int]
) -> None:
    await playing(page, fake, size, viewport)
    await page.wait_for_function("() => document.querySelector('[data-participant=p1] video').videoWidth > 0")
    tile = page.locator("article[data-participant=p1][data-playing]")
    await expect(tile).to_have_attribute("data-fit", "cut")
    await expect(tile.locator("video")).to_have_css("object-fit", "cover")
    await expect(tile.locator(".tile-backdrop")).to_be_hidden()


async def test_an_upright_camera_in_a_wide_tile_stands_among_its_own_colours(
    page: Page, fake: FakeServer
) -> None:
    await playing(page, fake, UPRIGHT, DESK)
    tile = page.locator("article[data-participant=p1]")
    await expect(tile).to_have_attribute("data-fit", "filled")
    await expect(tile.locator("video")).to_have_css("object-fit", "contain")
    await page.wait_for_function(BACKDROP)
