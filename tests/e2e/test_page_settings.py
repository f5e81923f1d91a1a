"""What a meeting needs beside pictures: loudspeakers, sounds, one's own picture, private words, the calendar."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import Page, expect

from tests.support.fake_server import NOW, FakeServer, participant
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

DEVICES = """
  window.sinks = [];
  HTMLMediaElement.prototype.setSinkId = async function (id) { window.sinks.push(id); };
  const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
  navigator.mediaDevices.enumerateDevices = async () => [
    ...(await list()).filter(({kind}) => kind !== 'audiooutput'),
    {kind: 'audiooutput', deviceId: 'desk', label: 'Desk'}, {kind: 'audiooutput', deviceId: 'head', label: 'Headset'},
  ];
"""
NOTES = """
  window.notes = [];
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (when) {
    notes.push(Math.round(this.frequency.value));
    start.call(this, when);
  };
"""
CLOCK = "window.milliseconds = 0; performance.now = () => milliseconds;"


async def settings(page: Page) -> None:
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("button", name="Settings").click()


async def test_a_loudspeaker_is_chosen_tried_and_remembered(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(DEVICES + NOTES)
    await join(page, fake)
    await settings(page)
    await page.get_by_label("Loudspeaker").select_option("Headset")
    await page.get_by_role("button", name="Play a tone").click()
    await page.wait_for_function("() => notes.length === 3 && sinks.at(-1) === 'head'")
    await page.evaluate("sinks.length = 0")
    await page.get_by_role("button", name="Test", exact=True).click()
    await page.wait_for_function("() => sinks.at(-1) === 'head'")
    await page.reload()
    await join(page, fake)
    await settings(page)
    await expect(page.get_by_label("Loudspeaker")).to_have_value("head")


async def test_the_address_for_other_apps_is_shown_and_copied(page: Page, fake: FakeServer) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write", "camera", "microphone"])
    await page.add_init_script("sessionStorage.setItem('greenroom.token.studio', 'a.b.c')")
    await join(page, fake)
    await settings(page)
    await page.get_by_text("Your picture in other apps").click()
    address = f"{fake.url}/watch/studio/me#token=a.b.c"
    await expect(page.get_by_label("Address for OBS")).to_have_value(address)
    await page.locator("#elsewhere-copy").click()
    await expect(page.get_by_text("Address copied.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == address


async def test_what_the_browser_does_to_the_sound_can_be_switched(page: Page, fake: FakeServer) -> None:
    await page.add_init_script("""
      window.applied = [];
      const apply = MediaStreamTrack.prototype.applyConstraints;
      MediaStreamTrack.prototype.applyConstraints = function (wanted) {
        if (this.kind === 'audio') applied.push(wanted);
        return apply.call(this, wanted);
      };
    """)
    await join(page, fake)
    await settings(page)
    await page.get_by_text("Sound of your microphone").click()
    await page.get_by_role("switch", name="Suppress noise").click()
    applied = await (await page.wait_for_function("() => applied.at(-1)")).json_value()
    assert applied == {"echoCancellation": True, "noiseSuppression": False, "autoGainControl": True}


async def test_ones_own_picture_is_mirrored_for_oneself_and_can_be_hidden(
    page: Page, fake: FakeServer
) -> None:
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    own = page.locator("article[data-self]")
    flipped = (
        "getComputedStyle(document.querySelector('[data-self] video')).transform.startsWith('matrix(-1')"
    )
    assert await page.evaluate(flipped)
    await settings(page)
    await page.get_by_text("Your own picture", exact=True).click()
    await page.get_by_role("switch", name="Mirror it").click()
    assert not await page.evaluate(flipped)
    await page.get_by_role("switch", name="Hide it").click()
    await expect(own).to_be_hidden()
    await fake.send("participant-left", participant="p1", reason="left")
    await expect(own).to_be_visible()


async def test_framing_and_light_are_switched_in_the_lobby_and_in_the_meeting(
    page: Page, fake: FakeServer
) -> None:
    await page.goto(fake.url + "/r/studio")
    effects = page.get_by_text("Framing and light")
    assert await fake.expect("effects") == {"type": "effects", "framing": False, "lowLight": False}
    await effects.click()
    await page.get_by_role("switch", name="Keep me in the middle").click()
    assert await fake.expect("effects", 2) == {"type": "effects", "framing": True, "lowLight": False}
    await join(page, fake)
    await settings(page)
    await expect(page.get_by_role("switch", name="Keep me in the middle")).to_be_checked()
    await page.get_by_role("switch", name="Lighten me in the dark").click()
    assert await fake.expect("effects", 3) == {"type": "effects", "framing": True, "lowLight": True}
    await page.reload()
    assert await fake.expect("effects", 4) == {"type": "effects", "framing": True, "lowLight": True}


async def test_two_people_have_one_large_and_oneself_in_a_corner(page: Page, fake: FakeServer) -> None:
    await page.set_viewport_size({"width": 1440, "height": 900})
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    await expect(page.locator("#tiles")).to_have_attribute("data-layout", "pair")
    own, other = [await page.locator(f"[data-participant={each}]").bounding_box() for each in ("me", "p1")]
    assert own is not None
    assert other is not None
    assert own["width"] * 3 < other["width"]
    assert own["x"] + own["width"] <= other["x"] + other["width"]
    await fake.send("participant-joined", participant=participant("p2", "Bob"))
    await expect(page.locator("#tiles")).to_have_attribute("data-layout", "grid")


async def test_somebody_is_made_quieter_for_oneself(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    await page.evaluate("""() => {
      const [track] = new AudioContext().createMediaStreamDestination().stream.getAudioTracks();
      document.querySelector('[data-participant=p1] audio').srcObject = new MediaStream([track]);
    }""")
    await page.locator("[data-participant=p1]").hover()
    await page.get_by_role("button", name="More about Grace").click()
    await page.get_by_label("Volume").fill("30")
    assert await page.evaluate("document.querySelector('[data-participant=p1] audio').volume") == 0.3


async def test_sounds_tell_what_happens_each_of_them_switchable(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(NOTES + CLOCK)
    fake.role, fake.others = "host", [participant("p1", "Grace")]
    await join(page, fake)
    await fake.send("participant-joined", participant=participant("p2", "Bob"))
    await page.wait_for_function("() => notes.join() === '523,659'")
    await fake.send("knock", participant={"id": "k1", "name": "Eve"})
    await page.wait_for_function("() => notes.join() === '523,659,392,392'")
    await fake.send("participant-updated", participant=participant("p2", "Bob", hand=NOW))
    await page.wait_for_function("() => notes.length === 6")
    await settings(page)
    await page.get_by_text("Sounds and notifications").click()
    await page.get_by_role("switch", name="Sound when somebody writes").click()
    await page.keyboard.press("Escape")
    await fake.send("chat", chat=fake.say("p1", "Psst"))
    await page.evaluate("milliseconds = 2000")
    await fake.send("participant-joined", participant=participant("p3", "Li"))
    await page.wait_for_function(
        "() => notes.slice(6).join() === '523,659'"
    )  # and not the one of the message


async def test_a_flood_of_messages_sounds_once_in_a_while(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(NOTES + CLOCK)
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    for said in (30, 60):
        for number in range(30):
            await fake.send("chat", chat=fake.say("p1", f"{number}"))
        await expect(page.locator(".toolbar [data-action=chat]")).to_have_attribute("data-count", str(said))
        assert await page.evaluate("notes.length") == said / 30
        await page.evaluate("milliseconds = 2000")


async def test_the_system_notifies_while_one_looks_elsewhere(page: Page, fake: FakeServer) -> None:
    await page.add_init_script("""
      window.told = [];
      window.Notification = class { constructor(title, {body}) { told.push([title, body]); } };
      Notification.permission = 'granted';
      Notification.requestPermission = async () => 'granted';
    """)
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    await settings(page)
    await page.get_by_text("Sounds and notifications").click()
    await page.get_by_role("switch", name="Notifications of the system").click()
    await fake.send("chat", chat=fake.say("p1", "Seen"))
    await expect(page.locator(".toolbar [data-action=chat]")).to_have_attribute("data-count", "1")
    await page.evaluate("Object.defineProperty(document, 'hidden', {value: true})")
    await fake.send("chat", chat=fake.say("p1", "Unseen"))
    assert await (await page.wait_for_function("() => told.length && told")).json_value() == [
        ["studio", "Grace: Unseen"]
    ]


async def test_one_person_alone_can_be_written_to(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    await page.keyboard.press("c")
    everybody = page.get_by_text("Everyone in the room can read this.")
    await expect(everybody).to_be_visible()
    await page.get_by_label("To", exact=True).select_option("Grace")
    await expect(everybody).to_be_hidden()
    await page.get_by_label("Write a message").fill("Between us")
    await page.keyboard.press("Enter")
    assert (await fake.expect("chat"))["to"] == "p1"
    await expect(page.get_by_role("article").filter(has_text="Between us")).to_contain_text("to Grace alone")
    await fake.send("chat", chat=fake.say("p1", "Agreed", "me"))
    await expect(page.get_by_role("article").filter(has_text="Agreed")).to_contain_text("to you alone")


async def test_what_was_for_one_alone_goes_to_nobody_else_when_they_leave(
    page: Page, fake: FakeServer
) -> None:
    """It stays in the field until one has chosen who else is to read it."""
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    await page.keyboard.press("c")
    reader, field = page.get_by_label("To", exact=True), page.get_by_label("Write a message")
    await reader.select_option("Grace")
    await field.fill("Between us")
    await fake.send("participant-left", participant="p1", reason="left")
    await expect(reader.get_by_role("option", name="Grace", include_hidden=True)).to_be_disabled()
    await field.press("Enter")
    await expect(page.get_by_text("They are not here any more.")).to_be_visible()
    await expect(field).to_have_value("Between us")
    assert not fake.messages("chat")
    await reader.select_option("Everyone")
    await field.fill("To all")
    await field.press("Enter")
    assert "to" not in await fake.expect("chat")
    await fake.send("participant-joined", participant=participant("p2", "Bob"))
    await expect(reader.get_by_role("option", include_hidden=True)).to_have_text(["Everyone", "Bob"])


async def test_an_invitation_goes_into_the_calendar(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("button", name="Invite", exact=True).last.click()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Save for the calendar").click()
    text = (await (await download.value).path()).read_bytes().decode()
    assert text.startswith("BEGIN:VCALENDAR\r\n")
    assert f"URL:{fake.url}/r/studio" in text.replace("\r\n ", "")
    assert re.search(r"DTSTART:\d{8}T\d{2}0000Z", text)


async def test_the_page_can_be_installed(page: Page, fake: FakeServer) -> None:
    await page.goto(fake.url)
    manifest = json.loads(
        await page.evaluate("fetch(document.querySelector('link[rel=manifest]').href).then(a => a.text())")
    )
    assert (manifest["display"], manifest["start_url"]) == ("standalone", "/")
    assert await page.evaluate(f"fetch('{manifest['icons'][0]['src']}').then(({{ok}}) => ok)")
