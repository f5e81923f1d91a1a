"""What the page shows and sends, against a server that speaks the protocol without media."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Request, Route, expect

from server.config.options import STATIC
from tests.support.fake_server import FakeServer, error, participant
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

FIRST_LOAD = 65_000  # bytes that the lobby needs, without pictures
WHOLE_LOAD = 95_000  # bytes with what the meeting needs, which comes while one is in the lobby


async def test_the_front_page_suggests_a_room_and_leads_to_it(page: Page, fake: FakeServer) -> None:
    await page.goto(fake.url)
    room = page.get_by_label("Room name")
    await expect(room).to_have_value(re.compile(r"^[a-z]+-[a-z]+-[a-z0-9]{5}$"))
    await room.fill("a/b")
    await room.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="letters (a–z), digits")).to_be_visible()
    await room.fill("My studio")
    await room.press("Enter")
    await page.wait_for_url(fake.url + "/r/My-studio")
    await page.goto(fake.url + "/r/%E0%A4")
    await expect(room).to_be_visible()


async def test_whoever_joins_before_everything_is_loaded_joins_once(page: Page, fake: FakeServer) -> None:
    joined = asyncio.Event()

    async def late(route: Route) -> None:
        await joined.wait()
        await route.continue_()

    await page.route("**/api/backgrounds", late)
    await join(page, fake)
    joined.set()
    await expect(page.get_by_role("heading", name="studio")).to_be_visible()
    await page.keyboard.press("b")
    await expect(page.get_by_role("radio", name="Fjord")).to_be_attached()  # all is loaded now
    assert len(fake.messages("join")) == len(fake.sockets) == 1


async def test_what_could_not_be_loaded_is_loaded_by_itself(page: Page, fake: FakeServer) -> None:
    await page.route("**/room-controller.*", lambda route: route.abort(), times=1)
    await page.goto(fake.url + "/r/studio")
    await expect(page.get_by_text("The server can’t be reached. Trying again…")).to_be_visible()
    await fake.expect("join")
    await expect(page.get_by_text("The server can’t be reached.")).to_be_hidden()


async def test_the_first_load_is_small_and_flat_and_asks_nobody_else(page: Page, fake: FakeServer) -> None:
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request))
    async with page.expect_request_finished(lambda request: "/room-controller." in request.url):
        await page.goto(fake.url + "/r/studio")
    await expect(page.get_by_label("Your name")).to_be_focused()
    served = [each for each in requests if not each.url.startswith("blob:")]
    assert {urlsplit(each.url).netloc for each in served} == {urlsplit(fake.url).netloc}
    code = [each for each in served if each.url.endswith((".js", ".css", "/studio", ".svg"))]
    sizes = {each.url: (await each.sizes())["responseBodySize"] for each in code}
    assert sum(sizes.values()) < WHOLE_LOAD
    first = {url: size for url, size in sizes.items() if "/room-controller." not in url}
    assert sum(first.values()) < FIRST_LOAD
    assert len([url for url in first if not url.endswith(".svg")]) == 3  # page, script, style sheet


async def test_an_address_that_names_no_room_explains_itself(page: Page, fake: FakeServer) -> None:
    await page.goto(fake.url + "/r/%E4%BC%9A%E8%AD%B0")
    await expect(page.get_by_role("alert").filter(has_text="No room can have this name")).to_be_visible()
    await page.goto(fake.url + "/r/Caf%C3%A9")
    await expect(page.locator("#lobby .room-name")).to_have_text("cafe")
    await page.goto(fake.url)
    await page.get_by_label("Room name").fill("Straße 7")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.locator("#lobby .room-name")).to_have_text("Strasse-7")


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
    await expect(page.locator("#lobby-round-trip")).to_be_hidden()  # no picture has been anywhere
    await join(page, fake)
    media_message = await fake.expect("media")
    assert (media_message["audio"], media_message["video"]) == (False, False)
    assert "a=sendonly" in (await fake.expect("offer"))["sdp"]


async def test_who_tries_a_blocked_camera_again_keeps_the_focus(page: Page, fake: FakeServer) -> None:
    await page.add_init_script("""
        window.asked = 0;
        const unnamed = (kind) => ({kind, deviceId: '', label: '', groupId: ''});
        Object.defineProperty(navigator, 'mediaDevices', {value: {
          getUserMedia: async () => { asked += 1; throw new DOMException('', 'NotAllowedError'); },
          enumerateDevices: async () => [unnamed('videoinput'), unnamed('audioinput')],
          addEventListener() {},
        }});
    """)
    await page.goto(fake.url + "/r/studio")
    for label in ("Camera", "Microphone"):
        await expect(page.get_by_label(label, exact=True)).to_have_text("Browser’s choice")
    for kind in ("camera", "microphone"):
        again = page.locator(f"#lobby-problems [data-problem={kind}-refused] button")
        asked = await page.evaluate("asked")
        await again.press("Enter")
        await page.wait_for_function(f"() => asked > {asked}")
        await expect(again).to_be_focused()


@pytest.mark.parametrize("size", [(390, 844), (1024, 640), (320, 568)])
async def test_the_row_to_join_hides_nothing_that_has_the_focus(
    page: Page, fake: FakeServer, size: tuple[int, int]
) -> None:
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await page.goto(fake.url + "/r/studio")
    await expect(page.get_by_label("Your name")).to_be_focused()
    await fake.expect("join")
    await expect(page.locator("#plate")).to_be_visible()
    hidden = """() => {
      const {activeElement} = document;
      if (activeElement === document.body || activeElement.closest('.join-row')) return null;
      const shown = activeElement.closest('label') ?? activeElement;
      const row = document.querySelector('.join-row').getBoundingClientRect();
      return shown.getBoundingClientRect().top >= row.top ? activeElement.outerHTML : null;
    }"""
    for _ in range(26):
        assert await page.evaluate(hidden) is None
        await page.keyboard.press("Tab")


async def test_the_focus_stays_in_the_lobby_when_joining_takes_time_or_fails(
    page: Page, fake: FakeServer
) -> None:
    fake.policy["waitingRoom"] = True
    await page.goto(fake.url + "/r/studio")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_label("Your name").press("Enter")
    await expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    fake.policy["waitingRoom"] = False
    await fake.sockets[-1].send_json(fake.entered())
    await page.get_by_role("button", name="Leave").click()
    fake.refuse = "room-full"
    await page.get_by_role("button", name="Rejoin").press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="This room is full")).to_be_visible()
    await expect(page.get_by_role("button", name="Join now")).to_be_focused()


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
    await fake.until("media", audio=True, video=True)
    await page.keyboard.press("m")
    await fake.until("media", audio=False, video=True)
    await page.keyboard.press("v")
    await fake.until("media", audio=False, video=False)
    await expect(page.get_by_role("article", name="You, muted, camera off")).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await page.get_by_role("switch", name="Use keyboard shortcuts").uncheck()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.keyboard.press("m")
    await expect(page.get_by_role("article", name="You, muted, camera off")).to_be_visible()
    await page.get_by_role("button", name="Chat").click()
    await page.get_by_role("button", name="More", exact=True).click()
    await page.keyboard.press("Escape")
    await expect(page.locator("#more")).to_be_hidden()
    await expect(page.locator("#panel")).to_be_visible()  # one thing at a time
    await page.keyboard.press("Escape")
    await expect(page.locator("#panel")).to_be_hidden()


async def test_an_own_picture_is_uploaded_and_a_plain_colour_hides_the_room_until_then(
    page: Page, fake: FakeServer
) -> None:
    await page.goto(fake.url + "/r/studio")
    picture = sorted((STATIC / "backgrounds").glob("*.jpg"))[0]
    await page.locator("#upload").set_input_files(picture)
    await expect(page.locator("label[data-background^='own:'] input")).to_be_checked()
    await fake.until("background", background="upload:1")
    authorization, body = fake.uploads[0]
    assert authorization == "Bearer secret"
    assert body.startswith(b"\xff\xd8")
    await page.reload()
    again = await fake.expect("join", 2)
    assert again["background"].startswith("#")
    await fake.until("background", background="upload:2")
    await page.get_by_role("button", name="Remove").press("Enter")
    await fake.until("background", background="blur-strong")
    await expect(page.locator("label[data-background=blur-strong] input")).to_be_focused()
    await page.locator("#upload-button").focus()
    await page.locator("#upload").set_input_files(picture)
    await expect(page.locator("label[data-background^='own:'] input")).to_be_checked()
    await expect(page.locator("#upload-button")).to_be_focused()


async def test_names_are_shown_as_they_are_written(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "<img src=x onerror=alert(1)>")]
    await join(page, fake)
    await expect(page.locator("[data-participant=p1] .tile-text")).to_have_text(fake.others[0]["name"])


async def test_the_page_is_ready_within_a_second(page: Page, fake: FakeServer) -> None:
    times = []
    for _ in range(3):  # the machine may be busy with something else
        await page.goto(fake.url + "/r/studio")
        await expect(page.get_by_label("Your name")).to_be_focused()
        entry = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        times.append(await page.evaluate(entry))
    assert min(times) < 1000
