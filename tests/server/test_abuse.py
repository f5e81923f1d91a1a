"""What malicious clients send, through the real front door."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import struct
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, WSServerHandshakeError

from filters.matting.segmenter import Segmenter
from server.access.tokens import Grant, Key, make_token
from server.app import ROOMS
from server.config.options import Config
from tests.support.serving import Client, serving
from tests.support.whip_client import offer

pytestmark = pytest.mark.slow

LIFETIME = 86_400  # seconds; some tokens are made when tests are collected, long before they are used
SECRET = "north-" * 6
JOIN: dict[str, Any] = {"type": "join", "version": 1, "room": "studio", "name": "Eve"}
TRAVERSALS = (
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "upload:../../etc/passwd",
    "fjord/../../../README.md",
    "file:///etc/passwd",
    "fjord\0.jpg",
    "C:\\windows\\win.ini",
)


@pytest.fixture
async def here(segmenter: Segmenter) -> AsyncIterator[Client]:
    async with serving(Config(workers=1, max_rooms=2), segmenter) as client:
        yield client


@pytest.fixture
async def guarded(segmenter: Segmenter) -> AsyncIterator[Client]:
    async with serving(Config(workers=1, token_keys={"a": SECRET}), segmenter) as client:
        yield client


async def answer(socket: ClientWebSocketResponse, kind: str = "error") -> dict[str, Any]:
    """Return the next message of a type."""
    async with asyncio.timeout(5):
        while True:
            message: dict[str, Any] = await socket.receive_json()
            if message["type"] == kind:
                return message


async def joined(client: Client, **fields: object) -> tuple[ClientWebSocketResponse, dict[str, Any]]:
    socket = await client.ws_connect("/ws")
    await socket.send_json(JOIN | fields)
    return socket, await answer(socket, "joined")


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_no_background_names_a_file(here: Client, path: str) -> None:
    socket, message = await joined(here, background=path)
    assert (message["background"], message["redirected"]) == ("blur", "unknown-background")
    await socket.send_json({"type": "background", "background": path})
    assert (await answer(socket))["code"] == "unknown-background"
    await socket.close()
    headers = {"Content-Type": "application/sdp"}
    sdp = await offer("sendonly", "audio")
    async with here.post("/whip/attic", params={"background": path}, data=sdp, headers=headers) as response:
        assert response.status == 422
    for route in ("/api/rooms/studio/backgrounds/{}.jpg", "/static/backgrounds/{}", "/static/{}"):
        for encoded in (path.replace("/", "%2f"), path):
            async with here.get(route.format(encoded.replace("\0", "%00"))) as response:
                assert response.status in (400, 403, 404)
                assert b"root:" not in await response.read()


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG that says it is large; all of its pixels are black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0" * (width * 3 + 1) * min(height, 200), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(50_000, 50_000), (1, 2**31 - 1), (2**31 - 1, 1), (7_000, 7_000)])
async def test_a_picture_that_is_too_large_is_not_decoded(here: Client, size: tuple[int, int]) -> None:
    socket, message = await joined(here)
    data = (
        bomb(*size)
        if size[0] < 2**20
        else bomb(1, 1).replace(struct.pack(">II", 1, 1), struct.pack(">II", *size))
    )
    headers = {"Authorization": f"Bearer {message['seat']}"}
    tracemalloc.start()
    start = time.process_time()
    async with here.post("/api/rooms/studio/backgrounds", data=data, headers=headers) as response:
        assert response.status == 422
        assert (await response.json())["code"] == "bad-picture"
    assert time.process_time() - start < 1.0
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    await socket.close()


async def test_an_upload_that_is_too_long_is_not_read(here: Client) -> None:
    socket, message = await joined(here)
    headers = {"Authorization": f"Bearer {message['seat']}"}
    data = io.BytesIO(b"\x89PNG" + b"x" * (11 * 1024 * 1024))
    async with here.post("/api/rooms/studio/backgrounds", data=data, headers=headers) as response:
        assert response.status == 413
    await socket.close()


async def begin_upload(client: Client, seat: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Announce a picture of which nothing comes."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    lines = ("POST /api/rooms/studio/backgrounds HTTP/1.1", f"Host: localhost:{client.port}")
    head = (*lines, f"Authorization: Bearer {seat}", "Content-Length: 1000000", "", "")
    writer.write("\r\n".join(head).encode())
    return reader, writer


async def refusal(reader: asyncio.StreamReader) -> str:
    """Return status and code of an answer of the API."""
    async with asyncio.timeout(5):
        status = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        return f"{status} {json.loads(await reader.readuntil(b'}'))['code']}"


async def test_one_participant_uploads_one_picture_at_a_time(here: Client) -> None:
    socket, message = await joined(here)
    (membership,) = here.app[ROOMS].open_rooms.all()[0].memberships
    _, first = await begin_upload(here, message["seat"])
    async with asyncio.timeout(5):
        while not membership.uploading:
            await asyncio.sleep(0.001)
    reader, second = await begin_upload(here, message["seat"])
    assert await refusal(reader) == "409 upload-busy"
    for writer in (first, second):
        writer.close()
    async with asyncio.timeout(5):
        while membership.uploading:
            await asyncio.sleep(0.001)
    await socket.close()


async def test_a_picture_that_is_not_wanted_is_not_waited_for(segmenter: Segmenter) -> None:
    async with serving(Config(workers=1, max_uploads_per_participant=0), segmenter) as client:
        ada, host = await joined(client)
        bob, guest = await joined(client, name="Bob")
        reader, writer = await begin_upload(client, host["seat"])
        assert await refusal(reader) == "409 too-many-uploads"
        writer.close()
        await ada.send_json({"type": "policy", "policy": {"backgrounds": "blur"}})
        await answer(bob, "policy")
        reader, writer = await begin_upload(client, guest["seat"])
        assert await refusal(reader) == "403 background-forbidden"
        writer.close()
        for socket in (ada, bob):
            await socket.close()


async def test_an_offer_that_is_too_long(here: Client) -> None:
    socket, _ = await joined(here)
    sdp = await offer("sendonly", "video") + "a=x\r\n" * 15_000
    await socket.send_json({"type": "offer", "connection": "publish", "id": 1, "sdp": sdp})
    error = await answer(socket)
    assert (error["code"], error["fatal"]) == ("bad-sdp", False)
    assert "has at most 65536 characters" in error["message"]
    await socket.close()


async def test_a_message_that_is_too_long_ends_the_connection(here: Client) -> None:
    socket, _ = await joined(here)
    await socket.send_str("x" * 300_000)
    await ended(socket)
    assert socket.close_code == WSCloseCode.MESSAGE_TOO_BIG


async def test_a_flood_ends_the_connection_and_nobody_elses(here: Client) -> None:
    victim, _ = await joined(here, name="Ada")
    socket, _ = await joined(here)
    for _ in range(200):
        await socket.send_json({"type": "nonsense"})
    while (error := await answer(socket))["code"] == "unknown-type":
        pass
    assert (error["code"], error["fatal"]) == ("too-many-messages", True)
    await ended(socket)
    await victim.send_json({"type": "background", "background": "fjord"})
    assert (await answer(victim, "background"))["background"] == "fjord"
    await victim.close()


FRAGMENTS = {
    "empty": b"\x00\x80" + bytes(4),  # a continuation that is not the last, masked by zeros (RFC 6455, 5.2)
    "of one byte": b"\x00\x81" + bytes(4) + b"x",
    "pings in between": b"\x89\x80" + bytes(4),
}


@pytest.mark.parametrize("kind", FRAGMENTS)
async def test_a_message_that_never_ends_ends_the_connection(here: Client, kind: str) -> None:
    reader, writer = await asyncio.open_connection(here.host, here.port)
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    head = (
        f"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n\r\n"
    )
    writer.write(head.encode())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x01\x81" + bytes(4) + b"{")
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            while not reader.at_eof():
                writer.write(FRAGMENTS[kind] * 5000)
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1000), 0.01)
    writer.close()


FLOODS: dict[str, Callable[[ClientWebSocketResponse], Awaitable[object]]] = {
    "pings": lambda socket: socket.ping(),
    "pongs": lambda socket: socket.pong(b"x"),
    "bytes": lambda socket: socket.send_bytes(b""),
    "no JSON": lambda socket: socket.send_str("x"),
    "no object": lambda socket: socket.send_str("[]"),
    "long lists": lambda socket: socket.send_str("[" + "1," * 60_000 + "1]"),
    "a description where none belongs": lambda socket: socket.send_str(
        json.dumps({"type": "media", "audio": False, "video": False, "sdp": "v=0" + 100_000 * "x"})
    ),
    "long types": lambda socket: socket.send_str(json.dumps({"type": 100_000 * "x"})),
}


@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.parametrize("join", [True, False])
async def test_everything_counts_before_it_is_read(here: Client, kind: str, join: bool) -> None:
    """Whatever it is, a second's worth of it ends the connection, and the rest is not even read."""
    socket = (await joined(here))[0] if join else await here.ws_connect("/ws")
    reading = asyncio.create_task(last_error(socket))
    with contextlib.suppress(ConnectionError):
        for _ in range(2000):
            await FLOODS[kind](socket)
    code = await reading
    assert code == "too-many-messages" or (not join and code in ("bad-message", "not-joined"))


async def last_error(socket: ClientWebSocketResponse) -> str:
    """Return the code of the last error before the end."""
    code = ""
    async with asyncio.timeout(10):
        while (message := await socket.receive()).type is WSMsgType.TEXT:
            told = message.json()
            code = told["code"] if told["type"] == "error" else code
    return code


async def ended(socket: ClientWebSocketResponse) -> None:
    async with asyncio.timeout(5):
        while (await socket.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
            pass


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", ""])
async def test_a_page_of_another_origin_gets_no_websocket(here: Client, origin: str) -> None:
    with pytest.raises(WSServerHandshakeError) as error:
        await here.ws_connect("/ws", headers={"Origin": origin})
    assert error.value.status == 403


async def test_our_own_page_gets_one(here: Client) -> None:
    async with here.ws_connect("/ws", headers={"Origin": f"http://{here.host}:{here.port}"}) as socket:
        assert not socket.closed


async def test_one_address_holds_so_many_connections(segmenter: Segmenter) -> None:
    config = Config(workers=1, max_connections_per_address=2, trusted_proxies=("127.0.0.1",))
    async with serving(config, segmenter) as client:
        here, there = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}
        first = await client.ws_connect("/ws", headers=here)
        await client.ws_connect("/ws", headers=here)
        with pytest.raises(WSServerHandshakeError) as error:
            await client.ws_connect("/ws", headers=here)
        assert error.value.status == 429
        await client.ws_connect("/ws", headers=there)
        await first.close()
        async with asyncio.timeout(5):
            while True:
                try:
                    await client.ws_connect("/ws", headers=here)
                    break
                except WSServerHandshakeError:
                    await asyncio.sleep(0.02)


async def test_rooms_run_out(here: Client) -> None:
    sockets = [(await joined(here, room=room))[0] for room in ("a", "b")]
    socket = await here.ws_connect("/ws")
    await socket.send_json(JOIN | {"room": "c"})
    assert (await answer(socket))["code"] == "server-full"
    for open_socket in sockets:
        await open_socket.close()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, "token-missing"),
        ("nonsense", "token-invalid"),
        (make_token(Key("a", "HS256", "south-" * 6), Grant("studio"), LIFETIME), "token-invalid"),
        (make_token(Key("a", "HS256", SECRET), Grant("studio"), 60, now=0), "token-expired"),
        (make_token(Key("a", "HS256", SECRET), Grant("attic"), LIFETIME), "token-wrong-room"),
        (7, "bad-message"),
    ],
)
async def test_join_wants_a_good_token(guarded: Client, token: object, code: str) -> None:
    socket = await guarded.ws_connect("/ws")
    await socket.send_json(JOIN | {"token": token})
    error = await answer(socket)
    assert (error["code"], error["fatal"]) == (code, True)
    await ended(socket)
    assert guarded.app[ROOMS].open_rooms.all() == []


async def test_a_token_rules_over_what_its_holder_asks_for(guarded: Client) -> None:
    grant = Grant("studio", name="Ada", backgrounds=("fjord", "#204060"), screen=False)
    token = make_token(Key("a", "HS256", SECRET), grant, 60)
    socket, message = await joined(guarded, token=token, background="blur")
    assert message["participants"][0]["name"] == "Ada"
    assert message["participants"][0]["role"] == "guest"
    assert (message["background"], message["redirected"]) == ("fjord", "background-forbidden")
    assert [background["id"] for background in message["backgrounds"]] == ["fjord", "#204060"]
    await socket.send_json({"type": "background", "background": "blur"})
    assert (await answer(socket))["code"] == "background-forbidden"
    sdp = await offer("sendonly", "video")
    await socket.send_json({"type": "offer", "connection": "screen", "id": 1, "sdp": sdp})
    assert (await answer(socket))["code"] == "screen-forbidden"
    await socket.send_json({"type": "policy", "policy": {"backgrounds": "any"}})
    assert (await answer(socket))["code"] == "host-only"
    await socket.close()


async def test_a_token_makes_hosts_and_only_a_token_does(guarded: Client) -> None:
    guest = make_token(Key("a", "HS256", SECRET), Grant("studio"), 60)
    host = make_token(Key("a", "HS256", SECRET), Grant("studio", role="host"), 60)
    first, one = await joined(guarded, token=guest)
    assert one["participants"][0]["role"] == "guest"
    assert "hostToken" not in one
    second, two = await joined(guarded, token=host)
    assert {person["role"] for person in two["participants"] if person["id"] == two["participant"]} == {
        "host"
    }
    await second.send_json({"type": "leave"})
    await answer(first, "participant-left")
    (participant,) = guarded.app[ROOMS].open_rooms.all()[0].members.values()
    assert guarded.app[ROOMS].open_rooms.all()[0].roster.role(participant) == "guest"
    await first.close()


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "a@127.0.0.1", ""]
)
async def test_a_name_that_was_rebound_to_this_machine_is_refused(here: Client, host: str) -> None:
    origin = {"Origin": f"http://{host}", "Host": host}
    async with here.get("/", headers={"Host": host}) as response:
        assert response.status in (400, 421)
    with pytest.raises(WSServerHandshakeError) as error:
        await here.ws_connect("/ws", headers=origin)
    assert error.value.status in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080"])
async def test_names_of_this_machine_are_served(here: Client, host: str) -> None:
    async with here.get("/healthz", headers={"Host": host}) as response:
        assert response.status == 200


async def test_a_server_with_tokens_has_any_name(guarded: Client) -> None:
    async with guarded.get("/healthz", headers={"Host": "meet.example.org"}) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: +4",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        "X: 1\r\n Content-Length: 9\r\nContent-Length: 4",
    ],
)
async def test_requests_whose_length_is_in_doubt_are_refused(here: Client, lines: str) -> None:
    reader, writer = await asyncio.open_connection(here.host, here.port)
    request = f"POST /whip/studio HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n"
    writer.write(request.encode())
    async with asyncio.timeout(5):
        answer = await reader.read(4096)
    assert answer.startswith(b"HTTP/1.1 400") or answer.startswith(b"HTTP/1.0 400")
    assert b"ok\n" not in answer
    writer.close()
    await writer.wait_closed()
