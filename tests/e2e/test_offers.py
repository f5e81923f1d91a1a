"""Offers of real browsers that hold more than is carried, by WHIP: answered so that the browser takes the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.support.firefox import find_firefox, firefox

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PUBLISH = (
    (Path(__file__).parent / "whip" / "publish.js").read_text(encoding="utf-8").split("\n", 1)[1].strip()
)
OFFERS: dict[str, dict[str, Any]] = {
    "max-bundle": {"bundlePolicy": "max-bundle"},
    "max-compat": {"bundlePolicy": "max-compat"},
    "data-channel-first": {"bundlePolicy": "balanced", "channel": True},
    "data-channel-and-max-bundle": {"bundlePolicy": "max-bundle", "channel": True},
    "simulcast": {"bundlePolicy": "balanced", "simulcast": True},
    "g711-first": {"bundlePolicy": "balanced", "pcmu": True},
}


def expect_a_camera(result: dict[str, Any]) -> None:
    assert (result["status"], result.get("state"), result.get("streams")) == (201, "connected", 1), result
    assert min(result["audio"], result["video"]) > 20
    codecs = {codec.lower() for codec in result["codecs"]}
    assert "audio/opus" in codecs
    assert not codecs & {"audio/pcmu", "audio/pcma", "audio/g722"}


@pytest.mark.parametrize("name", OFFERS)
async def test_chromium_publishes(name: str, browser: Browser, server: str) -> None:
    context = await browser.new_context(permissions=["camera", "microphone"])
    page = await context.new_page()
    await page.goto(f"{server}/static/css/style.css")
    expect_a_camera(await page.evaluate(PUBLISH, OFFERS[name] | {"path": f"/whip/{name}"}))
    await context.close()


async def test_firefox_publishes(server: str, tmp_path: Path) -> None:
    program = find_firefox()
    if program is None:
        pytest.skip("no Firefox; install one (Debian: apt-get install firefox-esr) or name it in $FIREFOX")
    async with firefox(program, tmp_path, f"{server}/static/css/style.css") as tab:
        for name, options in OFFERS.items():
            argument = json.dumps(options | {"path": f"/whip/fox-{name}"})
            expect_a_camera(await tab.evaluate(f"({PUBLISH})({argument})"))
