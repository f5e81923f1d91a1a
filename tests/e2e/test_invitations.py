"""Invitations on a server with keys, as people use them: from the operator's link to a guest in the room."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.e2e.conftest import run_server
from tests.support.program import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SECRET = "north-" * 6


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of a server with keys, which runs."""
    port, folder = free_port(), tmp_path_factory.mktemp("keyed")
    config = folder / "greenroom.toml"
    state, url = json.dumps(str(folder / "state")), json.dumps(f"http://127.0.0.1:{port}")
    config.write_text(
        f'port = {port}\npublic_url = {url}\nstate = {state}\ntoken_keys = {{ a = "{SECRET}" }}\n', "utf-8"
    )
    with run_server("server", "serve", "--config", str(config), port=port):
        yield config


def link(config: Path, *options: str) -> str:
    """Return the link that `greenroom token` prints for the room `studio`."""
    command = [sys.executable, "-m", "server", "token", "studio", "--link", "--config", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


async def visit(browser: Browser, address: str) -> Page:
    """Open a page in a browser profile of its own."""
    context = await browser.new_context(permissions=["camera", "microphone"], locale="en-US")
    page = await context.new_page()
    await page.goto(address)
    return page


async def enter(page: Page) -> None:
    """Go from the lobby into the room."""
    await page.get_by_role("button", name="Join now").click()
    await page.wait_for_selector("body[data-state=room]")


async def test_a_host_invites_and_withdraws(browser: Browser, keyed: Path) -> None:
    ada = await visit(browser, link(keyed, "--role", "host", "--name", "Ada"))
    await enter(ada)
    await ada.get_by_role("button", name="Invite").click()
    dialog = ada.get_by_role("dialog", name="Invite people")
    await dialog.get_by_role("switch", name="Ask for a PIN, too").check()
    pin = await dialog.get_by_role("textbox", name="PIN").input_value()
    await dialog.get_by_role("button", name="Make a link").click()
    await expect(dialog.get_by_role("listitem")).to_have_count(1)
    invitation = await dialog.get_by_label("Link to this room").input_value()
    assert "#token=" in invitation
    assert pin not in invitation

    bob = await visit(browser, invitation)
    await bob.get_by_role("textbox", name="PIN").fill(pin)
    await bob.keyboard.press("Enter")
    await bob.get_by_label("Your name").fill("Bob")
    await enter(bob)
    await dialog.get_by_role("button", name="Close").click()
    await expect(ada.locator("article.tile")).to_have_count(2)
    await bob.keyboard.press("p")
    await expect(bob.locator("#host-tools")).to_be_hidden()

    await ada.locator(".toolbar [data-action=more]").click()
    await ada.locator("#more [data-action=invite]").click()
    await dialog.get_by_role("button", name="Withdraw").click()
    await ada.get_by_role("alertdialog").get_by_role("button", name="Withdraw").click()
    await expect(dialog.get_by_role("listitem")).to_have_count(0)
    eve = await visit(browser, invitation)
    await expect(eve.get_by_role("heading", name="This invitation has been withdrawn")).to_be_visible()
    bob.on("dialog", lambda question: question.accept())
    await bob.reload()  # whoever was in comes back
    await expect(bob.get_by_role("button", name="Join now")).to_be_visible()
    await enter(bob)
    for page in (ada, bob, eve):
        await page.context.close()


async def test_an_operator_s_link_opens_without_an_error(browser: Browser, keyed: Path) -> None:
    page = await visit(browser, link(keyed, "--name", "Ada", "--background", "fjord", "--no-screen"))
    await expect(page.get_by_label("Your name")).to_have_value("Ada")
    await expect(page.get_by_label("Your name")).not_to_be_editable()
    await expect(page.get_by_role("radio", name="Fjord")).to_be_checked()
    await expect(page.locator("label.choice")).to_have_count(1)
    await enter(page)
    await expect(page.locator("#alerts")).to_be_empty()
    await expect(page.get_by_role("button", name="Sharing a screen is off in this room")).to_be_disabled()
    await page.context.close()


async def test_whoever_joins_before_the_token_is_read_has_its_name(browser: Browser, keyed: Path) -> None:
    context = await browser.new_context(permissions=["camera", "microphone"], locale="en-US")
    page = await context.new_page()
    asked = asyncio.Event()

    async def late(route: Route) -> None:
        await asked.wait()
        await route.continue_()

    await page.route("**/api/backgrounds", late)
    await page.goto(link(keyed, "--name", "Ada"))
    await page.get_by_role("button", name="Join now").click()
    await expect(page.get_by_role("button", name="Joining")).to_be_visible()
    asked.set()
    await page.wait_for_selector("body[data-state=room]")
    await page.keyboard.press("p")
    await expect(page.get_by_role("listitem").filter(has_text="You")).to_contain_text("Ada")
    await context.close()


async def test_whoever_joins_before_the_token_is_read_may_try_again(browser: Browser, keyed: Path) -> None:
    context = await browser.new_context(permissions=["camera", "microphone"], locale="en-US")
    page = await context.new_page()
    loads = 0

    async def fail_once(route: Route) -> None:
        nonlocal loads
        loads += 1
        await (route.abort() if loads == 1 else route.continue_())

    await page.route(re.compile(r"/room-controller\b"), fail_once)
    await page.goto(link(keyed, "--name", "Ada"))
    await expect(page.locator("#lobby-message")).not_to_be_empty()
    await page.get_by_role("button", name="Join now").click()
    await page.wait_for_selector("body[data-state=room]")
    await context.close()


async def test_whoever_joins_early_by_a_nameless_link_is_asked_for_a_name(
    browser: Browser, keyed: Path
) -> None:
    page = await visit(browser, link(keyed))
    await page.get_by_role("button", name="Join now").click()
    await expect(page.get_by_text("Please enter your name.")).to_be_visible()
    await page.get_by_label("Your name").fill("Bob")
    await enter(page)
    await page.context.close()


async def test_without_an_invitation_there_is_no_way_that_fails(browser: Browser, keyed: Path) -> None:
    address = link(keyed).partition("#")[0]
    page = await visit(browser, address)
    await expect(page.get_by_role("heading", name="You need an invitation")).to_be_visible()
    await page.get_by_label("Do you have another link?").fill(link(keyed, "--name", "Ada"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Your name")).to_have_value("Ada")
    await enter(page)
    await page.context.close()
