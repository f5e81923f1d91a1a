"""Follow only me: choosing oneself in one's own picture, by a tap or by a button."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.support.fake_server import FakeServer, participant, report
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

PLAY = """() => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 640, height: 360});
  const context = canvas.getContext('2d');
  setInterval(() => context.fillRect(0, 0, 640, 360), 50);
  const video = document.querySelector('article[data-self] video');
  video.srcObject = canvas.captureStream(20);
  return video.play();
}"""


async def in_a_meeting(page: Page, fake: FakeServer) -> None:
    """Join, with a picture of oneself, and open the panel of backgrounds."""
    fake.others = [participant("p1", "Grace"), participant("p2", "Alan")]
    await page.set_viewport_size({"width": 1280, "height": 720})
    await join(page, fake)
    await page.evaluate(PLAY)
    await page.wait_for_function("() => document.querySelector('article[data-self] video').videoWidth > 0")
    await page.keyboard.press("b")


async def tap(page: Page, across: float, down: float) -> None:
    """Tap on one's own picture, in shares of the tile."""
    tile = page.locator("article[data-self]")
    box = await tile.bounding_box()
    assert box is not None
    await tile.click(position={"x": across * box["width"], "y": down * box["height"]})


async def told(fake: FakeServer, count: int) -> object:
    return (await fake.expect("follow", count))["target"]


@pytest.mark.parametrize("mirrored", [True, False])
async def test_one_taps_oneself(page: Page, fake: FakeServer, mirrored: bool) -> None:
    if not mirrored:
        await page.add_init_script("localStorage.setItem('greenroom.mirror', 'false')")
    await in_a_meeting(page, fake)
    assert await page.evaluate("document.body.dataset.mirror") == str(mirrored).lower()
    await tap(page, 0.3, 0.4)  # means nothing yet
    await page.get_by_role("button", name="Show only me").click()
    await expect(page.get_by_text("Tap yourself in your picture.")).to_be_visible()
    await tap(page, 0.25, 0.5)
    target = await told(fake, 1)
    assert isinstance(target, dict)
    # The picture is cut to the tile's shape: what is a quarter of the tile is a little more of the picture.
    assert 0.25 <= (1 - target["x"] if mirrored else target["x"]) < 0.45
    assert target["y"] == pytest.approx(0.5, abs=0.02)
    await fake.sockets[-1].send_json(report(followed="following"))
    await expect(page.get_by_text("Only you are shown.")).to_be_visible()
    await page.get_by_role("button", name="Show everybody").click()
    assert await told(fake, 2) is None


async def test_the_keyboard_is_enough(page: Page, fake: FakeServer) -> None:
    await in_a_meeting(page, fake)
    await page.get_by_role("button", name="Show only me").press("Enter")
    await page.get_by_role("button", name="I am in the middle").press("Enter")
    assert await told(fake, 1) == "centre"
    await page.get_by_role("button", name="Show everybody").press("Enter")
    assert await told(fake, 2) is None


async def test_who_is_lost_is_told_and_can_tap_again(page: Page, fake: FakeServer) -> None:
    await in_a_meeting(page, fake)
    await fake.sockets[-1].send_json(report(followed="following"))
    await expect(page.get_by_role("button", name="Show everybody")).to_be_visible()
    await fake.sockets[-1].send_json(report(followed="lost"))
    await expect(page.locator("#follow-state")).to_contain_text("nobody is shown")
    await expect(page.locator("#notes")).to_contain_text("nobody is shown")
    await tap(page, 0.5, 0.5)
    assert isinstance(await told(fake, 1), dict)


async def test_a_server_that_has_forgotten_shows_nobody(page: Page, fake: FakeServer) -> None:
    await in_a_meeting(page, fake)
    await fake.sockets[-1].send_json(report(followed="following"))
    await expect(page.get_by_role("button", name="Show everybody")).to_be_visible()
    await fake.sockets[-1].close()
    assert await told(fake, 1) == "nobody"
