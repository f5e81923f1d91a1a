"""What the page does when network, server or camera go away, or the person does."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.support.fake_server import FakeServer, participant
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


async def test_closing_is_warned_of_only_in_a_call(page: Page, fake: FakeServer) -> None:
    asked: list[str] = []

    async def answer(dialog: object) -> None:
        asked.append(getattr(dialog, "type", ""))
        await getattr(dialog, "accept")()  # noqa: B009

    page.on("dialog", answer)
    await page.goto(fake.url + "/r/studio")
    await page.get_by_label("Your name").fill("Ada")
    await page.reload()
    assert asked == []
    await join(page, fake)
    await expect(page.locator("#favicon")).to_have_attribute("href", re.compile("live|muted"))
    await page.reload()
    assert asked == ["beforeunload"]


async def test_a_dead_network_is_noticed_and_the_way_back_is_found(page: Page, fake: FakeServer) -> None:
    fake.held = True
    await join(page, fake)
    await page.context.set_offline(True)
    await fake.sockets[-1].close()
    await expect(page.get_by_text("You are offline.")).to_be_visible()
    await expect(page.locator("#favicon")).to_have_attribute("href", re.compile("lost"))
    await page.context.set_offline(False)
    await expect(page.get_by_text("You’re back.")).to_be_visible(timeout=5000)
    assert (await fake.expect("join", 2))["seat"] == "secret"
    assert len(fake.messages("enter")) == 1


async def test_a_server_that_forgot_everything_lets_one_in_again(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    await fake.sockets[-1].close()
    await expect(page.get_by_text("You’re back.")).to_be_visible(timeout=5000)
    assert (await fake.expect("enter", 2))["name"] == "Ada"


async def test_nothing_one_does_while_the_connection_is_lost_vanishes(page: Page, fake: FakeServer) -> None:
    fake.held, fake.role, fake.others = True, "host", [participant("p1", "Grace")]
    await join(page, fake)
    await page.keyboard.press("m")
    await fake.until("media", audio=False)
    fake.refuse = "shutting-down"
    await fake.sockets[-1].close()
    lost = page.get_by_text("Connection lost – rejoining…").and_(page.locator("#banner"))
    await expect(lost).to_be_visible()
    await page.keyboard.down(" ")
    await expect(page.get_by_role("button", name="Mute microphone")).to_be_visible()
    await expect(lost).to_be_visible()
    await page.keyboard.up(" ")
    await expect(page.get_by_role("button", name="Unmute microphone")).to_be_visible()
    await expect(lost).to_be_visible()
    await page.keyboard.press("c")
    field = page.get_by_label("Write a message")
    await field.fill("A long thought")
    await field.press("Enter")
    await expect(field).to_have_value("A long thought")
    await field.press("Escape")
    await page.keyboard.press("p")
    locked = page.get_by_role("switch", name="Lock the room")
    await locked.click()
    await expect(locked).not_to_be_checked()
    fake.say("p1", "Are you there?")
    fake.refuse = None
    await expect(page.get_by_text("You’re back.")).to_be_visible(timeout=10_000)
    await expect(page.get_by_role("status").filter(has_text="Chat, 1 unread")).to_be_visible()
    await page.get_by_role("button", name="Chat, 1 unread").click()
    await field.press("Enter")
    assert (await fake.expect("chat"))["text"] == "A long thought"
    assert not fake.messages("policy")


async def test_a_host_who_leaves_comes_back_as_a_host(page: Page, fake: FakeServer) -> None:
    fake.role = "host"
    await join(page, fake)
    await page.get_by_role("button", name="Leave").click()
    await page.get_by_role("button", name="Rejoin").click()
    again = await fake.expect("join", 2)
    assert (again["hostToken"], again["former"]) == ("token", "secret")


async def test_a_camera_that_is_plugged_in_again_comes_back_by_itself(page: Page, fake: FakeServer) -> None:
    await page.add_init_script("""
        const {mediaDevices} = navigator;
        const open = mediaDevices.getUserMedia.bind(mediaDevices);
        const list = mediaDevices.enumerateDevices.bind(mediaDevices);
        window.plug = {in: true, other: false, tracks: [], listed: 0, asked: 0, wanted: ''};
        mediaDevices.enumerateDevices = async () => {
          const all = (await list()).filter(d => plug.in || d.kind !== 'videoinput');
          plug.listed += 1;
          return plug.other ? [...all, {kind: 'videoinput', deviceId: 'other', label: 'Another camera'}] : all;
        };
        mediaDevices.getUserMedia = async (wants) => {
          plug.asked += 1;
          plug.wanted = wants.video?.deviceId?.exact ?? '';
          const stream = await open(wants);
          plug.tracks.push(...stream.getVideoTracks());
          return stream;
        };
    """)
    await join(page, fake)
    await fake.until("media", video=True)
    await page.evaluate("""() => {
      plug.in = false;
      for (const track of plug.tracks) { track.stop(); track.dispatchEvent(new Event('ended')); }
    }""")
    await expect(page.get_by_role("alert").filter(has_text="The camera went away")).to_be_visible()
    await expect(page.get_by_role("article", name="You, camera off")).to_be_visible()
    asked, used = await page.evaluate("[plug.asked, plug.tracks[0].getSettings().deviceId]")
    await page.evaluate("""async () => {
      plug.other = true;
      const before = plug.listed;
      navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
      while (plug.listed === before) await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
    }""")
    assert await page.evaluate("plug.asked") == asked  # another camera is nobody's choice
    await page.evaluate("""() => {
      plug.in = true;
      navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
    }""")
    await expect(page.get_by_role("article", name="You", exact=True)).to_be_visible()
    assert await page.evaluate("plug.wanted") == used != ""


@pytest.mark.parametrize(
    "answer", ["throw new DOMException('', 'InvalidStateError')", "await new Promise(() => {})"]
)
async def test_a_track_that_the_browser_does_not_take_stops_no_other(
    page: Page, fake: FakeServer, answer: str
) -> None:
    """It may refuse a track, and never answers once the connection has been closed."""
    await join(page, fake)
    await fake.until("media", video=True)
    await page.evaluate(
        """() => {
      const { replaceTrack } = RTCRtpSender.prototype;
      RTCRtpSender.prototype.replaceTrack = async function () {
        RTCRtpSender.prototype.replaceTrack = replaceTrack;
        ANSWER;
      };
    }""".replace("ANSWER", answer)
    )
    await page.keyboard.press("v")
    if "throw" not in answer:
        await fake.until("media", video=False)
        await fake.sockets[-1].close()
    await fake.expect("join", 2)
    await expect(page.get_by_text("You’re back.")).to_be_visible(timeout=5000)
    told = len(fake.messages("media"))
    await page.keyboard.press("v")
    await expect(page.get_by_role("article", name="You", exact=True)).to_be_visible()
    assert (await fake.expect("media", told + 1))["video"]


async def test_the_lobby_works_again_when_the_browser_goes_back_to_it(page: Page, fake: FakeServer) -> None:
    """From its cache, where it lies with its devices and its connection closed."""
    await page.add_init_script("""
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        window.tracks = [];
        navigator.mediaDevices.getUserMedia = async (wants) => {
          const stream = await open(wants);
          tracks.push(...stream.getTracks());
          return stream;
        };
    """)
    live = "() => tracks.filter((each) => each.readyState === 'live').length === COUNT"
    await page.goto(fake.url + "/r/studio")
    await fake.expect("join")
    await page.wait_for_function(live.replace("COUNT", "2"))
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    await fake.expect("leave")
    await page.wait_for_function(live.replace("COUNT", "0"))
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await fake.expect("join", 2)
    await page.wait_for_function(live.replace("COUNT", "2"))
    await join(page, fake)
    await fake.expect("enter")
