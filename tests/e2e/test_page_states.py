"""What the page shows and sends, against a server that speaks the protocol without media."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from server.config import STATIC
from tests.support.fake_server import FakeServer, error, fake_server, participant

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

FIRST_LOAD = 150_000  # bytes, without pictures


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    async with fake_server() as fake:
        yield fake


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Open a page that must not complain: no error, nothing that its security policy forbids."""
    page = await browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda problem: complaints.append(str(problem)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    await page.close()
    assert not [each for each in complaints if "Error" in each or "Security Policy" in each]


async def join(page: Page, fake: FakeServer, name: str = "Ada") -> None:
    await page.goto(fake.url + "/r/studio")
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Join now").click()
    await page.wait_for_selector("body[data-state=room]")


async def test_the_front_page_suggests_a_room_and_leads_to_it(page: Page, fake: FakeServer) -> None:
    await page.goto(fake.url)
    room = page.get_by_label("Room name")
    await expect(room).to_have_value(re.compile(r"^[a-z]+-[a-z]+-[a-z0-9]{5}$"))
    await room.fill("a/b")
    await room.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="letters, digits")).to_be_visible()
    await room.fill("My studio")
    await room.press("Enter")
    await page.wait_for_url(fake.url + "/r/My-studio")


async def test_the_first_load_is_small_and_asks_nobody_else(page: Page, fake: FakeServer) -> None:
    sizes: dict[str, int] = {}

    async def weigh(url: str) -> None:
        response = await page.request.get(url)
        sizes[url] = len(await response.body())

    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    await page.goto(fake.url + "/r/studio")
    await expect(page.locator("label[data-background=fjord]")).to_be_visible()
    served = [url for url in urls if not url.startswith("blob:")]
    assert {urlsplit(url).netloc for url in served} == {urlsplit(fake.url).netloc}
    for url in {url for url in served if url.endswith((".js", ".css", ".html", "/studio", "icons.svg"))}:
        await weigh(url)
    assert len(sizes) > 10
    assert sum(sizes.values()) < FIRST_LOAD


PROBLEMS = {
    "NotAllowedError": ("camera-refused", "blocks the camera"),
    "NotFoundError": ("camera-missing", "No camera found"),
    "NotReadableError": ("camera-busy", "in use elsewhere"),
    "insecure": ("camera-insecure", "no secure connection"),
}


@pytest.mark.parametrize("problem", PROBLEMS)
async def test_a_missing_camera_is_explained_and_does_not_keep_anybody_out(
    page: Page, fake: FakeServer, problem: str
) -> None:
    media = "undefined"
    if problem != "insecure":
        media = (
            f"{{getUserMedia: async () => {{ throw new DOMException('', '{problem}'); }}, "
            "enumerateDevices: async () => [], addEventListener() {}}"
        )
    await page.add_init_script(f"Object.defineProperty(navigator, 'mediaDevices', {{value: {media}}})")
    await page.goto(fake.url + "/r/studio")
    key, words = PROBLEMS[problem]
    await expect(page.locator(f"#lobby-problems [data-problem={key}]")).to_contain_text(words)
    await join(page, fake)
    media_message = await fake.expect("media")
    assert (media_message["audio"], media_message["video"]) == (False, False)
    assert "a=sendonly" in (await fake.expect("offer"))["sdp"]


async def test_a_lost_connection_is_shown_and_taken_up_with_seat_and_background(
    page: Page, fake: FakeServer
) -> None:
    await join(page, fake)
    await page.keyboard.press("b")
    await page.locator("label[data-background=fjord]").click()
    assert (await fake.expect("background"))["background"] == "fjord"
    fake.refuse = "shutting-down"
    await fake.sockets[-1].close()
    await expect(page.get_by_text("Connection lost – rejoining…")).to_be_visible()
    await fake.expect("join", 2)
    fake.refuse = None
    await expect(page.get_by_text("Connection lost – rejoining…")).to_be_hidden()
    again = fake.messages("join")[-1]
    assert (again["seat"], again["background"]) == ("secret", "fjord")
    assert "seat" not in fake.messages("join")[0]


async def test_a_seat_taken_elsewhere_is_not_taken_back(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    await fake.sockets[-1].send_json(error("replaced"))
    await expect(page.get_by_role("heading", name="You joined from somewhere else")).to_be_visible()
    await page.wait_for_timeout(600)  # twice the time after which a lost connection is tried again
    assert len(fake.messages("join")) == 1


async def test_a_full_room_is_explained_in_the_lobby(page: Page, fake: FakeServer) -> None:
    fake.refuse = "room-full"
    await page.goto(fake.url + "/r/studio")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Join now").click()
    await expect(page.get_by_role("alert").filter(has_text="This room is full")).to_be_visible()
    await expect(page.get_by_role("button", name="Join now")).to_be_enabled()


async def test_shortcuts_act_in_the_room(page: Page, fake: FakeServer) -> None:
    await join(page, fake, "mvb")
    assert (await fake.expect("media"))["video"]
    await page.keyboard.press("m")
    assert not (await fake.expect("media", 2))["audio"]
    await page.keyboard.press("v")
    assert not (await fake.expect("media", 3))["video"]
    await expect(page.get_by_role("article", name="You, muted, camera off")).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_an_own_picture_is_uploaded_after_joining_and_a_plain_colour_hides_the_room_until_then(
    page: Page, fake: FakeServer
) -> None:
    await page.goto(fake.url + "/r/studio")
    picture = sorted((STATIC / "backgrounds").glob("*.jpg"))[0]
    await page.locator("#upload").set_input_files(picture)
    await expect(page.locator("label[data-background^='own:'] input")).to_be_checked()
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Join now").click()
    assert (await fake.expect("background"))["background"] == "upload:1"
    assert fake.messages("join")[0]["background"].startswith("#")
    authorization, body = fake.uploads[0]
    assert authorization == "Bearer secret"
    assert body.startswith(b"\xff\xd8")


async def test_names_are_shown_as_they_are_written(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "<img src=x onerror=alert(1)>")]
    await join(page, fake)
    await expect(page.locator("[data-participant=p1] .tile-text")).to_have_text(fake.others[0]["name"])


@pytest.mark.parametrize("people", [1, 2, 5, 16])
async def test_tiles_fit_every_window(page: Page, fake: FakeServer, people: int) -> None:
    fake.others = [participant(f"p{i}", f"Person {i}") for i in range(people - 1)]
    await join(page, fake)
    await expect(page.locator("article")).to_have_count(people)
    for width, height in ((1440, 900), (820, 1180), (390, 844), (844, 390)):
        await page.set_viewport_size({"width": width, "height": height})
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        area, *tiles = [Box(*box) for box in await page.evaluate(BOXES)]
        assert all(tile.lies_in(area) for tile in tiles)
        assert not any(a.overlaps(b) for a in tiles for b in tiles if a is not b)
        assert sum(tile.area for tile in tiles) > 0.45 * area.area
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


BOXES = """[...document.querySelectorAll("#tiles, article")].map((element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return [left, top, right, bottom];
})"""


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)

    def lies_in(self, other: Box) -> bool:
        near = self.left >= other.left - 1 and self.top >= other.top - 1
        return near and self.right <= other.right + 1 and self.bottom <= other.bottom + 1

    def overlaps(self, other: Box) -> bool:
        across = self.left < other.right - 1 and other.left < self.right - 1
        return across and self.top < other.bottom - 1 and other.top < self.bottom - 1
