"""The menus of devices beside the buttons of microphone and camera: by pointer, by keyboard, and up to date."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.fake_server import FakeServer
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

# Loudspeakers that a headless browser has not, and a headset that can be plugged in.
DEVICES = """
  window.sinks = [];
  HTMLMediaElement.prototype.setSinkId = async function (id) { sinks.push(id); };
  const {mediaDevices} = navigator;
  const list = mediaDevices.enumerateDevices.bind(mediaDevices);
  const speakers = [['desk', 'Desk'], ['hall', 'Hall']];
  mediaDevices.enumerateDevices = async () => [
    ...(await list()).filter(({kind}) => kind !== 'audiooutput'),
    ...speakers.map(([deviceId, label]) => ({kind: 'audiooutput', deviceId, label})),
  ];
  window.plug = () => {
    speakers.push(['head', 'Headset']);
    mediaDevices.dispatchEvent(new Event('devicechange'));
  };
"""


def item(page: Page, name: str) -> Locator:
    return page.get_by_role("menuitemradio", name=name, exact=True)


async def test_devices_are_chosen_beside_their_buttons(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(DEVICES)
    await join(page, fake)
    button = page.get_by_role("button", name="Choose sound devices")
    await expect(button).to_have_attribute("aria-expanded", "false")
    await button.click()
    await expect(page.get_by_role("menu", name="Choose sound devices")).to_be_visible()
    await expect(button).to_have_attribute("aria-expanded", "true")
    microphones = page.get_by_role("group", name="Microphone", exact=True).get_by_role("menuitemradio")
    await expect(microphones.and_(page.locator("[aria-checked=true]"))).to_have_count(1)
    await item(page, "Fake Audio Input 2").click()
    await expect(page.get_by_role("menu")).to_be_hidden()
    await button.click()
    await expect(item(page, "Fake Audio Input 2")).to_be_checked()
    await item(page, "Hall").click()
    await page.wait_for_function("() => sinks.at(-1) === 'hall'")
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("button", name="Settings").click()
    await expect(page.get_by_role("dialog").get_by_label("Loudspeaker")).to_have_value("hall")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Choose a camera").click()
    await expect(
        page.get_by_role("menu", name="Choose a camera").get_by_role("menuitemradio")
    ).not_to_have_count(0)


async def test_the_menus_of_devices_are_used_by_keyboard(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(DEVICES)
    await join(page, fake)
    await page.keyboard.press("c")
    button = page.get_by_role("button", name="Choose sound devices")
    await button.focus()
    await page.keyboard.press("ArrowUp")
    await expect(item(page, "Hall")).to_be_focused()
    await page.keyboard.press("ArrowDown")  # past the end
    await expect(page.get_by_role("menuitemradio").first).to_be_focused()
    await page.keyboard.press("End")
    await page.keyboard.press("ArrowUp")
    await expect(item(page, "Desk")).to_be_focused()
    await page.keyboard.press("b")  # a letter goes to the next item that begins with it, and nowhere else
    await expect(item(page, "Browser’s choice")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(button).to_be_focused()
    await expect(page.get_by_role("menu")).to_be_hidden()
    await expect(page.get_by_role("heading", name="Chat")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitemradio").first).to_be_focused()
    await page.keyboard.press("d")
    await page.keyboard.press("Enter")
    await expect(button).to_be_focused()
    await page.wait_for_function("() => sinks.at(-1) === 'desk'")
    await page.keyboard.press("ArrowDown")
    await expect(item(page, "Desk")).to_be_checked()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("menu")).to_be_hidden()
    await expect(page.locator(".toolbar [data-action=camera]")).to_be_focused()


async def test_an_open_menu_shows_what_is_plugged_in(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(DEVICES)
    await join(page, fake)
    await page.get_by_role("button", name="Choose sound devices").press("ArrowUp")
    await expect(item(page, "Hall")).to_be_focused()
    await page.evaluate("plug()")
    await expect(item(page, "Headset")).to_be_visible()
    await expect(item(page, "Hall")).to_be_focused()
    await expect(page.get_by_role("menu")).to_be_in_viewport(ratio=1)


async def test_without_a_device_the_menu_says_so(page: Page, fake: FakeServer) -> None:
    await page.add_init_script("""
      navigator.mediaDevices.enumerateDevices = async () => [];
      navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); };
    """)
    await join(page, fake)
    await page.get_by_role("button", name="Choose a camera").click()
    await expect(item(page, "None found")).to_be_disabled()
