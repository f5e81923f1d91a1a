"""The page at its edges: small windows, two tabs, a browser that says no, and what stands beside what."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from server.access.policy import RoomPolicy
from server.config.options import Config
from server.rooms.backgrounds import BackgroundLibrary
from tests.support.fake_server import NOW, FakeServer, participant, report
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


def everything() -> list[dict[str, Any]]:
    """Return what a server offers."""
    return BackgroundLibrary(Config(), {}).list("studio", RoomPolicy())


async def size(place: Locator) -> tuple[float, float]:
    """Return width and height, in px."""
    box = await place.bounding_box()
    assert box is not None
    return box["width"], box["height"]


async def overlap(one: Locator, other: Locator) -> bool:
    a, b = await one.bounding_box(), await other.bounding_box()
    assert a is not None
    assert b is not None
    across = a["x"] < b["x"] + b["width"] and b["x"] < a["x"] + a["width"]
    return across and a["y"] < b["y"] + b["height"] and b["y"] < a["y"] + a["height"]


async def test_a_second_tab_of_one_room_is_noticed(page: Page, fake: FakeServer) -> None:
    await page.goto(fake.url + "/r/studio")
    twin = page.locator("#lobby-twin")
    await expect(page.get_by_role("button", name="Join now")).to_be_visible()
    await expect(twin).to_be_hidden()
    first = await page.context.new_page()
    await join(first, fake)
    await page.reload()
    await expect(twin).to_contain_text("in another tab already")
    await page.goto(fake.url + "/r/another")
    await expect(page.get_by_role("button", name="Join now")).to_be_visible()
    await expect(twin).to_be_hidden()


async def test_the_chat_can_be_used_with_the_keyboard_of_a_phone_open(page: Page, fake: FakeServer) -> None:
    await page.set_viewport_size({"width": 390, "height": 480})
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    await page.get_by_role("button", name="Chat").click()
    for number in range(12):
        await fake.send("chat", chat=fake.say("p1", f"Line {number} of what Grace has to say"))
    log, field = page.get_by_role("log"), page.get_by_label("Write a message")
    await expect(log.get_by_role("article")).to_have_count(12)
    assert (await size(log))[1] > 200
    assert (await size(field))[0] > 250
    for each in (field, page.get_by_role("button", name="Send"), page.get_by_role("button", name="Leave")):
        await expect(each).to_be_in_viewport(ratio=1)
    await fake.send("muted", by="p1")
    await expect(page.get_by_role("alert").filter(has_text="Grace has muted you")).to_be_visible()


@pytest.mark.parametrize("window", [(1440, 900), (820, 1180), (390, 844), (390, 480)])
async def test_what_is_said_in_passing_never_covers_the_lobby(
    page: Page, fake: FakeServer, window: tuple[int, int]
) -> None:
    await page.set_viewport_size({"width": window[0], "height": window[1]})
    await page.goto(fake.url + "/r/studio")
    await fake.expect("join")
    await fake.send("background", background="blur-strong", reason="policy")
    notice = page.locator(".notice")
    await expect(notice).to_be_in_viewport()
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert not await overlap(notice, page.locator("#join"))
    assert not await overlap(notice, page.locator("#picker"))
    await expect(page.locator("#join")).to_be_in_viewport(ratio=1)


async def test_the_lobby_fits_a_usual_window(page: Page, fake: FakeServer) -> None:
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.goto(fake.url + "/r/studio")
    await fake.expect("join")
    await fake.send("backgrounds", backgrounds=everything())
    await fake.sockets[-1].send_json(report())
    await expect(page.locator("label[data-background=tide]")).to_be_visible()
    await expect(page.locator("#plate")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollHeight") <= 900
    assert not await overlap(page.locator("#plate"), page.locator("#join"))


async def test_what_is_on_shows_as_on_and_a_hand_once(page: Page, fake: FakeServer) -> None:
    fake.role = "host"
    fake.others = [participant("p1", "Grace", hand=NOW), participant("p2", "Bob", audio=False)]
    await join(page, fake)
    microphone = page.locator(".toolbar [data-action=microphone]")
    await expect(microphone).to_have_text("Mic on")
    await expect(microphone.locator("use")).to_have_attribute("href", "/static/icons/icons.svg#mic")
    await microphone.click()
    await expect(microphone).to_have_text("Muted")
    await expect(page.get_by_role("button", name="Unmute microphone")).to_be_visible()
    await page.keyboard.press("p")
    grace, bob = page.locator("[data-person=p1]"), page.locator("[data-person=p2]")
    await expect(grace.locator("use[href$='#hand']")).to_have_count(1)
    await expect(grace.get_by_role("button", name="Mute: Grace").locator("use")).to_have_attribute(
        "href", "/static/icons/icons.svg#mic"
    )
    await expect(bob.locator("use[href$='#mic-off']")).to_have_count(1)


async def test_what_is_being_learned_can_be_cancelled_and_forgotten_only_afterwards(
    page: Page, fake: FakeServer
) -> None:
    await page.goto(fake.url + "/r/studio")
    await fake.expect("join")
    button = page.locator("#plate")
    for plate, words in (
        ("none", "Learn my surroundings"),
        ("recording", "Cancel"),
        ("used", "Forget my surroundings"),
    ):
        await fake.sockets[-1].send_json(report(plate=plate))
        await expect(button).to_have_text(words)


@pytest.mark.parametrize(
    ("agent", "message", "remedy"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36",
            "",
            "symbol at the left of the address, allow",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko Firefox/140.0", "", "crossed-out symbol"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605 Version/18 Safari/605", "", "Settings for this website"),
        ("Mozilla/5.0 (iPhone) AppleWebKit/605 Version/18 Mobile Safari/604", "", "“Website settings”"),
        (
            "Mozilla/5.0 (Macintosh) Chrome/140.0 Safari/537.36",
            "Permission denied by system",
            "system’s settings",
        ),
    ],
)
async def test_a_blocked_camera_comes_with_this_browsers_remedy(
    page: Page, fake: FakeServer, agent: str, message: str, remedy: str
) -> None:
    await page.add_init_script(f"""
      Object.defineProperty(navigator, 'userAgent', {{value: {agent!r}}});
      Object.defineProperty(navigator, 'mediaDevices', {{value: {{
        getUserMedia: async () => {{ throw new DOMException({message!r}, 'NotAllowedError'); }},
        enumerateDevices: async () => [], addEventListener() {{}}}}}});
    """)
    await page.goto(fake.url + "/r/studio")
    problem = page.locator("#lobby-problems [data-problem^=camera]")
    await expect(problem).to_contain_text("blocks the camera")
    await expect(problem).to_contain_text(remedy)
