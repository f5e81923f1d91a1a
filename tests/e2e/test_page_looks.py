"""How the page looks at every size, and whether everybody can use it: layout, axe-core, pictures to look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support import npm
from tests.support.fake_server import NOW, FakeServer, participant, report
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SIZES = {"desktop": (1440, 900), "tablet": (820, 1180), "phone": (390, 844), "phone-wide": (844, 390)}
NAMES = ("Grace Hopper", "محمد بن موسى", "A name that is longer than any tile could show it", "🦊 Fox", "Li")


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from npm."""
    folder = npm.install(tmp_path_factory.mktemp("axe"), "axe-core@4")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def people(count: int) -> list[dict[str, Any]]:
    """Return so many others, each in another way."""
    return [
        participant(
            f"p{i}",
            NAMES[i % len(NAMES)],
            audio=i % 3 != 1,
            hand=NOW if i == 2 else None,
            quality=("good", "fair", "poor", None)[i % 4],
            connected=i != 4,
        )
        for i in range(count)
    ]


def receipt() -> dict[str, Any]:
    """Return a `receipt` message, whose signature nobody can check."""
    frames = dict.fromkeys(("covered", "slated", "repeated", "withheld", "raw"), 0)
    frames |= dict.fromkeys(("received", "filtered", "encoded", "sent"), 900)
    told = {
        "participant": "me",
        "deviceFilter": "never",
        "frames": frames,
        "key": "9ZP03Nu8",
        "signature": "…",
    }
    return {"type": "receipt", "receipt": told}


async def violations(page: Page, axe: str) -> list[str]:
    """Return what axe-core finds wrong (WCAG 2.2 A and AA, and best practices)."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe)
    found = await page.evaluate("axe.run({resultTypes: ['violations']}).then(({violations}) => violations)")
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes']]}" for each in found
    ]


async def chatting(page: Page, fake: FakeServer) -> None:
    await page.keyboard.press("c")
    for who, words in (("p0", "Slides: https://example.org/slides"), ("me", "Thanks 🎉"), ("p1", "مرحبا")):
        await fake.send("chat", chat=fake.say(who, words))
    said = fake.say("p0", "A plan with quite a long name, for all who want to read it.pdf")
    await fake.send("chat", chat=said | {"file": {"id": "f1", "size": 3000}})
    await expect(page.get_by_role("log").get_by_role("article")).to_have_count(4)


async def hosting(page: Page, fake: FakeServer) -> None:
    await fake.send("knock", participant={"id": "k1", "name": "Rosalind"})
    await page.keyboard.press("p")
    await page.locator("#policy-backgrounds").select_option("some")
    await expect(page.locator("#policy-list input").first).to_be_attached()


async def choosing(page: Page, fake: FakeServer) -> None:
    await page.keyboard.press("b")
    await expect(page.locator("label[data-background=fjord]")).to_be_visible()


async def trusting(page: Page, fake: FakeServer) -> None:
    await fake.sockets[-1].send_json(report())
    await page.locator("#filter").click()
    await fake.expect("totals")


async def speaking(page: Page, fake: FakeServer) -> None:
    await page.keyboard.press("l")
    await fake.send("speaker", participant="p0", speaking=["p0"])
    await expect(page.locator("article[data-main]")).to_have_attribute("data-participant", "p0")


async def inviting(page: Page, fake: FakeServer) -> None:
    await opening(page, fake)
    await page.locator("#more [data-action=invite]").click()
    await page.get_by_role("switch", name="Ask for a PIN, too").check()
    await page.get_by_role("button", name="Make a link").click()
    await expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(1)


async def removing(page: Page, fake: FakeServer) -> None:
    await page.keyboard.press("p")
    await page.get_by_role("button", name="Remove from the room: Li").first.click()
    await expect(page.get_by_role("alertdialog")).to_be_visible()


async def pressing(page: Page, key: str) -> None:
    await page.keyboard.press(key)


async def opening(page: Page, fake: FakeServer) -> None:
    await page.locator(".toolbar [data-action=more]").click()


async def choosing_devices(page: Page, fake: FakeServer) -> None:
    await page.locator("#microphone-menu-button").click()
    await expect(page.get_by_role("menuitemradio").first).to_be_focused()


async def acting(page: Page, action: str) -> None:
    """Choose an item of the menu."""
    await page.locator(".toolbar [data-action=more]").click()
    await page.locator(f"#more [data-action={action}]").click()


async def hiding(page: Page, fake: FakeServer) -> None:
    await fake.send("hidden", participants={"me": "covered", "p0": "stopped"})
    await expect(page.locator("#banner")).to_be_visible()


async def captioning(page: Page, fake: FakeServer) -> None:
    await fake.send("participant-updated", participant=people(1)[0] | {"captions": True})
    for words, final in (("Good morning, everybody.", True), ("Shall we begin with the num", False)):
        await fake.send("caption", participant="p0", text=words, final=final)
    await expect(page.locator(".caption-line")).to_have_count(2)


async def folding_out(page: Page, fake: FakeServer) -> None:
    await trusting(page, fake)
    await page.locator("#filter-details summary").click()


Scene = Callable[[Page, FakeServer], Awaitable[None]]
SCENES: dict[str, Scene] = {
    "chat": chatting,
    "host": hosting,
    "backgrounds": choosing,
    "trust": trusting,
    "speaker": speaking,
    "menu": opening,
    "devices": choosing_devices,
    "invitation": inviting,
    "question": removing,
    "help": lambda page, _: pressing(page, "?"),
    "statistics": lambda page, _: pressing(page, "i"),
    "settings": lambda page, _: acting(page, "settings"),
    "counters": folding_out,
    "hidden": hiding,
    "captions": captioning,
}


@pytest.mark.parametrize(("scheme", "size"), [("light", "desktop"), ("dark", "desktop"), ("dark", "phone")])
async def test_axe_finds_nothing_wrong(
    page: Page, fake: FakeServer, axe: str, scheme: Literal["light", "dark"], size: str
) -> None:
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.goto(fake.url + "/watch/studio/desk")
    await expect(page.get_by_role("status")).to_have_text("404 Not Found")
    watching = await violations(page, axe)
    await page.goto(fake.url)
    found = {"watching": watching, "landing": await violations(page, axe)}
    await page.goto(fake.url + "/nothing")
    found["nothing"] = await violations(page, axe)
    for fake.refuse in ("token-expired", "pin-wrong"):
        await page.goto(fake.url + "/r/studio")
        await page.wait_for_selector("body[data-state=door]")
        found[fake.refuse] = await violations(page, axe)
    fake.refuse = None
    fake.role, fake.how, fake.others = "host", "links", people(5)
    await page.goto(fake.url + "/r/studio")
    await expect(page.locator("label[data-background=fjord]")).to_be_visible()
    found["lobby"] = await violations(page, axe)
    fake.policy["waitingRoom"] = True
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Join now").click()
    await expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    found["waiting"] = await violations(page, axe)
    fake.policy["waitingRoom"] = False
    await page.reload()
    await join(page, fake)
    found["room"] = await violations(page, axe)
    for scene, show in SCENES.items():
        await show(page, fake)
        found[scene] = await violations(page, axe)
        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
    fake.receipt = receipt()
    await page.get_by_role("button", name="Leave").click()
    await expect(page.locator("#receipt-card")).to_be_visible()
    found["left"] = await violations(page, axe)
    assert {scene: wrong for scene, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("count", [1, 2, 5, 9, 16])
async def test_tiles_fit_every_window(page: Page, fake: FakeServer, artifacts: Path, count: int) -> None:
    fake.others = people(count - 1)
    await join(page, fake)
    await expect(page.locator("article.tile")).to_have_count(count)
    for view in ("grid", "speaker"):
        for size, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            await page.evaluate(FRAMES)
            area, *tiles = [Box(*box) for box in await page.evaluate(BOXES)]
            assert all(tile.lies_in(area) for tile in tiles)
            if await page.locator("#tiles").get_attribute("data-layout") == "pair":
                assert tiles[0].lies_in(tiles[1])
            else:
                assert not any(a.overlaps(b) for a in tiles for b in tiles if a is not b)
            assert sum(tile.area for tile in tiles) > 0.45 * area.area
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            if view == "grid" and size in ("desktop", "phone"):
                await page.screenshot(path=artifacts / f"grid-{count}-{size}.png")
        await page.keyboard.press("l")


FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
BOXES = """[...document.querySelectorAll("#tiles, article.tile")].map((element) => {
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


@pytest.mark.parametrize("size", ["desktop", "tablet", "phone"])
async def test_pictures_to_look_at(browser: Browser, fake: FakeServer, artifacts: Path, size: str) -> None:
    fake.role, fake.how, fake.others = "host", "links", people(5)
    width, height = SIZES[size]
    context = await browser.new_context(
        permissions=["camera", "microphone"],
        viewport={"width": width, "height": height},
        color_scheme="dark" if size == "tablet" else "light",
        has_touch=size != "desktop",
        locale="en-US",
    )
    page = await context.new_page()
    await page.goto(fake.url)
    await page.screenshot(path=artifacts / f"landing-{size}.png")
    await page.goto(fake.url + "/r/studio")
    await expect(page.locator("label[data-background=fjord]")).to_be_visible()
    await page.screenshot(path=artifacts / f"lobby-{size}.png")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await join(page, fake)
    for scene, show in SCENES.items():
        await show(page, fake)
        await page.evaluate(FRAMES)
        await page.screenshot(path=artifacts / f"{scene}-{size}.png")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
    await context.close()


@pytest.mark.parametrize("width", [320, 390])
async def test_nothing_is_wider_than_a_phone(page: Page, fake: FakeServer, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 640})
    for path in ("/", "/nothing", "/r/studio"):
        await page.goto(fake.url + path)
        await page.locator("h1:visible").first.wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    await expect(page.locator(".room-label")).to_be_visible()
    assert await page.locator(".room-label").evaluate("(label) => label.scrollWidth <= label.clientWidth")


async def test_a_short_phone_has_place_for_people(page: Page, fake: FakeServer) -> None:
    """As with the keyboard open, or half of a screen: whatever there is to tell."""
    fake.role, fake.others = "host", people(4)
    await page.set_viewport_size({"width": 390, "height": 480})
    await page.goto(fake.url + "/r/studio")
    await join(page, fake)
    await fake.send("hidden", participants={"me": "covered"})
    await fake.send("unmute-allowed", by="p0")
    await fake.send("knock", participant={"id": "k1", "name": "Rosalind Franklin"})
    await expect(page.get_by_role("button", name="Let in: Rosalind Franklin")).to_be_in_viewport(ratio=1)
    tiles = await page.locator("#tiles").bounding_box()
    assert tiles is not None
    assert tiles["height"] > 0.3 * 480
    await page.keyboard.press("p")
    panel = await page.locator("#panel").bounding_box()
    assert panel is not None
    assert panel["height"] > 480 / 2
    await expect(page.get_by_role("button", name="Let in: Rosalind Franklin")).to_be_in_viewport(ratio=1)


async def test_a_screen_that_one_shares_from_a_phone_leaves_place_for_people(
    page: Page, fake: FakeServer
) -> None:
    fake.others = people(3)
    await page.set_viewport_size({"width": 390, "height": 480})
    await join(page, fake)
    await page.evaluate("document.getElementById('sharing').hidden = false")  # phones can't share
    banner = await page.locator("#sharing").bounding_box()
    tiles = await page.locator("#tiles").bounding_box()
    assert banner is not None
    assert tiles is not None
    assert banner["height"] < 0.2 * 480
    assert tiles["height"] > 0.5 * 480
    await expect(page.get_by_role("button", name="Stop sharing")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("size", ["desktop", "phone", "phone-wide"])
async def test_what_a_tile_says_stands_side_by_side(page: Page, fake: FakeServer, size: str) -> None:
    """A raised hand, why the picture is hidden, the name, and the menu of a touch screen."""
    fake.others = [participant(f"p{i}", NAMES[i], video=True, hand=NOW) for i in range(4)]
    await page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
    await join(page, fake)
    await fake.send("hidden", participants=dict.fromkeys(["p0", "p1", "p2", "p3"], "covered"))
    await expect(page.locator("[data-participant=p0] .tile-hidden")).to_be_visible()
    found = await page.evaluate("""() => [...document.querySelectorAll('.tile:not([data-self])')].flatMap((tile) => {
      const parts = [...tile.querySelectorAll('.tile-hand, .tile-hidden, .tile-name, .tile-menu')];
      const boxes = parts.map((each) => each.getBoundingClientRect());
      return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(
        (b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
      ).map(() => `${tile.ariaLabel}: ${parts[i].className}`));
    })""")
    assert found == []


async def test_a_phone_leaves_one_s_own_name_whole(browser: Browser, fake: FakeServer) -> None:
    context = await browser.new_context(
        permissions=["camera", "microphone"], viewport={"width": 390, "height": 844}, locale="de-DE"
    )
    page = await context.new_page()
    await page.goto(fake.url + "/r/studio")
    await page.get_by_label("Dein Name").fill("Ada")
    await page.get_by_role("button", name="Jetzt beitreten").click()
    name = page.locator("[data-self][data-video=on] .tile-text")
    await expect(name).to_be_visible()
    await expect(page.locator("[data-self] .tile-note.mirrored")).to_be_visible()
    assert await name.evaluate("(name) => name.scrollWidth <= name.clientWidth")
    await context.close()


@pytest.mark.parametrize("locale", ["en-US", "ar"])
async def test_the_chat_can_be_used_on_a_phone_held_across(
    browser: Browser, fake: FakeServer, locale: str
) -> None:
    fake.others = people(2)
    width, height = SIZES["phone-wide"]
    context = await browser.new_context(
        permissions=["camera", "microphone"], viewport={"width": width, "height": height}, locale=locale
    )
    page = await context.new_page()
    await page.goto(fake.url + "/r/studio")
    await page.locator("#name").fill("Ada")
    await page.locator("#join").click()
    await page.wait_for_selector("body[data-state=room]")
    await page.locator(".toolbar [data-action=chat]").click()
    await fake.send(
        "chat", chat=fake.say("p0", "A line that is quite long, as lines of a chat are now and then")
    )
    form, toolbar = (
        await page.locator("#chat-form").bounding_box(),
        await page.locator("#toolbar").bounding_box(),
    )
    assert form is not None
    assert toolbar is not None
    assert form["y"] + form["height"] <= toolbar["y"]
    log = await page.locator("#chat-log").bounding_box()
    assert log is not None
    assert log["height"] > 70
    await context.close()


async def test_twice_the_size_still_fits(page: Page, fake: FakeServer) -> None:
    """200 % zoom of a 1280 × 800 window is a window of half the size."""
    fake.others = people(3)
    await page.set_viewport_size({"width": 640, "height": 400})
    await page.goto(fake.url + "/r/studio")
    await page.get_by_role("button", name="Join now").scroll_into_view_if_needed()
    await expect(page.get_by_role("button", name="Join now")).to_be_in_viewport()
    await join(page, fake)
    for name in ("Mute microphone", "Turn camera off", "Chat", "More", "Leave"):
        await expect(page.locator(".toolbar").get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await fake.send("participant-updated", participant=fake.me | {"role": "host"})
    await fake.send("unmute-allowed", by="p2")
    await fake.send(
        "knock", participant={"id": "k1", "name": "Rosalind Elsie Franklin of Notting Hill in London"}
    )
    await fake.send("muted", by="p2")
    notice, toolbar = page.locator("#alerts .notice"), page.locator("#toolbar")
    await expect(page.get_by_role("button", name="Let in: Rosalind")).to_be_in_viewport(ratio=1)
    await expect(toolbar.get_by_role("button", name="Leave")).to_be_in_viewport(ratio=1)
    told, tools = await notice.bounding_box(), await toolbar.bounding_box()
    assert told is not None
    assert tools is not None
    assert told["y"] + told["height"] <= tools["y"]
    await page.keyboard.press("p")
    await expect(page.get_by_role("button", name="Remove from the room: Grace Hopper")).to_be_visible()
    assert (
        await page.locator("[data-person=p0] bdi").evaluate("(name) => name.scrollWidth - name.clientWidth")
        <= 20
    )


@pytest.mark.parametrize(("locale", "turned"), [("en-US", "none"), ("ar", "matrix(-1, 0, 0, 1, 0, 0)")])
async def test_what_points_onward_points_where_one_reads_to(
    browser: Browser, fake: FakeServer, locale: str, turned: str
) -> None:
    context = await browser.new_context(permissions=["camera", "microphone"], locale=locale)
    page = await context.new_page()
    await page.goto(fake.url + "/r/studio")
    await page.locator("#name").fill("Ada")
    await page.locator("#name").press("Enter")
    await page.wait_for_selector("body[data-state=room]")
    await page.keyboard.press("c")
    for button in ("#chat-form .primary", ".toolbar [data-action=leave]"):
        await expect(page.locator(f"{button} .icon")).to_have_css("transform", turned)
    await expect(page.locator(".toolbar [data-action=chat] .icon")).to_have_css("transform", "none")
    await context.close()
