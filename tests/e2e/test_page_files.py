"""Files in the chat of the page: put in by hand, by keyboard, by dropping; saved and never shown."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import FileChooser, FilePayload, Page, expect

from tests.support.fake_server import NOW, FakeServer, participant
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

PICTURE = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
PASTE = """(beside) => {
  const clipboardData = new DataTransfer();
  for (const type of beside) clipboardData.setData(type, "Hello");
  clipboardData.items.add(new File(["…"], "cells.png", { type: "image/png" }));
  document.getElementById("chat-text").dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""
DROP = """([names, body]) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File([body], name, {type: 'image/svg+xml'}));
  for (const kind of ['dragover', 'drop']) {
    const event = new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
    document.querySelector('#chat-log').dispatchEvent(event);
  }
}"""


def file(name: str, body: bytes = b"words") -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": body}


async def chat(page: Page, fake: FakeServer, *, files: bool = True) -> None:
    fake.policy["files"] = files
    fake.others = [participant("p1", "Grace")]
    await join(page, fake)
    await page.keyboard.press("c")


async def test_a_file_is_sent_and_saved_by_keyboard_and_never_shown(
    page: Page, fake: FakeServer, tmp_path: Path
) -> None:
    choosing: asyncio.Future[FileChooser] = asyncio.get_running_loop().create_future()
    # From the beginning: the browser opens a dialog of its own until it knows that somebody waits.
    page.on("filechooser", lambda chooser: choosing.set_result(chooser))
    await chat(page, fake)
    await page.get_by_label("Write a message").focus()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="Attach a file")).to_be_focused()
    await page.keyboard.press("Enter")
    await (await choosing).set_files(file("à la carte.svg", PICTURE.encode()))
    link = page.get_by_role("button", name="Save à la carte.svg 0.1 kB")
    await link.focus()
    async with page.expect_download() as saving:
        await page.keyboard.press("Enter")
    await (await saving.value).save_as(tmp_path / "saved")
    assert (await saving.value).suggested_filename == "à la carte.svg"
    assert (tmp_path / "saved").read_text("utf-8") == PICTURE
    assert fake.files == [("à la carte.svg", "", PICTURE.encode())]
    await expect(page.locator("#chat-log :is(img, video, object, iframe)")).to_have_count(0)
    fake.files.clear()
    await link.click()
    await expect(page.get_by_text("This file is gone.")).to_be_visible()


@pytest.mark.parametrize(("beside", "sent"), [((), 1), (("text/plain", "text/html"), 0)])
async def test_a_pasted_file_is_sent_but_not_the_picture_beside_pasted_text(
    page: Page, fake: FakeServer, beside: tuple[str, ...], sent: int
) -> None:
    await chat(page, fake)
    await page.evaluate(PASTE, beside)
    await page.get_by_label("Write a message").fill("Hello")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("log")).to_contain_text("Hello")
    await expect(page.get_by_role("button", name="Save cells.png")).to_have_count(sent)


async def test_files_are_dropped_for_everybody_or_one_reader(page: Page, fake: FakeServer) -> None:
    await chat(page, fake)
    await page.get_by_label("To", exact=True).select_option("Grace")
    await page.evaluate(DROP, [["a.svg", "b.svg"], PICTURE])
    await expect(page.get_by_role("button", name="Save b.svg")).to_be_visible()
    assert [(name, to) for name, to, _ in fake.files] == [("a.svg", "p1"), ("b.svg", "p1")]
    await expect(page.get_by_text("to Grace alone")).to_be_visible()
    await page.evaluate(DROP, [[f"{k}.svg" for k in range(11)], PICTURE])
    await expect(page.get_by_text("Only the first 10 files are sent.")).to_be_visible()
    await expect(page.get_by_role("button", name="Save 9.svg")).to_be_visible()
    assert len(fake.files) == 12


async def test_a_file_on_its_way_is_cancelled_and_the_next_follows(page: Page, fake: FakeServer) -> None:
    await chat(page, fake)
    fake.take_files.clear()
    await page.locator("#chat-file").set_input_files([file("one.txt"), file("two.txt")])
    await expect(page.get_by_role("progressbar", name="Sending one.txt")).to_be_visible()
    await page.get_by_role("button", name="Cancel one.txt").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("progressbar", name="Sending one.txt")).to_be_hidden()
    await expect(page.get_by_role("button", name="Attach a file")).to_be_focused()
    await page.get_by_label("Write a message").fill("Meanwhile")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Meanwhile")).to_be_visible()
    fake.take_files.set()
    await expect(page.get_by_role("button", name="Save two.txt")).to_be_visible()
    await expect(page.get_by_role("progressbar")).to_have_count(0)
    assert "one.txt" not in [name for name, _, _ in fake.files]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("files-full", "No more files fit into this room."),
        ("too-many-files", "Too many files at once."),
        ("bad-file", "This file is empty or can’t be read."),
        ("strange", "The file could not be sent."),
    ],
)
async def test_it_is_said_why_a_file_was_not_taken(
    page: Page, fake: FakeServer, code: str, words: str
) -> None:
    await chat(page, fake)
    fake.refuse_file = code
    await page.locator("#chat-file").set_input_files(file("one.txt"))
    await expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    await page.get_by_role("button", name="Close the note on one.txt").click()
    await expect(page.locator("#chat-uploads > *")).to_have_count(0)
    await page.locator("#chat-file").set_input_files(file("large.txt", b"x" * 2000))
    await expect(page.get_by_text("Too large: a file has at most 1 kB.")).to_be_visible()


async def test_hosts_switch_files_on_and_without_it_nothing_is_taken(page: Page, fake: FakeServer) -> None:
    fake.role = "host"
    await chat(page, fake, files=False)
    attach = page.get_by_role("button", name="Attach a file")
    await expect(attach).to_be_hidden()
    await page.evaluate(DROP, [["a.svg"], PICTURE])
    await expect(page.get_by_text("This room does not allow files.")).to_be_visible()
    await page.locator("#count").click()
    await page.get_by_role("switch", name="Files in the chat").check()
    await fake.until("policy", policy={"files": True})
    await page.get_by_role("button", name="Chat", exact=True).click()
    await expect(attach).to_be_visible()
    assert fake.files == []


async def test_a_file_of_ones_own_is_deleted_and_hosts_delete_any(page: Page, fake: FakeServer) -> None:
    said = {"id": 1, "participant": "p1", "name": "Grace", "text": "plan.pdf", "time": NOW}
    fake.chat = [{**said, "file": {"id": "f9", "size": 3000}}]
    await chat(page, fake)
    await page.locator("#chat-file").set_input_files(file("one.txt"))
    await expect(page.get_by_role("button", name="Save plan.pdf")).to_be_visible()
    await expect(page.get_by_role("button", name="Delete plan.pdf")).to_be_hidden()
    await page.get_by_role("button", name="Delete one.txt").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Save one.txt")).to_be_visible()
    fake.refuse_file = "host-only"
    await page.get_by_role("button", name="Delete one.txt").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.get_by_text("The file could not be deleted.")).to_be_visible()
    fake.refuse_file = ""
    await page.get_by_role("button", name="Delete one.txt").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.get_by_text("File deleted")).to_be_visible()
    await expect(page.get_by_role("button", name="Save one.txt")).to_be_hidden()
    me = participant("me", "Ada", role="host")
    await fake.send("participant-updated", participant=me)
    await page.get_by_role("button", name="Delete plan.pdf").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.get_by_text("File deleted")).to_have_count(2)


async def test_whoever_comes_later_finds_files_in_the_chat(page: Page, fake: FakeServer) -> None:
    said = {"id": 1, "participant": "p1", "name": "Grace", "text": "<b>plan</b>.pdf", "time": NOW}
    fake.chat = [{**said, "file": {"id": "f1", "size": 3 << 20}}]
    await chat(page, fake)
    await expect(page.get_by_role("button", name="Save <b>plan</b>.pdf 3 MB")).to_be_visible()
