"""Inviting people: link and QR code; and the language in which they are met."""

from __future__ import annotations

import json
import re
from typing import get_args

import cv2
import numpy as np
import pytest
from playwright.async_api import Page, expect

from server.core.errors import Problem
from tests.support.fake_server import FakeServer
from tests.support.pages import join

# Errors that people get to read.
TOLD = [*get_args(Problem), "removed", "replaced", "denied", "room-full", "room-locked", "recording-failed"]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


@pytest.mark.parametrize(
    "words",
    [
        "abc",
        "http://localhost:8080/r/calm-birch-7kq2m",
        "https://x.example/r/" + "ü-😀" * 40,
        "c" * 320,
        *("https://x.example/r/studio#token=" + "aB3_" * n for n in (80, 90, 100, 110, 125, 145, 158)),
    ],
)
async def test_qr_codes_can_be_read(page: Page, fake: FakeServer, words: str) -> None:
    await page.goto(fake.url)
    rows = await page.evaluate("async w => (await import('/static/lib/qr.js')).encodeQr(w)", words)
    modules = np.pad(1 - np.array(rows, np.uint8), 4, constant_values=1)
    picture = np.kron(modules, np.ones((8, 8), np.uint8)) * 255
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == words


async def test_a_qr_code_of_the_standard(page: Page, fake: FakeServer) -> None:
    """Codewords and their error correction: the example of ISO/IEC 18004 in byte mode at level M."""
    await page.goto(fake.url)
    rows = await page.evaluate(
        "async () => (await import('/static/lib/qr.js')).encodeQr('Hello, world! 123')"
    )
    assert len(rows) == 25
    finder = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]
    for top, left in ((0, 0), (0, 18), (18, 0)):
        seen = ["".join(str(int(m)) for m in row[left : left + 7]) for row in rows[top : top + 7]]
        assert seen == finder


async def test_the_invitation_has_link_code_and_a_link_for_hosts(page: Page, fake: FakeServer) -> None:
    fake.role = "host"
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await join(page, fake)
    await page.get_by_role("button", name="Invite").click()
    dialog = page.get_by_role("dialog", name="Invite people")
    await expect(dialog).to_be_visible()
    box = await dialog.bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + 8, box["y"] + 8)
    await expect(dialog).to_be_visible()
    await expect(page.get_by_label("Link to this room")).to_have_value(fake.url + "/r/studio")
    await expect(page.locator("#invite-qr path")).to_have_attribute("d", re.compile("^M4 4h1v1h-1z"))
    await page.get_by_role("button", name="Copy link for another host").click()
    await expect(dialog.get_by_text("Whoever opens it becomes a host.")).to_be_visible()
    await page.mouse.click(box["x"] - 8, box["y"] - 8)
    await expect(dialog).to_be_hidden()
    link = await page.evaluate("navigator.clipboard.readText()")
    assert link == fake.url + "/r/studio#host=token"
    await page.evaluate("sessionStorage.clear()")
    await page.goto("about:blank")
    await page.goto(link)
    await fake.until("join", hostToken="token")
    assert page.url == fake.url + "/r/studio"


async def test_without_a_clipboard_the_link_is_selected_to_be_copied(page: Page, fake: FakeServer) -> None:
    await page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    fake.role = "host"
    await join(page, fake)
    await page.get_by_role("button", name="Invite").click()
    await page.get_by_role("button", name="Copy link for another host").click()
    await expect(page.get_by_role("dialog").get_by_text("The link is selected")).to_be_visible()
    assert await page.evaluate("String(getSelection())") == fake.url + "/r/studio#host=token"
    await page.get_by_role("button", name="Copy link", exact=True).click()
    await expect(page.get_by_label("Link to this room")).to_have_value(fake.url + "/r/studio")


async def test_german_is_complete_and_chosen_by_hand_or_by_the_browser(page: Page, fake: FakeServer) -> None:
    await page.goto(fake.url + "/r/studio")
    await page.get_by_label("Your name").fill("Ada")
    await page.locator(".language-pick:visible").select_option("Deutsch")
    await expect(page.get_by_role("button", name="Jetzt beitreten")).to_be_visible()
    await expect(page.get_by_label("Dein Name")).to_have_value("Ada")
    assert await page.evaluate("document.documentElement.lang") == "de"
    english, german = [
        json.loads(
            await page.evaluate(
                f"import('/static/i18n/strings.{code}.js').then(m => JSON.stringify(m.{name}))"
            )
        )
        for code, name in (("en", "english"), ("de", "german"))
    ]
    assert english.keys() == german.keys()
    braces = re.compile(r"\{\w+\}")
    assert all(set(braces.findall(english[k])) == set(braces.findall(german[k])) for k in english)
    used = await page.evaluate(
        "[...document.querySelectorAll('*')].flatMap(e => ['text', 'label', 'placeholder', 'dropText']"
        ".map(name => e.dataset[name])).filter(Boolean)"
    )
    assert set(used) <= english.keys()
    assert {f"error.{code}" for code in TOLD} <= english.keys()
