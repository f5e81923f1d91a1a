"""Standing at the door: why one isn't let in, and what leads on; what an invitation fixes."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.support.fake_server import NOW, FakeServer
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


@pytest.mark.parametrize(
    ("code", "heading"),
    [
        ("token-missing", "You need an invitation"),
        ("token-expired", "This invitation has expired"),
        ("token-invalid", "This invitation isn’t valid"),
        ("token-revoked", "This invitation has been withdrawn"),
        ("token-wrong-room", "This invitation is for another room"),
    ],
)
async def test_without_a_good_invitation_one_is_told_why_and_led_on(
    page: Page, fake: FakeServer, code: str, heading: str
) -> None:
    fake.refuse = code
    await page.goto(fake.url + "/r/studio#token=old")
    await expect(page.get_by_role("heading", name=heading)).to_be_focused()
    await expect(page.get_by_role("button", name="Join")).to_have_count(0)
    await expect(page.get_by_role("link", name="Go to another room")).to_be_visible()
    field = page.get_by_label("Do you have another link?")
    for wrong in ("", "studio", "https://elsewhere.example/r/studio#token=x", fake.url + "/r/studio"):
        await field.fill(wrong)
        await page.get_by_role("button", name="Open the link").click()
        await expect(page.get_by_text("This is not an invitation to a room on this server.")).to_be_visible()
    fake.refuse = None
    await field.fill(fake.url + "/r/studio?from=mail#token=new")  # as some programs add to links
    await page.keyboard.press("Enter")
    await fake.until("join", token="new")
    await expect(page.get_by_role("button", name="Join now")).to_be_visible()
    assert page.url == fake.url + "/r/studio"


async def test_a_link_to_another_room_leads_there(page: Page, fake: FakeServer) -> None:
    fake.refuse = "token-wrong-room"
    await page.goto(fake.url + "/r/studio#token=old")
    field = page.get_by_label("Do you have another link?")
    await expect(field).to_be_visible()
    fake.refuse = None
    await field.fill(fake.url + "/r/atelier#token=new")
    await page.keyboard.press("Enter")
    await fake.until("join", token="new", room="atelier")


async def test_the_camera_is_off_at_the_door(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(
        """window.opened = [];
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wish) => {
            const stream = await open(wish);
            window.opened.push(...stream.getTracks());
            return stream;
        };"""
    )
    await page.goto(fake.url + "/r/studio")
    await page.wait_for_function("() => window.opened.some((track) => track.kind === 'video')")
    await expect(page.get_by_role("button", name="Join now")).to_be_visible()
    await fake.expect("join")
    await fake.send("error", code="token-revoked", message="…", fatal=True)
    await expect(page.get_by_role("heading", name="This invitation has been withdrawn")).to_be_visible()
    await page.wait_for_function("() => window.opened.every((track) => track.readyState === 'ended')")


async def test_a_pin_is_asked_for_until_it_is_right_and_kept_for_a_reload(
    page: Page, fake: FakeServer
) -> None:
    fake.pin = "482913"
    await page.goto(fake.url + "/r/studio")
    await expect(page.get_by_role("heading", name="This meeting asks for a PIN")).to_be_visible()
    field = page.get_by_role("textbox", name="PIN")
    await expect(field).to_be_focused()
    await field.fill("1234")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("A PIN has 6 to 12 digits.")).to_be_visible()
    await field.fill("111111")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="That PIN is not right.")).to_be_visible()
    await expect(field).to_be_focused()
    assert [m.get("pin") for m in fake.messages("join")] == [None, "111111"]
    await field.fill("482 913")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Join now")).to_be_visible()
    await join(page, fake)
    assert "482913" not in page.url
    before = len(fake.messages("join"))
    page.on("dialog", lambda dialog: dialog.accept())
    await page.reload()
    assert (await fake.expect("join", before + 1))["pin"] == "482913"
    await expect(page.get_by_role("button", name="Join now")).to_be_visible()


async def test_whoever_was_removed_is_offered_no_way_that_leads_nowhere(page: Page, fake: FakeServer) -> None:
    fake.refuse = "removed"
    await page.goto(fake.url + "/r/studio")
    await expect(page.get_by_role("heading", name="A host has removed you")).to_be_visible()
    await expect(page.get_by_role("button")).to_have_count(0)
    await expect(page.get_by_role("link", name="Go to another room")).to_be_visible()


async def test_an_invitation_fixes_name_and_background_without_a_word_of_error(
    page: Page, fake: FakeServer
) -> None:
    await page.add_init_script("localStorage.setItem('greenroom.name', '\"Grace\"')")
    fake.grant = {"name": True, "expires": NOW}
    fake.restricted = {"backgrounds": ["fjord"], "screenShare": "off"}
    fake.redirect, fake.forced_name = ("fjord", "background-forbidden"), "Ada"
    await page.goto(fake.url + "/r/studio#token=signed")
    name = page.get_by_label("Your name")
    await expect(name).to_have_value("Ada")
    await expect(name).not_to_be_editable()
    await expect(page.get_by_text("Your invitation sets your name. It lets you in until")).to_be_visible()
    await expect(page.locator("label.choice")).to_have_count(1)
    await expect(page.get_by_role("radio", name="Fjord")).to_be_checked()
    await expect(page.get_by_text("Your invitation limits the choice.")).to_be_visible()
    for offered in ("Your picture", "Pick a colour"):
        await expect(page.get_by_role("button", name=offered)).to_have_count(0)
    await expect(page.locator("#alerts")).to_be_empty()
    await page.get_by_role("button", name="Join now").click()
    await page.wait_for_selector("body[data-state=room]")
    await expect(page.get_by_role("button", name="Sharing a screen is off in this room")).to_be_disabled()
    assert await page.evaluate("localStorage.getItem('greenroom.name')") == '"Grace"'
    assert not fake.messages("background")
