"""The filter on the device, seen from the server: no picture that the server decodes shows the camera's room.

The server is tapped where it decodes. A marker of saturated stripes hangs in the room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from tests.support.browser import find_chromium
from tests.support.camera import Camera
from tests.support.chromium import chromium
from tests.support.client import join
from tests.support.pages import enter, visit
from tests.support.tap import Tap
from tests.support.viewer import BLURRED, READABLE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ON = "localStorage.setItem('greenroom.deviceFilter', 'true');"
WORKERS = """
    window.workers = {};
    window.sent = [];
    window.Worker = class extends Worker {
      constructor(url, options) {
        super(url, options);
        workers[String(url).split('/').at(-1)] = this;
      }
    };
    const add = RTCPeerConnection.prototype.addTransceiver;
    RTCPeerConnection.prototype.addTransceiver = function (...what) {
      const transceiver = add.apply(this, what);
      sent.push(transceiver.sender);
      return transceiver;
    };
"""
"""Keeps the workers and senders of a page, for the tests to reach."""
CAMERAS = """
    window.cameras = [];
    const open = navigator.mediaDevices.getUserMedia;
    navigator.mediaDevices.getUserMedia = async function (wants) {
      const stream = await open.call(this, wants);
      cameras.push(...stream.getVideoTracks());
      return stream;
    };
"""
BY_CANVAS = "delete window.MediaStreamTrackGenerator;"
"""The way of browsers without streams of frames."""

PROBLEM = '#lobby-problems [data-problem="camera-filter"]'
FAULTS = """
addEventListener('message', ({ data }) => {
  if (data === 'hang') for (;;);
  if (data === 'fault') self.fault = true;
});
"""

Open: TypeAlias = Callable[..., Awaitable[Page]]
RouteHandler: TypeAlias = Callable[[Route], Awaitable[None]]


@pytest_asyncio.fixture(loop_scope="session")
async def open_lobby(browser: Browser, camera: Camera, tap: Tap, request: pytest.FixtureRequest) -> Open:
    """Open the lobby of a room of the test's own, with some of its files changed on the way."""

    async def open_(
        script: str = ON, *, routes: dict[str, RouteHandler] | None = None, path: str = request.node.name
    ) -> Page:
        url = f"{tap.url}/r/{''.join(c for c in path if c.isalnum())[:60]}"
        page = await visit(browser, camera, "about:blank", WORKERS + script)
        for pattern, handler in (routes or {}).items():
            await page.route(pattern, handler)
        await page.goto(url, wait_until="commit")
        return page

    return open_


async def _with_faults(route: Route) -> None:
    response = await route.fetch()
    await route.fulfill(response=response, body=await response.text() + FAULTS)


async def _faulty(route: Route) -> None:
    response = await route.fetch()
    text = await response.text()
    assert "this.#network.run();" in text
    body = text.replace(
        "this.#network.run();", "if (self.fault) throw new Error('injected'); this.#network.run();"
    )
    await route.fulfill(response=response, body=body)


BREAKABLE: dict[str, RouteHandler] = {
    "**/device-filter/worker.js": _with_faults,
    "**/device-filter/picture-filter.js": _faulty,
}


def filtered(told: dict[str, Any]) -> bool:
    return bool(told["frames"] > 20 and told["face"])


async def test_without_it_the_server_sees_the_room(open_lobby: Open, tap: Tap, artifacts: Path) -> None:
    page = await open_lobby("")
    told = await tap.until(filtered)
    assert told["worst"] > 0.3
    await expect(page.get_by_text("whoever runs it, gets your camera as it is")).to_be_visible()
    await tap.keep("last", artifacts / "device-filter-off.png")


@pytest.mark.parametrize("way", ["", BY_CANVAS], ids=["streams", "canvas"])
async def test_the_server_never_sees_the_room(open_lobby: Open, tap: Tap, artifacts: Path, way: str) -> None:
    """From the first picture, through other backgrounds, the camera off and on, and into the room."""
    page = await open_lobby(ON + way)
    await tap.until(filtered)
    await expect(page.get_by_text("blurred on this device before the server gets")).to_be_visible()
    await page.screenshot(path=artifacts / f"device-filter-lobby-{'canvas' if way else 'streams'}.png")
    await tap.keep("last", artifacts / f"device-filter-{'canvas' if way else 'streams'}.png")
    for background in ("Fjord", "Strong blur"):
        await page.locator("label.choice", has_text=background).click()
        await tap.more(10)
    await page.get_by_role("button", name="Turn camera off").click()
    await expect(page.get_by_text("Your background: Strong blur")).to_be_visible()
    await page.get_by_role("button", name="Turn camera on").click()
    await tap.more(20)
    await enter(page, "Ada")
    told = await tap.more(30)
    assert told["worst"] < BLURRED
    assert told["face"]
    await page.locator("#filter").click()
    await expect(page.locator("#filter-where")).to_have_text(
        "Your camera is filtered on this device and on the server."
    )
    await page.screenshot(path=artifacts / "device-filter-shield.png")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Leave").click()
    await expect(page.locator("#receipt-where")).to_have_text(
        "Your camera was filtered on this device and on the server."
    )


async def test_switched_on_in_the_lobby_and_off_in_the_room(
    open_lobby: Open, tap: Tap, artifacts: Path
) -> None:
    page = await open_lobby("")
    await tap.until(filtered)
    await page.get_by_role("switch", name="Filter on this device, too").check()
    await expect(page.get_by_text("blurred on this device before the server gets")).to_be_visible()
    # What was on its way before has been decoded as soon as a picture without the marker has.
    await tap.until(lambda told: told["last"] is not None and told["last"] < READABLE)
    async with aiohttp.ClientSession() as session:
        await session.post(f"{tap.url}/tap/reset")
    told = await tap.until(filtered)
    assert told["worst"] < BLURRED
    await enter(page, "Ada")
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("button", name="Settings").click()
    await page.screenshot(path=artifacts / "device-filter-menu.png")
    await page.get_by_role("switch", name="Filter on this device, too").uncheck()
    told = await tap.until(lambda told: told["worst"] > 0.3)
    await expect(page.locator("#filter-where")).to_have_text("Your camera is filtered on the server.")


async def test_a_room_requires_it_before_anything_is_sent(open_lobby: Open, tap: Tap) -> None:
    async with join(tap.url, "required", "Grace") as grace:
        await grace.send({"type": "policy", "policy": {"deviceFilter": "required"}})
        await grace.wait_for("policy")
        page = await open_lobby("", path="required")
        told = await tap.until(filtered)
        switch = page.get_by_role("switch", name="Filter on this device, too")
        await expect(switch).to_be_checked()
        await expect(switch).to_be_disabled()
        await enter(page, "Ada")
        told = await tap.more(20)
        assert told["worst"] < BLURRED
        await grace.send({"type": "policy", "policy": {"deviceFilter": "optional"}})
        await tap.until(lambda told: told["worst"] > 0.3)  # it was off before
        await expect(page.get_by_text("The filter on this device is no longer required.")).to_be_visible()


@pytest.mark.parametrize("way", ["", BY_CANVAS], ids=["streams", "canvas"])
@pytest.mark.parametrize("fault", ["kill", "hang", "fault"])
async def test_a_worker_that_dies_hangs_or_fails_ends_the_picture(
    open_lobby: Open, tap: Tap, fault: str, way: str
) -> None:
    page = await open_lobby(ON + way, routes=BREAKABLE)
    await tap.until(filtered)
    await page.evaluate("window.track = sent.find((each) => each.track?.kind === 'video').track")
    worker = "workers['worker.js']"
    await page.evaluate(f"{worker}.terminate()" if fault == "kill" else f"{worker}.postMessage('{fault}')")
    await expect(page.locator(PROBLEM)).to_be_visible(timeout=15_000)
    assert await page.evaluate("track.readyState") == "ended"
    assert await page.evaluate("sent.every((each) => each.track?.kind !== 'video')")
    assert (await tap())["worst"] < BLURRED
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(PROBLEM)).to_have_count(0)
    told = await tap.more(30)
    assert told["worst"] < BLURRED


@pytest.mark.parametrize("what", ["network", "kernels", "checksum", "worker"])
async def test_a_filter_that_can_not_be_loaded_sends_nothing(open_lobby: Open, tap: Tap, what: str) -> None:
    async def broken(route: Route) -> None:
        if what == "checksum":
            told = await (await route.fetch()).json()
            await route.fulfill(json=told | {"sha256": "0" * 64})
        else:
            await route.fulfill(status=404)

    missing = {
        "network": "**/models/*.onnx",
        "kernels": "**/kernels.wasm",
        "worker": "**/device-filter/worker.js",
    }
    page = await open_lobby(ON, routes={missing.get(what, "**/api/device-network"): broken})
    await expect(page.locator(PROBLEM)).to_be_visible(timeout=20_000)
    assert (await tap())["worst"] < BLURRED


async def test_a_camera_that_changes_its_size_shows_no_room(open_lobby: Open, tap: Tap) -> None:
    page = await open_lobby(ON + CAMERAS)
    await tap.until(filtered)
    for width, height in ((320, 180), (480, 270), (640, 360)):
        size = {"width": width, "height": height}
        await page.evaluate("(size) => cameras.at(-1).applyConstraints(size)", size)
        told = await tap.until(lambda told, size=[width, height]: size in told["sizes"])  # type: ignore[misc]
    told = await tap.until(filtered)
    assert told["worst"] < BLURRED


async def test_a_slow_network_makes_the_start_flat(open_lobby: Open, tap: Tap) -> None:
    arrived = asyncio.Event()

    async def late(route: Route) -> None:
        await arrived.wait()
        await route.continue_()

    await open_lobby(ON, routes={"**/models/*.onnx": late})
    told = await tap.more(20)
    assert (told["worst"], told["face"]) == (pytest.approx(0, abs=1e-3), False)
    arrived.set()
    told = await tap.until(filtered)
    assert told["worst"] < BLURRED


async def test_a_hidden_tab_shows_no_room(tap: Tap, camera_file: Path, tmp_path: Path) -> None:
    """Chromium goes on filtering; the pictures that come while nobody looks at the page show the person, too."""
    executable = find_chromium()
    assert executable is not None
    async with chromium(executable, camera_file, tmp_path) as tabs:
        lobby = await tabs.open(f"{tap.url}/")
        await lobby.evaluate(ON + " location.assign('/r/hidden')")
        await tap.until(filtered)
        other = await tabs.open("about:blank")
        async with asyncio.timeout(20):
            while await lobby.evaluate("document.visibilityState") != "hidden":
                await asyncio.sleep(0.1)
        told = await tap.more(60)
        assert await lobby.evaluate("document.visibilityState") == "hidden"
        assert told["worst"] < BLURRED
        assert told["face"]
        await other.close()
