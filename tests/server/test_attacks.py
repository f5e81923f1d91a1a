"""Attacks on what reads: compressed bombs, broken offers, silence, depth; and what a log must not hold."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType
from aiortc.sdp import SessionDescription

from filters.matting.segmenter import Segmenter
from server.access.tokens import Grant, Key, make_token
from server.app import ROOMS
from server.config.options import Config
from server.core.logs import configure_logging
from tests.support.hostile_sdp import mutated
from tests.support.serving import Client, serving
from tests.support.whip_client import offer

pytestmark = pytest.mark.slow

SECRET = "north-" * 6
SDP = {"Content-Type": "application/sdp"}
JOIN = {"type": "join", "version": 1, "room": "studio", "name": "Eve"}
LARGE = 200_000_000  # bytes, unpacked
MEMORY = 30_000_000  # bytes that an attack may take
BROKEN_OFFERS = 60
MESSAGE_AROUND = 100
"""Characters of a message that are none of its description."""


@pytest.fixture
async def here(segmenter: Segmenter) -> AsyncIterator[Client]:
    async with serving(Config(workers=1, session_timeout=0.2), segmenter) as client:
        yield client


async def until_ended(socket: ClientWebSocketResponse) -> None:
    async with asyncio.timeout(5):
        while (await socket.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
            pass


def bomb(wbits: int) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    return b"".join([*(packer.compress(bytes(1_000_000)) for _ in range(LARGE // 1_000_000)), packer.flush()])


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_body_is_not_unpacked(here: Client, coding: str) -> None:
    body = bomb(31 if coding == "gzip" else 15)
    headers = {"Content-Encoding": coding}
    async with here.ws_connect("/ws") as socket:
        await socket.send_json(JOIN)
        seat = {"Authorization": f"Bearer {(await socket.receive_json())['seat']}"}
        tracemalloc.start()
        for path, extra in (("/whip/attic", SDP), ("/api/rooms/studio/backgrounds", seat)):
            async with here.post(path, data=body, headers=headers | extra) as response:
                assert response.status in (400, 413, 422)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
        tracemalloc.stop()


async def test_a_compressed_message_is_not_unpacked_beyond_its_limit(here: Client) -> None:
    async with here.ws_connect("/ws", compress=15) as socket:
        await socket.send_json(JOIN)
        await socket.receive_json()
        text = "x" * 20_000_000
        tracemalloc.start()
        await socket.send_str(text)
        await until_ended(socket)
        assert socket.close_code == WSCloseCode.MESSAGE_TOO_BIG
        encoded = len(text)  # by the sender, in this process
        assert tracemalloc.get_traced_memory()[1] < encoded + 5_000_000
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 120_000,
        '{"a":' * 20_000,
        "1" * 120_000,
        '"\\ud800"',
        '{"type": "enter", "hostToken": "\\ud800"}',
        "\0",
    ],
)
async def test_json_that_no_parser_likes(here: Client, text: str) -> None:
    async with here.ws_connect("/ws") as socket:
        await socket.send_json(JOIN)
        await socket.receive_json()
        await socket.send_str(text)
        async with asyncio.timeout(5):
            while (error := await socket.receive_json())["type"] != "error":
                pass
        assert (error["code"], error["fatal"]) == ("bad-message", False)


async def test_a_join_that_is_no_unicode_leaves_nobody(here: Client) -> None:
    async with here.ws_connect("/ws") as socket:
        await socket.send_json(JOIN | {"hostToken": "\ud800"})
        error = await socket.receive_json()
        assert (error["code"], error["fatal"]) == ("bad-message", True)
        await until_ended(socket)
    assert here.app[ROOMS].open_rooms.all() == []


async def raw_status(client: Client, request: bytes) -> int:
    """Return the status that these very bytes get, after which `Host:` and an empty line are sent."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(request + f"Host: localhost:{client.port}\r\n\r\n".encode())
    async with asyncio.timeout(5):
        status = int((await reader.readline()).split()[1])
    writer.close()
    await writer.wait_closed()
    return status


async def test_headers_that_are_no_text_are_refused(segmenter: Segmenter) -> None:
    bearer, origins = b"Authorization: Bearer \xff\xfe\r\n", (b"http://[", b"http://\xff")
    async with serving(Config(workers=1, token_keys={"a": SECRET}, metrics_token="x"), segmenter) as client:
        for line in (
            b"POST /whip/studio",
            b"GET /api/v1/rooms",
            b"GET /metrics",
            b"POST /api/rooms/studio/backgrounds",
        ):
            assert await raw_status(client, line + b" HTTP/1.1\r\n" + bearer) == 401, line
        for line in (b"GET /ws", b"OPTIONS /whip/studio"):
            for origin in origins:
                headers = b" HTTP/1.1\r\nOrigin: " + origin + b"\r\n"
                assert await raw_status(client, line + headers) == 403, line
        assert await raw_status(client, b"OPTIONS /whip/studio HTTP/1.1\r\n" + bearer) == 204


@pytest.mark.parametrize(
    ("request_line", "header"),
    [
        (b"GET /r/studio?token=eyJ\xff HTTP/1.1", b""),
        (b"GET /r/studio HTTP/1.1", b"X-A: eyJ\x00b\r\n"),
        (b"GET /r/studio HTTP/1.1", b"Authorization : Bearer eyJ\r\n"),
    ],
)
@pytest.mark.usefixtures("logging_kept")
async def test_a_request_that_cannot_be_read_is_not_logged(
    here: Client, capsys: pytest.CaptureFixture[str], request_line: bytes, header: bytes
) -> None:
    configure_logging("text", "info")
    assert await raw_status(here, request_line + b"\r\n" + header) == 400
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("logging_kept")
async def test_a_request_that_fails_is_logged_without_what_it_was(
    here: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(seat: str, room: str) -> None:
        raise KeyError(seat, room)

    configure_logging("text", "info")
    monkeypatch.setattr(here.app[ROOMS], "find", fail)
    request = b"DELETE /api/rooms/studio/backgrounds/x HTTP/1.1\r\nAuthorization: Bearer eyJ\r\n"
    assert await raw_status(here, request) == 500
    text = capsys.readouterr().err
    assert "ERROR aiohttp.server: a request failed" in text
    assert "in seat_holder" in text
    assert text.endswith("RequestFailed: KeyError\n")
    for secret in ("studio", "eyJ", "127.0.0.1"):
        assert secret not in text


async def test_who_says_nothing_is_hung_up_on(segmenter: Segmenter) -> None:
    async with (
        serving(Config(workers=1, join_timeout=0.05), segmenter) as client,
        client.ws_connect("/ws") as socket,
    ):
        assert (await socket.receive_json())["code"] == "not-joined"
        await until_ended(socket)


def broken(good: str, chance: random.Random) -> str:
    """Return a broken offer that a message can hold: a longer message ends the connection before anybody reads it."""
    while len(json.dumps(sdp := mutated(good, chance, [good]))) > Config().max_message - MESSAGE_AROUND:
        pass
    return sdp


@pytest.mark.slow
async def test_broken_offers_cost_nobody_anything(here: Client, caplog: pytest.LogCaptureFixture) -> None:
    good, chance = await offer("sendonly", "audio", "video"), random.Random(7)
    rooms = here.app[ROOMS]
    async with here.ws_connect("/ws") as socket:
        await socket.send_json(JOIN | {"room": "attic"})
        for _ in range(BROKEN_OFFERS):
            sdp = broken(good, chance)
            async with here.post("/whip/studio", data=sdp.encode(), headers=SDP) as response:
                assert response.status in (201, 400, 413, 422), sdp
            message = {"type": "offer", "connection": "publish", "id": 1, "sdp": sdp}
            await socket.send_json(message)
            async with asyncio.timeout(5):
                while (answer := await socket.receive_json())["type"] not in ("answer", "error"):
                    pass
            assert answer.get("code") in (None, "bad-sdp"), sdp
            await asyncio.sleep(0.12)  # offers are limited
    async with asyncio.timeout(10):
        while any(room.name == "studio" for room in rooms.open_rooms.all()):
            await asyncio.sleep(0.05)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_no_log_holds_names_rooms_tokens_or_descriptions(
    segmenter: Segmenter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "server")
    token = make_token(Key("a", "HS256", SECRET), Grant("studio", "ada@example.org", "Ada Lovelace"), 60)
    sdp = await offer("sendonly", "audio")
    async with serving(Config(workers=1, token_keys={"a": SECRET}), segmenter) as client:
        bearer = {"Authorization": f"Bearer {token}"}
        async with client.post("/whip/studio", data=sdp, headers=SDP | bearer) as response:
            assert response.status == 201
        for body, headers in ((sdp[:90], bearer), (sdp, {"Authorization": f"Bearer {token[:-9]}"})):
            async with client.post("/whip/studio", data=body, headers=SDP | headers) as response:
                assert response.status in (400, 401)
        async with client.ws_connect("/ws") as socket:
            await socket.send_json(JOIN | {"token": token})
            await socket.receive_json()
            await socket.send_json(
                {"type": "offer", "connection": "publish", "id": 1, "sdp": sdp[:-90] + "x"}
            )
            await socket.send_json({"type": "chat", "text": "something private"})
            await socket.send_json({"type": "leave"})
            await until_ended(socket)
    said = [record for record in caplog.records if record.name.startswith("server")]
    assert said
    text = "\n".join(map(logging.Formatter().format, said))
    for secret in ("studio", "Lovelace", "ada@", token[:30], SECRET, "ice-ufrag", "a=candidate", "private"):
        assert secret not in text


async def test_the_page_is_framed_by_nobody_and_runs_its_own_scripts_only(here: Client) -> None:
    for path in ("/", "/r/studio", "/static/main.js"):
        async with here.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in policy
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "")  # WebAssembly, and nothing else
            assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_nothing_is_sent_on_a_cameras_connection(here: Client) -> None:
    for direction in ("sendrecv", "recvonly"):
        sdp = await offer(direction, "audio", "video")
        async with here.post("/whip/studio", data=sdp, headers=SDP) as response:
            assert response.status == 201
            answer = SessionDescription.parse(await response.text())
        assert {media.direction for media in answer.media} <= {"recvonly", "inactive"}
