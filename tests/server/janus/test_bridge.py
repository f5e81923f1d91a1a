"""The client of Janus, against a server that plays Janus: what can't be had from the real one on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from filters.effects import Effects
from filters.matting.follow import FollowState
from filters.matting.segmenter import Segmenter
from server.app import ROOMS
from server.config.loading import load
from server.config.options import Config
from server.core.errors import ConfigError, JanusError
from server.janus.client import Handle, connect
from server.janus.relay import shown_name
from server.janus.videoroom import PLUGIN, Feed, Media, feeds, kicked, room_id
from tests.support.serving import serving

Message = dict[str, Any]


class FakeJanus:
    """Answers what `answers` has for a request, or else with success; keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.heard: Callable[[Message], None] = lambda message: None
        """Called with each request before it is answered."""
        self.answers: dict[str, Message | None] = {}
        self.sockets: list[web.WebSocketResponse] = []
        self.url = ""
        self.app = web.Application()
        self.app.router.add_get("/", self._serve)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("janus-protocol",))
        await socket.prepare(request)
        self.sockets.append(socket)
        async for raw in socket:
            if raw.type is WSMsgType.TEXT:
                await self._answer(socket, json.loads(raw.data))
        return socket

    async def _answer(self, socket: web.WebSocketResponse, message: Message) -> None:
        self.told.append(message)
        self.heard(message)
        kind = message.get("body", {}).get("request", message["janus"])
        answer = self.answers.get(kind, {"janus": "success", "data": {"id": 1}})
        if answer is not None:
            await socket.send_json({"sender": 1, **answer, "transaction": message["transaction"]})

    async def say(self, message: Message) -> None:
        """Say something of its own accord."""
        await self.sockets[-1].send_json(message)

    def asked(self) -> list[str]:
        return [message.get("body", {}).get("request", message["janus"]) for message in self.told]


@pytest.fixture
async def janus() -> AsyncIterator[FakeJanus]:
    fake = FakeJanus()
    async with TestServer(fake.app, host="127.0.0.1") as server:
        fake.url = str(server.make_url("/")).replace("http", "ws", 1)
        yield fake


@asynccontextmanager
async def attached(janus: FakeJanus) -> AsyncIterator[Handle]:
    async with connect(janus.url, api_secret="north") as session:
        yield await session.attach(PLUGIN)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def event(**data: object) -> Message:
    return {"janus": "event", "sender": 1, "plugindata": {"data": data}}


async def test_a_key_in_the_address_is_not_told_of_a_server_that_refuses() -> None:
    async with TestServer(web.Application()) as server:
        url = str(server.make_url("/?apikey=hidden").with_scheme("ws").with_user("greenroom"))
        with pytest.raises(JanusError, match="it answered 404") as told:
            async with connect(url):
                pass
    assert "hidden" not in str(told.value)


async def test_a_key_in_an_address_that_is_none_is_not_told() -> None:
    with pytest.raises(JanusError, match="it can't be reached") as told:
        async with connect("ws://greenroom:hidden@127.0.0.1:99999/?apikey=hidden"):
            pass
    assert "hidden" not in str(told.value)


async def test_a_session_ends_there_too_and_every_request_shows_the_secret(janus: FakeJanus) -> None:
    async with attached(janus) as handle:
        await handle.detach()
    assert janus.asked() == ["create", "attach", "detach", "destroy"]
    assert {message["apisecret"] for message in janus.told} == {"north"}
    assert {message.get("session_id") for message in janus.told[1:]} == {1}


async def test_the_answer_to_an_acknowledged_request_is_the_event(janus: FakeJanus) -> None:
    janus.answers["join"] = {"janus": "ack"}
    async with attached(janus) as handle:
        waiting = asyncio.create_task(handle.request({"request": "join"}))
        await until(lambda: "join" in janus.asked())
        answer = event(videoroom="joined") | {"jsep": {"type": "offer", "sdp": "v=0"}}
        await janus.say(answer | {"transaction": janus.told[-1]["transaction"]})
        assert await waiting == ({"videoroom": "joined"}, "v=0")


async def test_what_the_plugin_refuses_is_an_error(janus: FakeJanus) -> None:
    janus.answers["join"] = event(error_code=426, error="No such room (99)")
    janus.answers["attach"] = {"janus": "success", "data": {"id": 1}}
    async with attached(janus) as handle:
        with pytest.raises(JanusError, match=r"No such room \(99\)") as caught:
            await handle.request({"request": "join"})
        assert caught.value.code == 426


async def test_a_wrong_secret_is_an_error(janus: FakeJanus) -> None:
    janus.answers["create"] = {"janus": "error", "error": {"code": 403, "reason": "Unauthorized request"}}
    with pytest.raises(JanusError, match="Unauthorized") as caught:
        async with attached(janus):
            pass
    assert caught.value.code == 403


async def test_silence_is_an_error(janus: FakeJanus, monkeypatch: pytest.MonkeyPatch) -> None:
    async with attached(janus) as handle:
        monkeypatch.setattr("server.janus.client.REQUEST_TIMEOUT", 0.05)
        janus.answers["join"] = None
        with pytest.raises(JanusError, match="no answer"):
            await handle.request({"request": "join"})


@pytest.mark.parametrize(
    "end",
    [
        {"janus": "timeout", "session_id": 1},
        {"janus": "error", "error": {"code": 458, "reason": "No such session"}},
        None,
        {"what": "is this"},
        [],
    ],
)
async def test_when_the_session_is_lost_nobody_waits(janus: FakeJanus, end: object) -> None:
    async with attached(janus) as handle:
        janus.answers["join"] = None
        waiting = asyncio.create_task(handle.request({"request": "join"}))
        await until(lambda: "join" in janus.asked())
        await (janus.sockets[-1].close() if end is None else janus.sockets[-1].send_json(end))
        with pytest.raises(JanusError, match="lost"):
            await waiting
        assert [notice async for notice in handle.notices()] == []
        with pytest.raises(JanusError, match="lost"):
            await handle.request({"request": "join"})


async def test_candidates_and_events_come_until_janus_hangs_up(janus: FakeJanus) -> None:
    async with attached(janus) as handle:
        await janus.say({"janus": "trickle", "sender": 1, "candidate": {"completed": True}})
        await janus.say(event(leaving=7))
        await janus.say({"janus": "hangup", "sender": 1, "reason": "DTLS alert"})
        told = [notice async for notice in handle.notices()]
    assert told == [({}, {"completed": True}), ({"leaving": 7}, None)]


async def test_sessions_are_kept_alive(janus: FakeJanus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.janus.client.KEEPALIVE", 0.01)
    async with attached(janus):
        await until(lambda: janus.asked().count("keepalive") > 2)


async def test_the_bridge_waits_for_its_rooms_and_says_once_what_is_wrong(
    janus: FakeJanus, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.janus.bridge.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("server.janus.bridge.LONGEST_PAUSE", 0.01)
    janus.answers["exists"] = {"janus": "success", "plugindata": {"data": {"exists": False}}}
    options = Config(workers=1, janus_server=janus.url, janus_private="1", janus_public="2")
    with caplog.at_level(logging.INFO, "server.janus.bridge"):
        async with serving(options, segmenter) as here:
            await until(lambda: janus.asked().count("exists") > 3)
            janus.answers["exists"] = {"janus": "success", "plugindata": {"data": {"exists": True}}}
            janus.answers["join"] = event(videoroom="joined", private_id=5, publishers=[])
            await until(lambda: "the bridge to Janus is up" in caplog.messages)
            async with here.get("/metrics") as response:
                assert "greenroom_janus_connected 1.0" in await response.text()
            assert here.app[ROOMS].open_rooms.all() == []
    assert [m for m in caplog.messages if "waits" in m] == [
        "the bridge to Janus waits and tries again: janus_public: No such room; "
        "create it, as in janus.plugin.videoroom.jcfg, or correct janus_public"
    ]
    assert janus.asked().count("destroy") == janus.asked().count("create")


async def test_the_bridge_comes_back_when_it_is_kicked_out_of_the_private_room(
    janus: FakeJanus, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.janus.bridge.FIRST_PAUSE", 0.01)
    janus.answers["exists"] = {"janus": "success", "plugindata": {"data": {"exists": True}}}
    janus.answers["join"] = event(videoroom="joined", private_id=5, publishers=[])
    options = Config(workers=1, janus_server=janus.url, janus_private="1", janus_public="2")
    with caplog.at_level(logging.INFO, "server.janus.bridge"):
        async with serving(options, segmenter):
            for times in (1, 2):
                await until(lambda times=times: caplog.messages.count("the bridge to Janus is up") == times)  # type: ignore[misc]
                await janus.say(event(videoroom="event", leaving="ok", reason="kicked"))
            await until(lambda: janus.asked().count("join") == 3)
    assert [m for m in caplog.messages if "kicked" in m] == [
        "the bridge to Janus waits and tries again: somebody has kicked the bridge out of the private room"
    ] * 2
    assert janus.asked().count("destroy") == janus.asked().count("create")


@pytest.mark.parametrize(
    "odd",
    [
        event(publishers=None),
        event(publishers=[7]),
        event(publishers=[{"id": ["a"], "streams": []}]),
        event(id=["a"], display="Ada"),
        event(error_code="many"),
        {"janus": "event", "sender": 1, "plugindata": None},
        {"janus": "success", "data": []},
    ],
    ids=json.dumps,
)
async def test_the_bridge_comes_back_after_what_it_can_not_read(
    janus: FakeJanus,
    segmenter: Segmenter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    odd: Message,
) -> None:
    """Whether it is an answer or said of Janus' own accord."""
    monkeypatch.setattr("server.janus.bridge.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("server.janus.bridge.LONGEST_PAUSE", 0.01)
    janus.answers["exists"] = {"janus": "success", "plugindata": {"data": {"exists": True}}}
    janus.answers["join"] = odd
    options = Config(workers=1, janus_server=janus.url, janus_private="1", janus_public="2")
    with caplog.at_level(logging.INFO, "server.janus.bridge"):
        async with serving(options, segmenter):
            await until(lambda: janus.asked().count("join") > 2)
            janus.answers["join"] = event(videoroom="joined", private_id=5, publishers=[])
            for times in (1, 2):
                await until(lambda times=times: caplog.messages.count("the bridge to Janus is up") == times)  # type: ignore[misc]
                await janus.say(odd)
                with contextlib.suppress(ConnectionError):  # gone already
                    await janus.say(event(videoroom="event", leaving="ok", reason="kicked"))
    assert not any("Ada" in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("options", "effects", "followed"),
    [
        ({"effects": "framing,low-light", "follow": "centre"}, Effects(framing=True, low_light=True), "lost"),
        ({"effects": "low-light"}, Effects(low_light=True), "off"),
        ({"follow": "0.25,0.5"}, Effects(), "lost"),
        ({}, Effects(), "off"),
    ],
)
async def test_the_filter_knows_its_options_before_anything_is_asked_for(
    janus: FakeJanus, segmenter: Segmenter, options: dict[str, Any], effects: Effects, followed: str
) -> None:
    janus.answers["exists"] = {"janus": "success", "plugindata": {"data": {"exists": True}}}
    camera = {"id": 7, "display": "Ada", "streams": [{"type": "video", "mid": "0", "codec": "vp8"}]}
    janus.answers["join"] = event(videoroom="joined", private_id=5, publishers=[camera])
    config = Config(workers=1, janus_server=janus.url, janus_private="1", janus_public="2")
    async with serving(config.replace(**options), segmenter) as here:
        known: list[tuple[Effects, FollowState]] = []

        def look(message: Message) -> None:
            if message.get("body", {}).get("ptype") == "subscriber":
                (room,) = here.app[ROOMS].open_rooms.all()
                known.extend((p.filter.effects, p.filter.followed) for p in room.members.values())

        janus.heard = look
        await until(lambda: bool(known))
    assert known[0] == (effects, followed)


def test_only_we_ourselves_are_kicked() -> None:
    assert kicked({"videoroom": "event", "leaving": "ok", "reason": "kicked"})
    for other in ({"leaving": "ok"}, {"leaving": 7}, {"kicked": "ok"}, {"kicked": 7}, {}):
        assert not kicked(other)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"janus_private": "1", "janus_public": "1"}, "another room"),
        ({"janus_private": "1"}, "give both"),
        ({"janus_private": "1", "janus_public": "2", "janus_server": "http://janus"}, "ws://"),
    ],
)
def test_options_that_can_not_be_meant(options: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(arguments={"janus_server": "ws://janus"} | options)


def test_ids_are_numbers_or_texts() -> None:
    assert [room_id(text) for text in ("1234", '"1234"', "standup", "true", "[1]")] == [
        1234, "1234", "standup", "true", "[1]"
    ]  # fmt: skip


def test_one_stream_of_each_kind_that_can_be_decoded_is_taken() -> None:
    streams = [
        {"type": "video", "mid": "0", "codec": "vp9"},
        {"type": "video", "mid": "1", "codec": "VP8", "disabled": True},
        {"type": "audio", "mid": "2", "codec": "opus"},
        {"type": "video", "mid": "3", "codec": "h264"},
        {"type": "video", "mid": "4", "codec": "vp8"},
        {"type": "data", "mid": "5"},
    ]
    (feed,) = feeds({"publishers": [{"id": 7, "streams": streams}]})
    assert feed == Feed(7, "", feed.media)
    assert feed.first({"video": ("vp8", "h264"), "audio": ("opus",)}) == (
        Media("2", "audio", "opus"),
        Media("3", "video", "h264"),
    )


def test_a_publisher_that_stands_for_the_room_is_nobody() -> None:
    """Janus' `dummy_publisher`, which is announced like everybody else."""
    dummy = {"id": 7532287111752249, "display": "Dummy publisher", "dummy": True}
    streams = [{"type": "video", "mid": "0", "codec": "vp8"}]
    told = [dummy | {"streams": streams}, {"id": 7, "display": "Ada", "dummy": False, "streams": streams}]
    assert [feed.display for feed in feeds({"publishers": told})] == ["Ada"]


def test_names_fit() -> None:
    assert [shown_name(name) for name in (" Ada ", "", "\n", "x" * 99)] == [
        "Ada",
        "Somebody",
        "Somebody",
        "x" * 64,
    ]
