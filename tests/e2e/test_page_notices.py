"""What is said in passing: long enough to be read, and nothing of it lost."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.support.fake_server import FakeServer, participant
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

SHORTEST = 5000  # ms
LONG = "In this room the hosts decide who is heard. Raise your hand if you want to speak."


async def test_a_long_one_stays_longer(page: Page, fake: FakeServer) -> None:
    await page.clock.install()
    await join(page, fake)
    await fake.send("participant-joined", participant=participant("p1", "Grace"))
    await fake.send("muted", by=None)
    joined, long = page.get_by_text("Grace joined"), page.get_by_role("alert").get_by_text(LONG)
    await expect(long).to_be_visible()
    await page.clock.fast_forward(SHORTEST + 68 * len("Grace joined"))
    await expect(joined).to_be_hidden()
    await expect(long).to_be_visible()
    await page.clock.fast_forward(68 * len(LONG))
    await expect(long).to_be_hidden()


@pytest.mark.parametrize("held", ["hover", "focus"])
async def test_one_stays_while_it_is_read(page: Page, fake: FakeServer, held: str) -> None:
    await page.clock.install()
    await join(page, fake)
    await fake.send("muted", by=None)
    notice = page.get_by_role("alert").get_by_text(LONG)
    await (notice.hover() if held == "hover" else notice.focus())
    for _ in range(3):
        await page.clock.fast_forward(SHORTEST + 68 * len(LONG))
    await expect(notice).to_be_visible()
    await page.mouse.move(0, 0)
    await page.locator("#room-title").focus()
    await page.clock.fast_forward(SHORTEST + 68 * len(LONG))
    await expect(notice).to_be_hidden()


async def test_one_that_comes_while_nobody_looks_is_there_afterwards(page: Page, fake: FakeServer) -> None:
    await page.add_init_script("""
      window.away = false;
      Object.defineProperty(Document.prototype, 'hidden', {get: () => away});
      window.look = (there) => { away = !there; document.dispatchEvent(new Event('visibilitychange')); };
    """)
    await page.clock.install()
    await join(page, fake)
    await page.evaluate("look(false)")
    await fake.send("muted", by=None)
    notice = page.get_by_role("alert").get_by_text(LONG)
    await expect(notice).to_be_visible()
    await page.clock.fast_forward(60_000)
    await page.evaluate("look(true)")
    await expect(notice).to_be_visible()
    await page.clock.fast_forward(SHORTEST + 68 * len(LONG))
    await expect(notice).to_be_hidden()


async def test_what_concerns_oneself_stays_whoever_comes_or_writes(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    await fake.send("participant-updated", participant=participant("me", "Ada", role="host"))
    important = page.get_by_text("You are a host now.")
    await expect(important).to_be_visible()
    for number in range(5):
        await fake.send("participant-joined", participant=participant(f"p{number}", f"Person {number}"))
    notices = page.locator("#notices .notice")
    await expect(notices.last).to_have_text("Person 4 joined")
    await expect(notices).to_have_count(3)  # the latest of what the others do
    await expect(important).to_be_visible()
    await page.get_by_role("button", name="Chat", exact=True).click()
    await expect(notices).to_have_count(1)
    await expect(important).to_be_visible()


async def test_the_same_is_there_once_and_a_click_takes_it_away(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    for _ in range(2):
        await fake.send("muted", by=None)
    await fake.send("participant-updated", participant=participant("me", "Ada", role="host"))
    await expect(page.get_by_text("You are a host now.")).to_be_visible()
    notice = page.get_by_role("alert").get_by_text(LONG)
    await expect(notice).to_have_count(1)
    await notice.click()
    await expect(notice).to_have_count(0)


async def test_what_is_said_in_the_lobby_is_seen_in_the_room(page: Page, fake: FakeServer) -> None:
    await page.goto(fake.url + "/r/studio")
    await fake.expect("join")
    await fake.send("background", background="blur-strong", reason="policy")
    notice = page.get_by_text("The hosts have changed what is allowed.")
    await expect(notice).to_be_visible()
    await join(page, fake)
    await expect(notice).to_be_visible()


async def test_one_is_before_a_dialog_that_opens_later(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    await fake.send("participant-updated", participant=participant("me", "Ada", role="host"))
    notice = page.get_by_text("You are a host now.")
    await expect(notice).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.locator("#help-dialog")).to_be_visible()
    await notice.click()  # what is behind a dialog takes no click
    await expect(notice).to_have_count(0)
    await page.keyboard.press("Escape")
    await fake.send("participant-updated", participant=participant("me", "Ada", role="guest"))
    await expect(page.locator("#notices .notice")).to_be_visible()


async def test_what_only_screen_readers_are_told_is_in_the_dialog_that_is_open(
    page: Page, fake: FakeServer
) -> None:
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    await page.keyboard.press("?")
    dialog = page.locator("#help-dialog")
    await expect(dialog).to_be_visible()
    await fake.send("reaction", participant="p1", reaction="🎉")
    await expect(dialog.locator("#announcer")).to_have_text("Grace: 🎉")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await fake.send("reaction", participant="p1", reaction="👍")
    await expect(page.locator("body > #announcer")).to_have_text("Grace: 👍")


async def test_on_a_phone_one_leaves_what_closes_a_dialog_in_reach(page: Page, fake: FakeServer) -> None:
    await page.set_viewport_size({"width": 390, "height": 780})
    await join(page, fake)
    await fake.send("muted", by=None)
    notice = page.get_by_text(LONG)
    await expect(notice).to_be_visible()
    await page.keyboard.press("?")
    dialog = page.locator("#help-dialog")
    await dialog.get_by_role("button", name="Close").click(timeout=3000)
    await expect(dialog).to_be_hidden()
    await expect(notice).to_be_visible()
