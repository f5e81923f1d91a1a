"""Captions: recognised on the device or not at all, sent in time and in measure, shown to who wants them."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.fake_server import NOW, FakeServer, participant
from tests.support.pages import join

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

# A browser that recognises English on the device, and German after it has fetched that.
RECOGNITION = """
  window.speech = {sessions: [], installed: [], packs: {'en-US': 'available', 'de-DE': 'downloadable'}};
  window.SpeechRecognition = window.webkitSpeechRecognition = class {
    #local = false;
    get processLocally() { return this.#local; }
    set processLocally(local) { this.#local = local; }
    static async available({langs, processLocally}) {
      return processLocally ? speech.packs[langs[0]] ?? 'unavailable' : 'available';
    }
    static async install({langs: [lang], processLocally}) {
      speech.installed.push([lang, processLocally]);
      await speech.fetched?.promise;
      speech.packs[lang] = 'available';
      return true;
    }
    start(track) {
      this.listens = track;
      speech.sessions.push(this);
    }
    stop() { this.listens = null; this.stopped = true; }
    abort() { this.listens = null; this.onend?.(); }
  };
  speech.live = () => speech.sessions.filter(({listens}) => listens);
  speech.say = (words, isFinal, session = speech.live()[0]) => session.onresult({
    resultIndex: 1, results: [{isFinal: true, 0: {transcript: 'before'}}, {isFinal, 0: {transcript: words}}],
  });
"""


async def settings(page: Page) -> None:
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("button", name="Settings").click()
    if not await switch(page).is_visible():  # it is as one has left it
        await page.get_by_text("Captions", exact=True).click()


def switch(page: Page) -> Locator:
    return page.get_by_role("switch", name="Caption what I say")


def shown(page: Page) -> Locator:
    return page.locator("#captions")


async def caption_oneself(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(RECOGNITION)
    await join(page, fake)
    await settings(page)
    await switch(page).check()
    await fake.until("media", audio=True, captions=True)
    await page.wait_for_function("() => speech.live().length === 1")
    await page.keyboard.press("Escape")


async def test_what_one_says_is_recognised_on_the_device_and_sent_as_text(
    page: Page, fake: FakeServer
) -> None:
    await caption_oneself(page, fake)
    assert await page.evaluate("""() => {
      const [{processLocally, lang, continuous, interimResults, listens}] = speech.sessions;
      return [processLocally, lang, continuous, interimResults, listens.kind, listens.enabled];
    }""") == [True, "en-US", True, True, "audio", True]
    await page.evaluate("speech.say(' so the ', false)")
    assert await fake.expect("caption") == {"type": "caption", "text": "so the", "final": False}
    await expect(shown(page)).to_have_text("You so the")
    await page.evaluate("speech.say('so the door', false); speech.say('So the door is open.', true)")
    assert await fake.expect("caption", 2) == {
        "type": "caption",
        "text": "So the door is open.",
        "final": True,
    }
    await expect(shown(page)).to_have_text("You So the door is open.")


async def test_a_long_sentence_is_sent_in_pieces(page: Page, fake: FakeServer) -> None:
    await caption_oneself(page, fake)
    await page.evaluate("speech.say('word '.repeat(100), true)")
    sent = [(await fake.expect("caption", number))["text"] for number in (1, 2)]
    assert " ".join(sent) == " ".join(["word"] * 100)
    assert max(map(len, sent)) <= 300


async def test_nothing_is_recognised_while_one_is_muted(page: Page, fake: FakeServer) -> None:
    await caption_oneself(page, fake)
    await page.keyboard.press("m")
    await page.wait_for_function("() => speech.sessions[0].stopped && !speech.live().length")
    await page.evaluate("speech.say('The end.', true, speech.sessions[0])")
    await fake.until("caption", text="The end.")
    await page.keyboard.press("m")
    await page.wait_for_function("() => speech.live().length === 1")
    await page.evaluate("speech.live()[0].onend()")  # browsers end it after a while
    await page.wait_for_function("() => speech.sessions.length === 3")


async def test_captions_end_when_they_are_switched_off_or_fail(page: Page, fake: FakeServer) -> None:
    await caption_oneself(page, fake)
    await settings(page)
    await switch(page).uncheck()
    await page.wait_for_function("() => !speech.live().length")
    await switch(page).check()
    await page.wait_for_function("() => speech.live().length === 1")
    await page.evaluate("speech.live()[0].onerror({error: 'service-not-allowed'})")
    await expect(page.get_by_role("alert").filter(has_text="What you say is not captioned")).to_be_visible()
    await expect(switch(page)).not_to_be_checked()
    assert await page.evaluate("speech.live().length") == 0
    assert [each["captions"] for each in fake.messages("media")][-4:] == [True, False, True, False]


async def test_a_browser_that_would_send_the_voice_away_is_not_used(page: Page, fake: FakeServer) -> None:
    await page.add_init_script("""
      window.SpeechRecognition = window.webkitSpeechRecognition = class {
        constructor() { throw new Error('used'); }
      };
    """)
    await join(page, fake)
    await settings(page)
    await expect(switch(page)).to_be_disabled()
    await expect(page.get_by_text("This browser can’t recognise speech on this device.")).to_be_visible()
    await expect(page.get_by_label("The language you speak")).to_be_hidden()


async def test_a_language_is_fetched_before_it_is_spoken(page: Page, fake: FakeServer) -> None:
    await page.add_init_script(RECOGNITION + "speech.fetched = Promise.withResolvers();")
    await join(page, fake)
    await settings(page)
    await page.get_by_label("The language you speak").select_option("de-DE")
    await switch(page).check()
    await expect(page.get_by_text("Your browser is fetching the language…")).to_be_visible()
    assert await page.evaluate("[speech.installed, speech.sessions.length]") == [[["de-DE", True]], 0]
    await page.evaluate("speech.fetched.resolve()")
    await page.wait_for_function("() => speech.live()[0]?.lang === 'de-DE'")
    await page.reload()
    await join(page, fake)
    await settings(page)
    await expect(page.get_by_label("The language you speak")).to_have_value("de-DE")
    await expect(switch(page)).not_to_be_checked()  # it is off whenever one comes


async def test_hosts_can_forbid_captions(page: Page, fake: FakeServer) -> None:
    fake.role = "host"
    await caption_oneself(page, fake)
    await page.keyboard.press("p")
    await expect(page.locator("[data-person=me]")).to_contain_text("captions what they say")
    await page.get_by_role("switch", name="Allow captions").uncheck()
    assert (await fake.expect("policy"))["policy"] == {"captions": False}
    await expect(page.get_by_role("status").filter(has_text="Captions are not allowed")).to_be_visible()
    assert await page.evaluate("speech.live().length") == 0
    await fake.until("media", captions=False, audio=True)
    await page.keyboard.press("Escape")
    await settings(page)
    await expect(switch(page)).to_be_disabled()


async def test_captions_of_others_are_shown_until_one_hides_them(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Grace", captions=True), participant("p2", "Bob")]
    await join(page, fake)
    await expect(shown(page)).to_be_visible()  # the tiles make place before anybody speaks
    await expect(shown(page)).to_have_attribute("aria-live", "polite")
    await fake.send("caption", participant="p1", text="is the do", final=False)
    line = shown(page).locator(".caption-line")
    await expect(line).to_have_text("Grace is the do")
    await expect(line).to_have_attribute("aria-hidden", "true")  # it may still change
    await fake.send("caption", participant="p1", text="Is the door open? <b>", final=True)
    await expect(line).to_have_text("Grace Is the door open? <b>")
    assert await line.get_attribute("aria-hidden") is None
    for number in range(4):
        await fake.send("caption", participant="p2", text=f"No {number}", final=True)
    await expect(line).to_have_text(["Bob No 1", "Bob No 2", "Bob No 3"])
    await settings(page)
    await page.get_by_role("switch", name="Show captions").uncheck()
    await expect(shown(page)).to_be_hidden()
    await page.reload()
    await join(page, fake)
    await expect(shown(page)).to_be_hidden()


async def test_notices_do_not_cover_what_is_said(page: Page, fake: FakeServer) -> None:
    fake.others = [participant("p1", "Grace", captions=True)]
    await join(page, fake)
    await fake.send("caption", participant="p1", text="Good morning.", final=True)
    captions = page.get_by_role("log", name="Captions")
    await expect(captions).to_be_visible()
    await fake.send("recording", recording={"since": NOW, "by": "p1"}, reason=None)
    notice, said = await page.locator(".notice").last.bounding_box(), await captions.bounding_box()
    assert notice is not None
    assert said is not None
    assert notice["y"] + notice["height"] <= said["y"]
