"""Camera, microphone and screen: picking them, opening them in time, and none that stays on unasked."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.support.fake_server import FakeServer, error
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

# Every request can be held back, a kind can be unplugged or muted, and every track is remembered.
DEVICES = """
    const {mediaDevices} = navigator;
    const open = mediaDevices.getUserMedia.bind(mediaDevices);
    const list = mediaDevices.enumerateDevices.bind(mediaDevices);
    window.devices = {asked: 0, listed: 0, tracks: [], held: null, missing: ''};
    devices.hold = () => { devices.held = Promise.withResolvers(); };
    devices.live = (kind) => devices.tracks.filter((each) => each.kind === kind && each.readyState === 'live');
    devices.plug = () => {
      devices.missing = '';
      mediaDevices.dispatchEvent(new Event('devicechange'));
    };
    devices.mute = (kind, muted) => {
      for (const track of devices.live(kind)) {
        Object.defineProperty(track, 'muted', {value: muted, configurable: true});
        track.dispatchEvent(new Event(muted ? 'mute' : 'unmute'));
      }
    };
    mediaDevices.enumerateDevices = async () => {
      const all = await list();
      devices.listed += 1;
      return all.filter((each) => each.kind !== `${devices.missing}input`);
    };
    mediaDevices.getUserMedia = async (wants) => {
      devices.asked += 1;
      await devices.held?.promise;
      if (wants[devices.missing]) throw new DOMException('', 'NotFoundError');
      const stream = await open(wants);
      devices.tracks.push(...stream.getTracks());
      return stream;
    };
    mediaDevices.getDisplayMedia = async () => {
      devices.asked += 1;
      await devices.held?.promise;
      const stream = document.createElement('canvas').captureStream(5);
      devices.tracks.push(...stream.getTracks());
      return stream;
    };
"""


def remember(name: str, value: str) -> str:
    """Return a script that makes the browser remember a preference."""
    return f"localStorage['greenroom.{name}'] = '{value}';"


async def until(page: Page, condition: str) -> None:
    """Wait until an expression is true in the page."""
    await page.wait_for_function(f"() => {condition}", timeout=15_000)


async def asked(page: Page, number: int) -> None:
    await until(page, f"devices.asked >= {number}")


async def none_is_live(page: Page, *, opened: int) -> None:
    """Wait until so many were opened in all, and every one of them is closed again."""
    closed = "devices.tracks.every((each) => each.readyState === 'ended')"
    await until(page, f"devices.tracks.length === {opened} && {closed}")


async def plug_in_to_no_avail(page: Page) -> None:
    """Plug in what was missing; make sure that nothing is opened after the devices were listed."""
    before, listed = await page.evaluate("[devices.asked, devices.listed]")
    await page.evaluate("devices.plug()")
    await until(page, f"devices.listed > {listed}")
    assert await page.evaluate("new Promise((done) => setTimeout(() => done(devices.asked)))") == before


async def test_the_microphone_picked_is_the_one_used_also_while_muted(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(DEVICES)
    await page.goto(fake.url + "/r/studio")
    await page.get_by_role("button", name="Mute microphone").click()
    picker = page.get_by_label("Microphone", exact=True)
    await picker.select_option("Fake Audio Input 2")
    used = "devices.live('audio').map((each) => each.label + each.enabled).join()"
    await until(page, f"{used} === 'Fake Audio Input 2false'")
    await page.get_by_role("button", name="Unmute microphone").click()
    await until(page, f"{used} === 'Fake Audio Input 2true'")
    await page.evaluate(remember("camera", '"gone"'))
    await page.reload()
    await expect(page.get_by_role("button", name="Turn camera off")).to_be_visible()
    await expect(picker.locator("option:checked")).to_have_text("Fake Audio Input 2")


async def test_a_tap_on_the_space_bar_leaves_the_microphone_as_it_was(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(DEVICES)
    await join(page, fake)
    await fake.until("media", audio=True)
    await page.keyboard.press(" ")
    await page.keyboard.press("v")
    await expect(page.get_by_role("article", name="You, camera off")).to_be_visible()
    assert fake.messages("media")[-1]["audio"] is True


async def test_a_tap_that_ends_before_the_microphone_is_open_leaves_it_muted(
    page: Page, fake: FakeServer
) -> None:
    await page.add_init_script(DEVICES + remember("microphoneOn", "false"))
    await join(page, fake)
    await fake.until("media", video=True)
    await page.evaluate("devices.hold()")
    await page.keyboard.down(" ")
    await asked(page, 2)
    await page.keyboard.up(" ")
    await page.evaluate("devices.held.resolve()")
    await until(page, "devices.live('audio').some((each) => !each.enabled)")
    await expect(page.locator("#banner")).to_be_hidden()
    assert not any(message["audio"] for message in fake.messages("media"))


async def test_a_tap_without_a_microphone_opens_none_that_is_plugged_in_later(
    page: Page, fake: FakeServer
) -> None:
    await page.add_init_script(DEVICES + remember("microphoneOn", "false") + "devices.missing = 'audio';")
    await join(page, fake)
    await fake.until("media", video=True)
    await page.keyboard.press(" ")
    await expect(page.get_by_role("alert").filter(has_text="No microphone found")).to_be_visible()
    await plug_in_to_no_avail(page)


async def test_a_camera_asked_for_twice_is_open_once(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(DEVICES + "devices.hold();")
    await page.goto(fake.url + "/r/studio")
    await asked(page, 1)
    await page.get_by_role("button", name="Turn camera on").click()
    await asked(page, 2)
    await page.evaluate("devices.held.resolve()")
    await page.get_by_role("button", name="Turn camera off").click()
    await until(page, "devices.tracks.length === 4 && !devices.live('video').length")
    assert await page.evaluate("devices.live('audio').length") == 1


async def test_nothing_is_opened_for_who_has_left(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(DEVICES)
    await join(page, fake)
    await fake.until("media", video=True)
    await page.keyboard.press("v")
    await expect(page.get_by_role("article", name="You, camera off")).to_be_visible()
    await page.evaluate("devices.hold()")
    await page.keyboard.press("v")
    await asked(page, 2)
    await page.get_by_role("button", name="Leave").click()
    await page.evaluate("devices.held.resolve()")
    await none_is_live(page, opened=3)


async def test_a_camera_plugged_in_after_leaving_stays_off(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(DEVICES + "devices.missing = 'video';")
    await join(page, fake)
    await fake.until("media", audio=True)
    await page.get_by_role("button", name="Leave").click()
    await plug_in_to_no_avail(page)


async def test_a_screen_chosen_after_one_was_removed_is_not_captured(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(DEVICES)
    await join(page, fake)
    await fake.until("media", video=True)
    await page.evaluate("devices.hold()")
    await page.keyboard.press("s")
    await page.keyboard.press("s")  # asks no second time
    await asked(page, 2)
    await fake.sockets[-1].send_json(error("removed"))
    await expect(page.get_by_role("heading", name=re.compile("removed"))).to_be_visible()
    await page.evaluate("devices.held.resolve()")
    await none_is_live(page, opened=3)


@pytest.mark.parametrize(("message", "said"), [("Permission denied", 0), ("Permission denied by system", 1)])
async def test_it_is_said_when_the_system_lets_no_screen_be_shared(
    page: Page, fake: FakeServer, message: str, said: int
) -> None:
    refusal = f"new DOMException({message!r}, 'NotAllowedError')"
    await page.add_init_script(
        f"window.asked = 0; navigator.mediaDevices.getDisplayMedia = async () => {{ asked += 1; throw {refusal}; }};"
    )
    await join(page, fake)
    await page.keyboard.press("s")
    await until(page, "window.asked === 1")
    await page.keyboard.press("h")
    await fake.expect("hand")
    await expect(page.get_by_text("Your system may have to allow it for this browser.")).to_have_count(said)


@pytest.mark.parametrize(
    ("kind", "button", "off", "on", "tile"),
    [
        ("video", "camera", "Turn camera off", "Camera on", "You, camera off"),
        ("audio", "microphone", "Mute microphone", "Microphone on", "You, muted"),
    ],
)
async def test_what_the_system_keeps_off_is_shown_as_off_and_comes_back(
    page: Page, fake: FakeServer, kind: str, button: str, off: str, on: str, tile: str
) -> None:
    await page.add_init_script(DEVICES)
    await join(page, fake)
    await fake.until("media", audio=True, video=True)
    await page.evaluate(f"devices.mute('{kind}', true)")
    said = page.get_by_role("alert").filter(has_text=f"Your system keeps the {button} off")
    await expect(said).to_be_visible()
    await expect(page.get_by_role("button", name=f"Blocked: {off}")).to_be_visible()
    await expect(page.get_by_role("article", name=tile)).to_be_visible()
    await fake.until("media", **{kind: False})
    told = len(fake.messages("media"))
    await page.evaluate(f"devices.mute('{kind}', false)")
    await expect(page.locator("#notices").get_by_text(on)).to_be_visible()
    await expect(page.get_by_role("button", name=f"on: {off}")).to_be_visible()
    assert (await fake.expect("media", told + 1))[kind] is True


async def test_what_the_system_keeps_off_can_be_switched_off_and_stays_so(
    page: Page, fake: FakeServer
) -> None:
    await page.add_init_script(DEVICES)
    await page.goto(fake.url + "/r/studio")
    await fake.until("join")
    await until(page, "devices.live('audio').length === 1")
    await page.evaluate("devices.mute('audio', true)")
    note = page.locator("#lobby-problems [data-problem=microphone-muted]")
    await expect(note).to_contain_text("The microphone comes back by itself.")
    await expect(note.get_by_role("button")).to_have_count(0)
    await page.get_by_role("button", name="Blocked: Mute microphone").click()
    await page.evaluate("devices.mute('audio', false)")
    await expect(note).to_be_hidden()
    await expect(page.get_by_role("button", name="Unmute microphone")).to_be_visible()
    assert await page.evaluate("devices.live('audio').some((each) => each.enabled)") is False
