"""What hosts do in the page: invitations, roles, who speaks, the end; and what others are told of it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.support.fake_server import NOW, FakeServer, participant
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


async def host(page: Page, fake: FakeServer) -> None:
    fake.role, fake.others = "host", [participant("p1", "Grace", audio=False)]
    await join(page, fake)
    await page.keyboard.press("p")


async def test_a_removal_is_confirmed_and_cancel_has_the_focus(page: Page, fake: FakeServer) -> None:
    await host(page, fake)
    opener = page.get_by_role("button", name="Remove from the room: Grace")
    await opener.click()
    question = page.get_by_role("alertdialog", name="Remove Grace?")
    await expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    for key in ("Enter", "Escape"):
        await page.keyboard.press(key)
        await expect(question).to_be_hidden()
        await expect(opener).to_be_focused()
        await opener.click()
    await question.get_by_role("button", name="Remove from the room").click()
    assert (await fake.expect("remove"))["participant"] == "p1"
    assert len(fake.messages("remove")) == 1


async def test_from_a_tile_s_menu_it_is_confirmed_too(page: Page, fake: FakeServer) -> None:
    await host(page, fake)
    await page.locator("article[data-participant=p1]").hover()
    await page.get_by_role("button", name="More about Grace").click()
    await page.get_by_role("button", name="Remove from the room", exact=True).click()
    await expect(page.get_by_role("alertdialog", name="Remove Grace?")).to_be_visible()
    assert not fake.messages("remove")


async def test_the_focus_does_not_go_with_somebody_s_tile(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Grace"), participant("p2", "Alan")]
    await join(page, fake)
    await page.get_by_role("button", name="More about Grace").focus()
    await fake.send("participant-left", participant="p1", reason="left")
    await expect(page.locator("#room-title")).to_be_focused()
    await page.get_by_role("button", name="More about Alan").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#tile-menu")).to_be_visible()
    await fake.send("participant-left", participant="p2", reason="left")
    await expect(page.locator("#room-title")).to_be_focused()


async def test_a_long_name_leaves_all_buttons_in_one_line(page: Page, fake: FakeServer) -> None:
    fake.role = "host"
    fake.policy["unmute"] = "hosts"
    fake.others = [
        participant("p1", "Donaudampfschifffahrtsgesellschaftskapitän", audio=False, hand=NOW, captions=True)
    ]
    await join(page, fake)
    await page.keyboard.press("p")
    row = page.locator("[data-person=p1]")
    boxes = [await each.bounding_box() for each in await row.get_by_role("button").all()]
    assert len(boxes) == 4
    assert len({box and box["y"] for box in boxes}) == 1


async def test_the_lobby_is_cleared_by_a_button_that_can_be_read(page: Page, fake: FakeServer) -> None:
    await host(page, fake)
    await fake.send("lobby", lobby=[{"id": "l1", "name": "Alice"}], banned=[])
    button = page.get_by_role("button", name="Clear the lobby")
    assert await button.evaluate("(each) => each.scrollWidth <= each.clientWidth")
    await button.click()
    await fake.expect("clear-lobby")


async def test_hosts_make_hosts_and_guests(page: Page, fake: FakeServer) -> None:
    await host(page, fake)
    await page.get_by_role("button", name="Make a host: Grace").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Make a host").click()
    assert await fake.expect("role") == {"type": "role", "participant": "p1", "role": "host"}
    await fake.send("participant-updated", participant=participant("p1", "Grace", role="host"))
    await page.get_by_role("button", name="Make a guest: Grace").click()
    assert (await fake.expect("role", 2))["role"] == "guest"
    await fake.send("participant-updated", participant=participant("me", "Ada"))
    await expect(page.get_by_text("You are no longer a host.")).to_be_visible()
    await expect(page.locator("#host-tools")).to_be_hidden()


async def test_hosts_have_everybody_see_somebody_large(page: Page, fake: FakeServer) -> None:
    fake.role, fake.others = "host", [participant(f"p{i}", f"Person {i}") for i in (1, 2)]
    await join(page, fake)
    main = page.locator("article[data-main]")
    for who, name, words in (("p1", "Person 1", "Person 1"), ("me", "you", "you")):
        await page.locator(f"article[data-participant={who}]").hover()
        await page.get_by_role("button", name=f"More about {name}", exact=False).click()
        await page.get_by_role("button", name="Show large to everybody").click()
        await fake.until("spotlight", participant=who)
        await fake.send("participant-updated", participant=participant("p1", "Person 1", spotlit=who == "p1"))
        await fake.send("participant-updated", participant={**fake.me, "spotlit": who == "me"})
        await expect(page.get_by_text(f"Everybody sees {words} large now")).to_be_visible()
        await expect(main).to_have_count(1 if who == "p1" else 0)  # oneself is large for the others
    await page.get_by_role("button", name="More about You").click()
    await page.get_by_role("button", name="No longer large for everybody").click()
    await fake.until("spotlight", participant=None)
    await fake.send("participant-updated", participant={**fake.me, "spotlit": False})
    await expect(page.get_by_text("You are no longer large for everybody")).to_be_visible()


async def test_ones_own_choice_wins_over_the_spotlight(page: Page, fake: FakeServer) -> None:
    """Which whoever comes later sees, and which ends with whom it is on."""
    fake.others = [participant(f"p{i}", f"Person {i}", spotlit=i == 2) for i in (1, 2, 3)]
    await join(page, fake)
    main = page.locator("article[data-main]")
    await expect(main).to_have_attribute("data-participant", "p2")
    await expect(
        page.get_by_role("article", name="Person 2, camera off, Large for everybody")
    ).to_be_visible()
    await page.locator("article[data-participant=p1]").hover()
    await page.get_by_role("button", name="More about Person 1").click()
    await expect(page.get_by_role("button", name="Show large to everybody")).to_be_hidden()
    await page.get_by_role("button", name="Show large").click()
    await expect(main).to_have_attribute("data-participant", "p1")
    await page.get_by_role("button", name="More about Person 1").click()
    await page.get_by_role("button", name="Show like the others").click()
    await expect(main).to_have_attribute("data-participant", "p2")
    await fake.send("participant-left", participant="p2", reason="left")
    await expect(main).to_have_count(0)


async def test_whoever_becomes_host_is_one_again_after_a_reload(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    await fake.send("participant-updated", participant=participant("me", "Ada", role="host"))
    await expect(page.get_by_text("You are a host now.")).to_be_visible()
    await fake.expect("invitations")
    await page.wait_for_function("() => sessionStorage.getItem('greenroom.host.studio') === 'token'")


async def test_hosts_decide_who_speaks(page: Page, fake: FakeServer) -> None:
    await host(page, fake)
    await page.get_by_role("switch", name="People unmute themselves").uncheck()
    await fake.until("policy", policy={"unmute": "hosts"})
    await page.get_by_role("button", name="Allow to unmute: Grace").click()
    assert (await fake.expect("allow-unmute"))["participant"] == "p1"
    await fake.send("participant-updated", participant=participant("p1", "Grace", hand=NOW))
    await page.get_by_role("button", name="Lower all hands").click()
    await fake.expect("lower-hands")
    await fake.send("participant-updated", participant=participant("p1", "Grace"))
    await expect(page.get_by_role("button", name="Lower all hands")).to_be_hidden()


async def test_who_may_speak_is_asked_and_not_just_heard(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Grace", role="host")]
    await join(page, fake)
    await fake.until("media", audio=True)
    await fake.send("muted", by=None)
    await expect(page.get_by_text("In this room the hosts decide who is heard.")).to_be_visible()
    await fake.until("media", audio=False)
    await fake.send("unmute-allowed", by="p1")
    offer = page.get_by_role("status").filter(has_text="Grace lets you unmute yourself.")
    await expect(offer).to_be_visible()
    heard = len(fake.messages("media"))
    await offer.get_by_role("button", name="Not now").click()
    await expect(offer).to_be_hidden()
    assert len(fake.messages("media")) == heard
    await fake.send("unmute-allowed", by="p1")
    await offer.get_by_role("button", name="Unmute").click()
    assert (await fake.expect("media", heard + 1))["audio"] is True
    await expect(offer).to_be_hidden()


async def test_the_end_for_everybody(page: Page, fake: FakeServer) -> None:
    await host(page, fake)
    await page.get_by_role("button", name="End for everybody").click()
    question = page.get_by_role("alertdialog", name="End the meeting for everybody?")
    await question.get_by_role("button", name="End for everybody").click()
    await fake.expect("end")
    await fake.send("error", code="ended", message="…", fatal=True)
    await expect(page.get_by_role("heading", name="The meeting has ended")).to_be_visible()
    await expect(page.get_by_text("A host has ended it for everybody.")).to_be_visible()
    await expect(page.get_by_role("button", name="Rejoin")).to_be_hidden()


async def test_each_one_is_told_why_the_background_changed_and_gets_the_own_one_back(
    page: Page, fake: FakeServer
) -> None:
    await page.add_init_script("localStorage.setItem('greenroom.background', '\"fjord\"')")
    await join(page, fake)
    await page.keyboard.press("b")
    changed = fake.policy | {"backgrounds": "blur"}
    await fake.send("policy", policy=changed, effective=changed)
    await fake.send("background", background="blur-strong", reason="policy")
    await expect(page.get_by_text("Instead of Fjord you have Strong blur, until")).to_be_visible()
    await expect(page.get_by_text("Your own choice, Fjord, comes back when it is allowed.")).to_be_visible()
    await fake.send("policy", policy=fake.policy, effective=fake.policy)
    await fake.send("background", background="fjord", reason="restored")
    await expect(page.get_by_text("Your own choice is allowed again.")).to_be_visible()
    await expect(page.get_by_role("radio", name="Fjord")).to_be_checked()
    await expect(page.get_by_text("comes back when it is allowed")).to_be_hidden()
    assert await page.evaluate("localStorage.getItem('greenroom.background')") == '"fjord"'


async def test_links_are_made_listed_copied_and_withdrawn(page: Page, fake: FakeServer) -> None:
    fake.role, fake.how = "host", "links"
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await join(page, fake)
    await page.get_by_role("button", name="Invite").click()
    dialog = page.get_by_role("dialog", name="Invite people")
    await expect(dialog.get_by_role("button", name="Make a link")).to_be_focused()
    await expect(dialog.get_by_label("Link to this room")).to_be_hidden()  # it would let nobody in
    await dialog.get_by_role("switch", name="Ask for a PIN, too").check()
    await expect(dialog.get_by_role("textbox", name="PIN")).to_have_value(re.compile(r"^\d{6}$"))
    await dialog.get_by_role("textbox", name="PIN").fill("12")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_text("A PIN has 6 to 12 digits.")).to_be_visible()
    await dialog.get_by_role("textbox", name="PIN").fill("482913")
    await dialog.get_by_label("Good for").select_option("1 hour")
    await dialog.get_by_role("button", name="Make a link").click()
    assert await fake.expect("invite") == {
        "type": "invite",
        "role": "guest",
        "lifetime": 3600,
        "pin": "482913",
    }
    await expect(dialog.get_by_role("status").filter(has_text="PIN: 482913")).to_be_visible()
    link = fake.url + "/r/studio#token=signed.i1.token"
    await expect(dialog.get_by_label("Link to this room")).to_have_value(link)
    await expect(page.locator("#invite-qr path")).to_have_attribute("d", re.compile("^M4 4h1v1h-1z"))
    await expect(dialog.get_by_role("button", name="Copy link", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_text("Link copied. It lets guests in.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == link
    await dialog.get_by_role("switch", name="Ask for a PIN, too").uncheck()
    await dialog.get_by_label("For whom").select_option("Another host")
    await dialog.get_by_role("button", name="Make a link").click()
    assert "pin" not in await fake.until("invite", role="host")
    await expect(dialog.get_by_role("listitem")).to_have_count(2)
    await expect(dialog.get_by_role("listitem").first).to_contain_text(
        re.compile("Guests.*with a PIN · by Ada")
    )
    await dialog.get_by_role("button", name="Withdraw: Guests").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Withdraw").click()
    assert (await fake.expect("revoke"))["invitation"] == "i1"
    await expect(dialog.get_by_role("listitem")).to_have_count(1)
    await expect(dialog.get_by_label("Link to this room")).to_be_hidden()


@pytest.mark.parametrize(
    ("role", "how", "words"),
    [("guest", "links", "Ask a host to make one."), ("host", "off", "Ask whoever runs the server.")],
)
async def test_no_link_is_offered_that_lets_nobody_in(
    page: Page, fake: FakeServer, role: str, how: str, words: str
) -> None:
    fake.role, fake.how = role, how
    await join(page, fake)
    await page.get_by_role("button", name="Invite").click()
    dialog = page.get_by_role("dialog", name="Invite people")
    await expect(dialog.get_by_text(words)).to_be_visible()
    await expect(dialog.get_by_role("textbox")).to_have_count(0)
    await expect(dialog.get_by_role("button", name="Make a link")).to_have_count(0)


async def test_a_room_s_pin_is_set_and_taken_away(page: Page, fake: FakeServer) -> None:
    fake.role = "host"
    await join(page, fake)
    await page.get_by_role("button", name="Invite").click()
    switch = page.get_by_role("switch", name="Ask for a PIN, too")
    await switch.check()
    pin = (await fake.expect("pin"))["pin"]
    assert re.fullmatch(r"\d{6}", pin)
    await expect(page.get_by_text(f"PIN: {pin}")).to_be_visible()
    await switch.uncheck()
    assert (await fake.expect("pin", 2))["pin"] is None
    await expect(page.get_by_text(f"PIN: {pin}")).to_be_hidden()


async def test_colours_have_names(page: Page, fake: FakeServer) -> None:
    """For who chooses one, and for hosts who list them."""
    fake.role = "host"
    await page.goto(fake.url + "/r/studio")
    await page.get_by_role("radio", name="Charcoal").check(force=True)
    await expect(page.get_by_text("Your background: Charcoal")).to_be_visible()
    await host(page, fake)
    await page.locator("#policy-backgrounds").select_option("Only these")
    await expect(page.get_by_role("checkbox", name="Light grey")).to_be_attached()
