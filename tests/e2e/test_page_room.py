"""What people do in a room: chat, hands, screens, hosts, backgrounds; against a server without media."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Page, expect

from server.receipts.receipt import public_jwk, sign
from tests.support.fake_server import BACKGROUNDS, NOW, FakeServer, error, participant, report
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


async def test_one_comes_to_the_lobby_first_and_enters_by_name(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Grace")]
    await page.goto(fake.url + "/r/studio")
    await expect(page.get_by_text("One person is in the room.")).to_be_visible()
    assert (await fake.expect("join"))["preview"] is True
    assert not fake.messages("enter")
    await join(page, fake, "Ada")
    assert (await fake.expect("enter"))["name"] == "Ada"
    await expect(page.get_by_role("article")).to_have_count(2)


async def test_a_waiting_room_is_waited_in(page: Page, fake: FakeServer) -> None:
    fake.policy["waitingRoom"] = True
    await page.goto(fake.url + "/r/studio")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Join now").dblclick()  # as some do with all buttons
    await expect(page.get_by_text("The hosts have been told that you are here.")).to_be_visible()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("button", name="Join now")).to_be_enabled()
    await page.get_by_label("Your name").focus()
    for _ in range(3):
        await page.keyboard.down("Enter")  # held
    await page.keyboard.up("Enter")
    await expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    assert len(fake.messages("leave")) == 1
    await fake.sockets[-1].send_json(fake.entered())
    await page.wait_for_selector("body[data-state=room]")


async def test_who_is_not_let_in_is_told_in_the_lobby(page: Page, fake: FakeServer) -> None:
    fake.refuse_entry = "room-locked"
    await page.goto(fake.url + "/r/studio")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Join now").click()
    await expect(page.get_by_role("alert").filter(has_text="This room is locked")).to_be_visible()
    fake.refuse_entry = None
    await join(page, fake)
    await fake.sockets[-1].send_json(error("removed"))
    await expect(page.get_by_role("heading", name="A host has removed you")).to_be_visible()


async def test_chat_shows_links_safely_and_counts_what_is_unread(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "محمد <b>")]
    await join(page, fake)
    said = "see https://example.org/a?b=1. javascript:alert(1) <img src=x>"
    await fake.send("chat", chat=fake.say("p1", said))
    button = page.get_by_role("button", name="Chat, 1 unread")
    await expect(button).to_be_visible()
    assert (await page.title()).startswith("(1) studio")
    await page.keyboard.press("c")
    message = page.get_by_role("log").get_by_role("article")
    await expect(message).to_contain_text(said)
    links = message.get_by_role("link")
    await expect(links).to_have_count(1)
    await expect(links).to_have_attribute("href", "https://example.org/a?b=1")
    await expect(links).to_have_attribute("rel", re.compile("noopener"))
    await fake.send("chat", chat=fake.say("p1", "https://evil.example/\u202emoc.knab"))
    await expect(links.last).to_have_text("https://evil.example/")
    await expect(page.get_by_role("button", name="Chat", exact=True)).to_be_visible()
    field = page.get_by_label("Write a message")
    await expect(field).to_be_focused()
    await field.fill("にほ")
    await field.dispatch_event(
        "keydown", {"key": "Enter", "keyCode": 229, "cancelable": True}
    )  # of Safari's IME
    await expect(field).to_have_value("にほ")
    await field.fill("")
    await field.fill("Hello\nthere")
    await field.press("Enter")
    assert (await fake.expect("chat"))["text"] == "Hello\nthere"
    await expect(page.get_by_role("log")).to_contain_text("Hello there")


async def test_a_long_chat_loses_its_beginning(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    await page.keyboard.press("c")
    for number in range(1005):
        await fake.send("chat", chat=fake.say("p1", f"Number {number}"))
    entries = page.get_by_role("log").get_by_role("article")
    await expect(entries.last).to_contain_text("Number 1004")
    await expect(entries).to_have_count(1000)
    await expect(entries.first).to_contain_text("Number 5")


async def test_hands_and_reactions(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    await page.keyboard.press("h")
    assert (await fake.expect("hand"))["raised"] is True
    await expect(page.get_by_role("article", name=re.compile("^You.*, hand raised"))).to_be_visible()
    await expect(page.get_by_role("button", name="Lower hand")).to_be_visible()
    await fake.send("participant-updated", participant=participant("p1", "Grace", hand=NOW))
    await expect(page.get_by_text("Grace raised a hand")).to_be_visible()
    await page.keyboard.press("r")
    await page.get_by_role("button", name="React with 🎉").click()
    assert (await fake.expect("reaction"))["reaction"] == "🎉"
    await expect(page.locator("[data-self] .tile-reaction")).to_have_text("🎉")


async def test_a_picture_that_stands_still_says_why(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Bob", video=True), participant("p2", "Eve")]
    await join(page, fake)
    words = page.get_by_text("Paused: slow connection")
    for quality in ("fair", "good"):
        await fake.send("quality", quality={"p1": quality})
        await expect(page.locator(f"[data-participant=p1][data-quality={quality}]")).to_be_visible()
        await expect(words.filter(visible=True)).to_have_count(0)
    await fake.send("paused", participants=["p1", "p2"])
    await expect(page.get_by_role("article", name="Bob, Paused: slow connection")).to_be_visible()
    await expect(words.filter(visible=True)).to_have_count(1)
    bob = participant("p1", "Bob", video=True, audio=False)
    await fake.send("participant-updated", participant=bob)
    await expect(page.get_by_role("article", name="Bob, muted, Paused: slow connection")).to_be_visible()
    await fake.send("paused", participants=[])
    await expect(words.filter(visible=True)).to_have_count(0)


async def test_a_camera_that_the_server_hides_says_so_to_everybody(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Bob", video=True)]
    await page.goto(fake.url + "/r/studio")
    await fake.expect("join")
    await fake.send("hidden", participants={"me": "covered"})
    await expect(page.locator("#stage-title")).to_have_text("Hidden for a moment: the server is busy")
    await fake.send("hidden", participants={})
    await expect(page.locator("#stage-title")).to_have_text("Your background: Soft blur")
    await join(page, fake)
    chip = page.locator("#filter")
    await expect(chip).to_have_text("Filtered")
    await fake.send("hidden", participants={"p1": "covered"})
    bob = page.get_by_role("article", name="Bob, Hidden for a moment: the server is busy")
    await expect(bob.locator(".tile-hidden")).to_be_visible()
    await expect(chip).to_have_text("Filtered")
    await expect(page.locator("#banner")).to_be_hidden()
    for why, words in (
        ("covered", "your background without you"),
        ("stopped", "stands still"),
        ("error", "safe picture"),
    ):
        await fake.send("hidden", participants={"me": why})
        await expect(page.get_by_role("status").filter(has_text=words)).to_be_visible()
        await expect(chip).to_have_text("Hidden")
        await expect(page.locator("[data-self] .tile-hidden")).to_be_visible()
    await expect(bob).to_have_count(0)
    await fake.send("hidden", participants={})
    await expect(chip).to_have_text("Filtered")
    await expect(page.locator("#banner")).to_be_hidden()


async def test_one_may_save_data_or_have_sound_only(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    assert fake.messages("receive") == []
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("button", name="Settings").click()
    choice = page.get_by_label("Pictures of the others")
    await choice.select_option("saver")
    assert (await fake.expect("receive"))["video"] == "saver"
    await choice.select_option("none")
    assert (await fake.expect("receive", 2))["video"] == "none"
    await expect(page.locator(".toolbar [data-action=camera]")).to_have_attribute("data-on", "false")
    await fake.until("media", video=False)
    await page.reload()
    await join(page, fake)
    assert (await fake.expect("receive", 3))["video"] == "none"


async def test_the_speaker_is_large_in_speaker_view_and_anybody_can_be_pinned(
    page: Page, fake: FakeServer
) -> None:
    fake.others = [participant(f"p{i}", f"Person {i}", quality="poor") for i in range(1, 5)]
    await join(page, fake)
    main = page.locator("article[data-main]")
    await expect(main).to_have_count(0)
    await page.keyboard.press("l")
    await fake.send("speaker", participant="p3", speaking=["p3"])
    await expect(main).to_have_attribute("data-participant", "p3")
    await fake.until("receive", video="all", large="p3")
    await expect(main).to_have_attribute("data-speaking", "")
    await page.get_by_role("button", name="More about Person 1").click()
    await page.get_by_role("button", name="Show large").click()
    await expect(main).to_have_attribute("data-participant", "p1")
    await fake.until("receive", large="p1")
    await expect(page.get_by_role("article", name="Person 1, camera off, poor connection")).to_be_visible()
    await page.get_by_role("button", name="More about Person 1").click()
    await page.get_by_role("button", name="Show like the others").click()
    await page.get_by_role("button", name="Grid view").click()
    await expect(main).to_have_count(0)
    await fake.until("receive", large=None)


async def test_the_space_bar_opens_the_microphone_while_it_is_held(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    await page.keyboard.press("m")
    await fake.until("media", audio=False)
    await page.keyboard.down(" ")
    await expect(page.get_by_text("You are heard as long as you hold the space bar.")).to_be_visible()
    await expect(page.get_by_role("button", name="Mute microphone")).to_be_visible()
    await page.keyboard.up(" ")
    await expect(page.get_by_role("button", name="Unmute microphone")).to_be_visible()
    await page.keyboard.down(" ")
    await expect(page.get_by_text("You are heard as long as you hold the space bar.")).to_be_visible()
    await fake.send("muted", by="p1")
    await expect(page.get_by_text("You are heard as long as you hold the space bar.")).to_be_hidden()
    await page.keyboard.up(" ")
    await page.get_by_role("button", name="Chat", exact=True).click()
    await page.keyboard.type("a b")
    await expect(page.get_by_label("Write a message")).to_have_value("a b")


async def test_hosts_decide(page: Page, fake: FakeServer) -> None:
    fake.role, fake.others = "host", [participant("p1", "Grace", hand=NOW)]
    await join(page, fake)
    await fake.send("knock", participant={"id": "k1", "name": "Eve"})
    await page.get_by_role("button", name="Let in: Eve").click()
    assert (await fake.expect("admit"))["participant"] == "k1"
    await fake.send("knock-ended", participant="k1")
    await expect(page.get_by_role("region", name="Waiting to be let in")).to_be_hidden()
    await page.keyboard.press("p")
    for label, kind in (("Mute", "mute"), ("Lower hand", "hand"), ("Remove from the room", "remove")):
        await page.get_by_role("button", name=f"{label}: Grace").click()
        if kind == "remove":
            await page.get_by_role("button", name=label, exact=True).click()
        assert (await fake.expect(kind))["participant"] == "p1"
    await page.get_by_role("button", name="Mute everybody else").click()
    assert "participant" not in await fake.expect("mute", 2)
    await page.get_by_role("switch", name="Lock the room").check()
    await page.get_by_role("switch", name="Waiting room").check()
    await page.get_by_label("Who may share a screen").select_option("Nobody")
    await page.get_by_label("Allowed backgrounds").first.select_option("Blur only")
    await fake.until("policy", policy={"backgrounds": "blur"})
    assert [message["policy"] for message in fake.messages("policy")] == [
        {"locked": True},
        {"waitingRoom": True},
        {"screenShare": "off"},
        {"backgrounds": "blur"},
    ]
    await expect(page.get_by_role("button", name="Sharing a screen is off in this room")).to_be_disabled()
    await expect(page.get_by_role("img", name="The room is locked")).to_be_visible()
    await page.get_by_label("Allowed backgrounds").first.select_option("Only these")
    await page.get_by_role("checkbox", name="Strong blur").uncheck(force=True)
    assert len(fake.messages("policy")) == 4  # nobody is moved before the list is complete
    await page.get_by_role("button", name="Apply to everybody").click()
    await fake.until("policy", policy={"backgrounds": ["blur", "fjord"]})
    await expect(page.get_by_role("button", name="Apply to everybody")).to_be_hidden()


async def test_the_focus_stays_with_whom_a_host_decides_about(page: Page, fake: FakeServer) -> None:
    fake.role = "host"
    await join(page, fake)
    for identity, name in (("k1", "Alice"), ("k2", "Mallory")):
        await fake.send("knock", participant={"id": identity, "name": name})
    refuse = page.get_by_role("button", name="Refuse: Mallory")
    await refuse.focus()
    await fake.send("knock", participant={"id": "k3", "name": "Carol"})
    await expect(page.get_by_role("button", name="Let in: Carol")).to_be_visible()
    await expect(refuse).to_be_focused()
    await page.keyboard.press("Enter")
    assert (await fake.expect("deny"))["participant"] == "k2"
    await fake.send("knock-ended", participant="k2")
    await expect(page.locator("#room-title")).to_be_focused()
    await expect(page.get_by_role("button", name="Let in")).to_have_count(2)
    assert not fake.messages("admit")


async def test_of_two_of_one_name_the_focus_stays_with_the_same(page: Page, fake: FakeServer) -> None:
    fake.role, fake.others = "host", [participant("p1", "Guest"), participant("p2", "Guest")]
    await join(page, fake)
    await page.keyboard.press("p")
    remove = page.locator("[data-person=p2]").get_by_role("button", name="Remove from the room: Guest")
    await remove.focus()
    await fake.send("quality", quality={"p1": "poor"})
    await expect(page.locator("[data-person=p1]")).to_contain_text("poor connection")
    await expect(remove).to_be_focused()


@pytest.mark.parametrize("size", [(390, 844), (1024, 640)])
async def test_what_is_said_in_passing_covers_nothing_that_one_uses(
    page: Page, fake: FakeServer, size: tuple[int, int]
) -> None:
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    fake.role, fake.others = "host", [participant("p1", "Grace")]
    await join(page, fake)
    await page.get_by_role("button", name="Chat", exact=True).click()
    await fake.send("knock", participant={"id": "k1", "name": "Alice"})
    await fake.send("muted", by="p1")
    await fake.send("participant-joined", participant=participant("p2", "A name of some length " * 3))
    await expect(page.locator("#notices .notice")).to_be_visible()
    await expect(page.locator("#alerts .notice")).to_be_visible()
    full_blur = await page.evaluate("""() => {
      const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
      const inUse = [...document.querySelectorAll('#knocks button, #chat-text, .tool, .notice')];
      return [...document.querySelectorAll('.notice')].flatMap((notice) => inUse.filter(
        (each) => each !== notice && overlap(each.getBoundingClientRect(), notice.getBoundingClientRect())
      ).map((each) => each.outerHTML));
    }""")
    assert full_blur == []


async def test_hosts_record_where_that_is_allowed_and_it_is_marked(page: Page, fake: FakeServer) -> None:
    fake.role = "host"
    await join(page, fake)
    mark = page.locator("#recording")
    await page.keyboard.press("p")
    await expect(page.get_by_role("button", name="Start recording")).to_be_disabled()
    await page.get_by_role("switch", name="Allow recording").check()
    await fake.until("policy", policy={"recording": True})
    await expect(mark).to_be_hidden()
    await page.get_by_role("button", name="Start recording").click()
    assert (await fake.expect("recording"))["on"] is True
    await expect(mark).to_have_text("Recording")
    await expect(mark).to_be_visible()
    await expect(page.get_by_role("status").filter(has_text="This room is being recorded")).to_be_visible()
    await page.get_by_role("button", name="Stop recording").click()
    assert (await fake.expect("recording", 2))["on"] is False
    await expect(mark).to_be_hidden()
    await expect(page.get_by_text("The recording has ended.")).to_be_visible()


async def test_a_recording_is_told_before_one_enters_and_to_guests(page: Page, fake: FakeServer) -> None:
    fake.recording = {"since": NOW, "by": "p1"}
    fake.others = [participant("p1", "Grace", role="host")]
    await page.goto(fake.url + "/r/studio")
    await expect(page.locator("#lobby-recording")).to_have_text("This room is being recorded.")
    await join(page, fake)
    await expect(page.locator("#recording")).to_be_visible()
    await expect(page.get_by_role("status").filter(has_text="This room is being recorded")).to_be_visible()
    await expect(page.get_by_role("button", name="Stop recording")).to_have_count(0)
    await fake.send("recording", recording=None, reason="ended")
    await expect(page.locator("#recording")).to_be_hidden()


FRAMES = {
    **{
        "received": 900,
        "filtered": 890,
        "covered": 0,
        "slated": 5,
        "repeated": 1,
        "encoded": 896,
        "sent": 896,
    },
    **{"withheld": 4, "raw": 0},
}


def receipt(key: Ed25519PrivateKey, **changes: object) -> dict[str, Any]:
    """Return a `receipt` message, signed."""
    content = {"version": 1, "room": "Straße", "participant": "me", "start": NOW, "end": NOW + 60_000}
    content |= {"policies": ["ab" * 32], "model": "cd" * 32, "deviceFilter": "never", "frames": FRAMES}
    return {"type": "receipt", "receipt": sign(key, content | changes)}


@pytest.mark.parametrize("removed", [False, True])
async def test_the_receipt_can_be_kept(page: Page, fake: FakeServer, removed: bool) -> None:
    key = Ed25519PrivateKey.generate()
    told, fake.receipt_key = receipt(key), public_jwk(key.public_key())
    await join(page, fake)
    if removed:
        await fake.sockets[-1].send_json(told)
        await fake.sockets[-1].send_json(error("removed"))
    else:
        fake.receipt = told
        await page.get_by_role("button", name="Leave").click()
    card = page.get_by_role("region", name="The server’s receipt")
    await expect(card).to_contain_text("Filtered and shown: 890. Sent unfiltered: 0.")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Save the receipt").click()
    kept = await download.value
    assert kept.suggested_filename == "receipt-me.json"
    assert json.loads((await kept.path()).read_text()) == told["receipt"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("", "Checked in this browser"),
        ("forged", "does not fit"),
        ("another key", "does not fit"),
        ("raw", "do not add up"),
        ("no key", "can’t check"),
    ],
)
async def test_the_receipt_is_checked_in_the_page(
    page: Page, fake: FakeServer, wrong: str, words: str
) -> None:
    await page.goto(fake.url)
    algorithm = "crypto.subtle.generateKey('Ed25519', false, ['sign']).then(() => true, () => false)"
    if not await page.evaluate(algorithm):
        pytest.skip("this Chromium has no Ed25519")
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    fake.receipt = receipt(
        key, frames=FRAMES | {"sent": 897, "encoded": 897, "raw": 1} if wrong == "raw" else FRAMES
    )
    if wrong == "forged":
        fake.receipt["receipt"]["frames"] = FRAMES | {"slated": 6}
    fake.receipt_key = (
        {} if wrong == "no key" else public_jwk((other if wrong == "another key" else key).public_key())
    )
    await join(page, fake)
    await page.get_by_role("button", name="Leave").click()
    await expect(page.locator("#receipt-verdict")).to_contain_text(words)


async def test_guests_see_no_tools_of_hosts(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Grace", role="host")]
    await join(page, fake)
    await page.keyboard.press("p")
    await expect(page.get_by_role("listitem").filter(has_text="Host")).to_have_count(1)
    await expect(page.get_by_role("button", name="Remove")).to_have_count(0)
    await expect(page.get_by_role("switch")).to_have_count(0)
    await fake.send("muted", by="p1")
    await expect(page.get_by_role("alert").filter(has_text="Grace has muted you")).to_be_visible()
    await fake.until("media", audio=False)
    await fake.send("participant-updated", participant=fake.me | {"role": "host"})
    await expect(page.get_by_role("switch", name="Lock the room")).to_be_visible()


async def test_only_what_the_policy_allows_is_offered(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    await page.keyboard.press("b")
    await page.locator("label[data-background=fjord]").click()
    await expect(page.get_by_label("Pick a colour")).to_be_visible()
    await fake.send(
        "policy",
        policy=fake.policy | {"backgrounds": "blur"},
        effective=fake.policy | {"backgrounds": "blur"},
    )
    await fake.send("backgrounds", backgrounds=BACKGROUNDS[:2])
    await fake.send("background", background="blur", reason="policy")
    await expect(page.locator("label[data-background]")).to_have_count(2)
    await expect(page.locator("label[data-background=blur] input")).to_be_checked()
    await expect(page.get_by_label("Pick a colour")).to_be_hidden()
    await expect(page.locator("#upload-button")).to_have_count(0)
    await expect(page.get_by_text("The hosts have changed what is allowed.")).to_be_visible()
    assert await page.evaluate("localStorage['greenroom.background']") == '"fjord"'


async def test_the_shield_tells_what_the_filter_does(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    await fake.sockets[-1].send_json(report(degraded="overload", reason="The server is busy."))
    await page.get_by_role("button", name="Filtered, with trouble: show details").click()
    dialog = page.get_by_role("dialog", name="Everyone sees you filtered")
    words = dialog.locator("#filter-degraded")  # a notice before the dialog says the same
    await expect(words).to_be_visible()
    await expect(words).to_contain_text("The server is busy.")
    await expect(dialog).to_contain_text("0.35% of your surroundings in a picture, 4.8% collected over")
    await expect(dialog.locator("#filter-counters")).to_be_hidden()
    await dialog.get_by_text("How it works, and the numbers").click()
    for name, number in (
        ("filtered", "890"),
        ("covered", "4"),
        ("slated", "5"),
        ("raw", "0"),
        ("delay", "13 ms"),
    ):
        await expect(dialog.locator(f"#filter-counters [data-counter={name}] dd")).to_have_text(number)
    await fake.expect("totals")
    await expect(dialog.locator("#filter-totals [data-counter=raw] dd")).to_have_text("0")
    await expect(dialog.locator("[data-counter=checksum] dd")).to_have_text("0123456789abcdef" * 4)


async def test_a_shared_screen_is_offered_and_shown_as_unfiltered(page: Page, fake: FakeServer) -> None:
    await page.add_init_script("""
        navigator.mediaDevices.getDisplayMedia = async () => {
          const canvas = Object.assign(document.createElement('canvas'), {width: 640, height: 360});
          canvas.getContext('2d').fillRect(0, 0, 9, 9);
          return canvas.captureStream(5);
        };
    """)
    await join(page, fake)
    await page.get_by_role("button", name="Share screen").click()
    offer = await fake.until("offer", connection="screen")
    assert "VP8" in offer["sdp"]
    await expect(page.get_by_text("Everyone sees the screen you share, without the filter.")).to_be_visible()
    await page.wait_for_function("() => document.getElementById('sharing-preview').videoWidth > 0")
    await expect(page.locator("#sharing-preview")).to_be_visible()
    await fake.send("screen", shared=False, reason="policy")
    await expect(page.get_by_text("the hosts don’t allow it any more")).to_be_visible()
    await expect(page.get_by_text("Everyone sees the screen you share")).to_be_hidden()
    assert (await fake.expect("screen"))["shared"] is False
    await page.get_by_role("button", name="Share screen").click()
    await page.get_by_role("button", name="Stop sharing").last.click()
    assert (await fake.expect("screen", 2))["shared"] is False
    await page.get_by_role("button", name="Share screen").click()
    await expect(page.get_by_text("Everyone sees the screen you share")).to_be_visible()
    await fake.send("screen", shared=False, reason="stopped")  # the one before
    await fake.send("recording", recording=None, reason="ended")
    await expect(page.get_by_text("The recording has ended.")).to_be_visible()
    await expect(page.get_by_text("Everyone sees the screen you share")).to_be_visible()
    await fake.sockets[-1].send_json(error("bad-sdp") | {"fatal": False})
    await expect(page.get_by_text("Everyone sees the screen you share")).to_be_hidden()


async def test_names_of_screens_are_read_in_the_direction_of_the_page(page: Page, fake: FakeServer) -> None:
    await join(page, fake)
    html = await page.evaluate("""
        import('/static/view/screen-tile.js').then(({ScreenTile}) =>
          new ScreenTile('p1', 'محمد', {}).element.querySelector('.tile-text').outerHTML)
    """)
    assert html == '<span class="tile-text" dir="ltr"><bdi>محمد</bdi>’s screen</span>'
