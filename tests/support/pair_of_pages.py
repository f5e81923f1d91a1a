"""Two people in Chromium, in a locked room whose server is lost: what they must find when they are together again."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from playwright.async_api import Browser, Page, WebSocket, expect

from tests.support.camera import Camera
from tests.support.pages import READABLE, enter, visit, watched

LIMIT = 30.0  # seconds; 2 are promised, and a busy machine gets more
RENEWALS = 1.2  # seconds: two renewals, after which the directory knows of the lock


class Person:
    """A page, and what its server has said at each arrival."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.arrivals: list[dict[str, Any]] = []
        """The messages `joined`."""
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._hear)

    def _hear(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        if message["type"] == "joined":
            self.arrivals.append(message)

    async def others(self) -> set[str]:
        """Return the ids of other people whose picture the page has shown."""
        script = "Object.entries(watch.tiles).filter(([, t]) => !t.self).map(([id]) => id)"
        return set(await self.page.evaluate(script))

    def came_back(self, role: str) -> None:
        """Assert that the last arrival is what the person was before."""
        first, last = self.arrivals[0], self.arrivals[-1]
        assert last["state"] == "room"
        assert last["seat"] == first["seat"]
        assert last["policy"]["locked"] is True
        assert last["policy"] == first["policy"] | {"locked": True}
        (mine,) = [p for p in last["participants"] if p["id"] == last["participant"]]
        assert mine["role"] == role


class PairOfPages:
    """Ada, who is host, behind Fjord, and Bob behind a blur."""

    def __init__(self, ada: Person, bob: Person) -> None:
        self._people = (ada, bob)
        self._shown: list[set[str]] = []

    @classmethod
    async def meet(cls, browser: Browser, camera: Camera, url: str) -> PairOfPages:
        """Have them see each other in the room at `url`, and lock it."""
        people = [Person(await visit(browser, camera, "about:blank")) for _ in range(2)]
        for person, name, background in zip(people, ("Ada", "Bob"), ("Fjord", "Soft blur"), strict=True):
            await person.page.goto(url)
            await enter(person.page, name, background)
        for person in people:
            await watched(person.page, self_tile=False)
        page = people[0].page
        await page.keyboard.press("p")
        lock = page.get_by_role("switch", name="Lock the room")
        await lock.click()
        await expect(lock).to_be_checked()
        await asyncio.sleep(RENEWALS)
        pair = cls(*people)
        pair._shown = [await person.others() for person in people]
        return pair

    async def together_again(self) -> float:
        """Wait until each shows the other anew, after their server has been lost; return seconds."""
        start = time.monotonic()
        async with asyncio.timeout(LIMIT):
            for person, shown in zip(self._people, self._shown, strict=True):
                while not await person.others() - shown:
                    await asyncio.sleep(0.05)
        return time.monotonic() - start

    async def expect_all_as_before(self) -> None:
        """Assert that policy, roles, seats and backgrounds are those of before, and that no frame showed a room."""
        for person, role, background in zip(self._people, ("host", "guest"), ("fjord", "blur"), strict=True):
            assert len(person.arrivals) > 1
            person.came_back(role)
            assert person.arrivals[-1]["background"] == background
            await expect(person.page.locator("body")).to_have_attribute("data-state", "room")
            assert await person.page.evaluate("watch.worst") < READABLE
        await expect(self._people[0].page.get_by_role("switch", name="Lock the room")).to_be_checked()

    async def leave(self) -> None:
        """Have both leave, so that no seat is held for them."""
        for person in self._people:
            await person.page.get_by_role("button", name="Leave").click()
