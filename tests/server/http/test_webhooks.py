"""Events of rooms and people are posted, signed, in order, and wait for nobody."""

from __future__ import annotations

import asyncio
import json
import re
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from filters.matting.segmenter import Segmenter
from server.access.tokens import Grant
from server.app import ROOMS
from server.config.options import Config
from server.core.errors import ConfigError
from server.http.webhooks import add_webhooks, signing_keys
from server.rooms.membership import Membership
from server.rooms.rooms import Rooms
from tests.support.serving import Client, serving

SECRET = "whsec_" + "bm9ydGgt" * 5
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "webhooks.md"


def documented_verify() -> Callable[[str, dict[str, str], bytes], bool]:
    """Return the function of the documentation's example."""
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition("## Verify")
    code = textwrap.dedent("\n".join(re.findall(r"^(?: {4}.*)?$", section, re.MULTILINE)))
    names: dict[str, Any] = {}
    exec(code, names)
    verify: Callable[[str, dict[str, str], bytes], bool] = names["verify"]
    return verify


class Receiver:
    """Somebody's application. Answers with the statuses of `answers`, then 204."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = ""
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.app = web.Application()
        self.app.router.add_post("/{path}", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        self.requests.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        await self.going_on.wait()
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 307 else {})

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]

    @property
    def events(self) -> list[str]:
        return [event["event"] for event in self.told]

    async def wait_for(self, n: int) -> None:
        async with asyncio.timeout(5):
            while len(self.requests) < n:
                await asyncio.sleep(0.01)


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    monkeypatch.setattr("server.http.webhooks.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("server.http.webhooks.LONGEST_PAUSE", 0.02)
    receiver = Receiver()
    async with TestServer(receiver.app, host="127.0.0.1") as server:
        receiver.url = str(server.make_url("/hook"))
        yield receiver
        receiver.going_on.set()


def config(receiver: Receiver, **options: object) -> Config:
    return Config(workers=1, webhook_urls=(receiver.url,), webhook_secret=SECRET).replace(**options)


def enter(rooms: Rooms, name: str = "Ada", room: str = "studio") -> Membership:
    membership, _ = rooms.join(room, name, "blur", Grant(room, identity="desk"))
    membership.room.enter(membership)
    return membership


async def counted(here: Client, outcome: str) -> int:
    """Return how many events have had an outcome, once any has."""
    async with asyncio.timeout(5):
        while True:
            async with here.get("/metrics") as response:
                text = await response.text()
            found = re.search(rf'greenroom_webhooks_total{{outcome="{outcome}"}} ([1-9]\d*)', text)
            if found is not None:
                return int(found[1])
            await asyncio.sleep(0.01)


LIFE = [
    ("room.created", None, None),
    ("participant.joined", None, None),
    ("publication.started", "audio", None),
    ("publication.started", "video", None),
    ("publication.stopped", "audio", None),
    ("publication.stopped", "video", None),
    ("participant.left", None, "removed"),
    ("room.closed", None, None),
]


async def test_a_life_in_a_room_is_told_in_order_and_signed(receiver: Receiver, segmenter: Segmenter) -> None:
    async with serving(config(receiver), segmenter) as here:
        rooms = here.app[ROOMS]
        membership = enter(rooms)
        membership.participant.set_media(audio=True, video=True)
        for _ in range(2):
            membership.room.update(membership)
        membership.participant.mute("host")
        membership.room.update(membership)
        await rooms.leave(membership, "removed")
        await receiver.wait_for(len(LIFE))
    assert [(e["event"], e.get("kind"), e.get("reason")) for e in receiver.told] == LIFE
    assert {e["room"] for e in receiver.told} == {"studio"}
    people = [e["participant"] for e in receiver.told if not e["event"].startswith("room")]
    assert people == [{"id": membership.participant.id}] * 6
    verify = documented_verify()
    for headers, body in receiver.requests:
        assert verify(SECRET, headers, body)
        assert not verify("another secret of this length", headers, body)
        assert not verify(SECRET, headers, body + b" ")
        assert not verify(SECRET, headers | {"webhook-timestamp": str(int(time.time()) - 600)}, body)
        assert headers["webhook-id"] == json.loads(body)["id"]


async def test_names_are_told_on_request_only(receiver: Receiver, segmenter: Segmenter) -> None:
    async with serving(config(receiver, webhook_names=True), segmenter) as here:
        membership = enter(here.app[ROOMS])
        await receiver.wait_for(2)
    assert receiver.told[1]["participant"] == {
        "id": membership.participant.id,
        "name": "Ada",
        "identity": "desk",
    }


async def test_the_lobby_is_not_told_about(receiver: Receiver, segmenter: Segmenter) -> None:
    async with serving(config(receiver), segmenter) as here:
        membership, _ = here.app[ROOMS].join("studio", "Ada", "blur")
        membership.participant.set_media(audio=True, video=True)
        membership.room.update(membership)
    assert receiver.requests == []


async def test_a_failure_is_tried_again_with_the_same_id_and_in_order(
    receiver: Receiver, segmenter: Segmenter
) -> None:
    receiver.answers = [500, 429, 503]
    async with serving(config(receiver), segmenter) as here:
        enter(here.app[ROOMS])
        await receiver.wait_for(5)
        assert await counted(here, "delivered") == 2
        assert await counted(here, "retried") == 3
    assert receiver.events[:5] == ["room.created"] * 4 + ["participant.joined"]
    assert len({event["id"] for event in receiver.told[:4]}) == 1


@pytest.mark.parametrize("status", [307, 400, 410])
async def test_a_refusal_is_final_and_a_redirect_is_one(
    receiver: Receiver, segmenter: Segmenter, status: int
) -> None:
    receiver.answers = [status]
    async with serving(config(receiver), segmenter) as here:
        enter(here.app[ROOMS])
        await receiver.wait_for(2)
        assert await counted(here, "dropped") == 1
    assert receiver.events[:2] == ["room.created", "participant.joined"]


async def test_nobody_waits_for_a_receiver_that_hangs(
    receiver: Receiver, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.http.webhooks.QUEUE_LIMIT", 3)
    monkeypatch.setattr("server.http.webhooks.DRAIN_TIME", 0.05)
    receiver.going_on.clear()
    async with serving(config(receiver), segmenter) as here:
        first = enter(here.app[ROOMS])
        await receiver.wait_for(1)
        for _ in range(20):
            first.participant.set_media(audio=not first.participant.sends_audio, video=False)
            first.room.update(first)
        async with here.ws_connect("/ws") as socket:
            await socket.send_json({"type": "join", "version": 1, "room": "studio", "name": "Bob"})
            assert (await socket.receive_json())["type"] == "joined"
        assert len(receiver.requests) == 1  # which hangs still
        assert await counted(here, "dropped") >= 17
        assert len(receiver.requests) == 1


async def test_the_end_is_told_as_well(receiver: Receiver, segmenter: Segmenter) -> None:
    async with serving(config(receiver), segmenter) as here:
        enter(here.app[ROOMS])
    assert receiver.events == ["room.created", "participant.joined", "participant.left", "room.closed"]


async def test_while_a_secret_is_replaced_both_sign(receiver: Receiver, segmenter: Segmenter) -> None:
    new = "a secret that is new and long"
    async with serving(
        config(receiver, webhook_secret=f"{SECRET} {new.replace(' ', '-')}"), segmenter
    ) as here:
        enter(here.app[ROOMS])
        await receiver.wait_for(1)
    headers, body = receiver.requests[0]
    verify = documented_verify()
    assert verify(SECRET, headers, body)
    assert verify(new.replace(" ", "-"), headers, body)


@pytest.mark.parametrize(
    ("secret", "said"), [("", "webhooks are signed"), ("short", "needs 24"), ("whsec_!", "not base64")]
)
def test_a_secret_that_is_no_good_stops_the_start(secret: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        signing_keys(Config(webhook_urls=("https://app.example",), webhook_secret=secret))


def test_what_an_address_holds_that_lets_one_in_is_not_told() -> None:
    config = Config(webhook_urls=("htps://u:hidden@app.example/?key=hidden",), webhook_secret=SECRET)
    with pytest.raises(ConfigError, match="must be http:// or https://") as told:
        add_webhooks(web.Application(), config)
    assert "hidden" not in str(told.value)


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    with pytest.raises(ConfigError, match="webhook_secret_file"):
        signing_keys(Config(webhook_secret_file=file))
    file.write_text(SECRET + "\n")
    assert signing_keys(Config(webhook_secret_file=file)) == [b"north-" * 5]
