"""The filter on the device in Firefox, which has no streams of frames: what the server decodes shows no room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.e2e.test_device_filter import ON, WORKERS, filtered
from tests.support.firefox import Tab, find_firefox, firefox
from tests.support.tap import Tap
from tests.support.viewer import BLURRED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PICTURES = """
    const pictures = async () => {
      const load = async (i) => createImageBitmap(await (await fetch(`/camera/${i}.jpg`)).blob());
      const list = await Promise.all([...Array(20).keys()].map((i) => load(2 * i)));
      const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
      const context = canvas.getContext('2d');
      context.drawImage(list[0], 0, 0);
      const stream = canvas.captureStream(30);
      const clock = new Worker('/static/devices/device-filter/clock.js');
      let i = 0;
      clock.onmessage = () => context.drawImage(list[++i % 20], 0, 0);
      return stream;
    };
    navigator.mediaDevices.getUserMedia = (wants) => pictures();
"""
"""A camera out of pictures: the fake one of this browser can't be chosen."""
PROBLEM = "document.querySelector('#lobby-problems [data-problem=\"camera-filter\"]') !== null"


NOTHING: Mapping[str, object] = MappingProxyType({})


@asynccontextmanager
async def lobby(
    tap: Tap, profile: Path, script: str = ON, preferences: Mapping[str, object] = NOTHING
) -> AsyncIterator[Tab]:
    program = find_firefox()
    if program is None:
        pytest.skip("no Firefox; install one (Debian: apt-get install firefox-esr) or name it in $FIREFOX")
    async with firefox(program, profile, "about:blank", preferences) as tab:
        await tab.preload(WORKERS + PICTURES + script)
        await tab.visit(f"{tap.url}/r/firefox")
        yield tab


async def until(tab: Tab, condition: str) -> None:
    async with asyncio.timeout(30):
        while not await tab.evaluate(condition):
            await asyncio.sleep(0.1)


async def test_without_it_the_server_sees_the_room(tap: Tap, tmp_path: Path) -> None:
    async with lobby(tap, tmp_path, ""):
        told = await tap.until(filtered)
    assert told["worst"] > 0.3


async def test_the_server_never_sees_the_room(tap: Tap, tmp_path: Path, artifacts: Path) -> None:
    async with lobby(tap, tmp_path) as tab:
        await tap.until(filtered)
        await tap.keep("last", artifacts / "device-filter-firefox.png")
        for on in (False, True):
            await tab.evaluate("document.querySelector('#stage [data-action=camera]').click()")
            await until(tab, f"sent.some((each) => each.track?.kind === 'video') === {str(on).lower()}")
        await tap.more(20)
        await tab.hide()
        await until(tab, "document.visibilityState === 'hidden'")
        told = await tap.more(40)
    assert told["worst"] < BLURRED
    assert told["face"]


async def test_a_worker_that_dies_ends_the_picture(tap: Tap, tmp_path: Path) -> None:
    async with lobby(tap, tmp_path) as tab:
        await tap.until(filtered)
        await tab.evaluate("window.track = sent.find((each) => each.track?.kind === 'video').track, null")
        await tab.evaluate("workers['worker.js'].terminate() ?? null")
        await until(tab, PROBLEM)
        assert await tab.evaluate("track.readyState") == "ended"
        assert await tab.evaluate("sent.every((each) => each.track?.kind !== 'video')")
        assert (await tap())["worst"] < BLURRED


async def test_a_browser_that_resists_fingerprinting_shows_no_room(tap: Tap, tmp_path: Path) -> None:
    """It has no VideoFrame, or falsifies what is read back: the camera is off then, and says why."""
    async with lobby(tap, tmp_path, preferences={"privacy.resistFingerprinting": True}) as tab:
        await until(tab, PROBLEM)
        told = await tap()
    assert told["worst"] < BLURRED
    assert not told["face"]
