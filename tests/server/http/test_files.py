"""Files in the chat over HTTP: to whom they are given, and what becomes of bodies that are not what they say."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestServer

from filters.matting.segmenter import Segmenter
from server.access.tokens import Grant, Key, make_token
from server.config.options import Config
from server.http import files as routes
from server.http.app_keys import ROOMS
from tests.support.serving import Client, serving

PATH = "/api/rooms/studio/files"
LIMIT = 100_000  # bytes of a file
KEY = "north-" * 6
Until: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]


class Person:
    """Somebody in the room studio, by WebSocket."""

    def __init__(self, client: Client, socket: ClientWebSocketResponse) -> None:
        self.client, self._socket = client, socket
        self.joined: dict[str, Any] = {}
        self.before: list[str] = []
        """The types of the messages before the one that was waited for."""

    async def told(self, kind: str) -> dict[str, Any]:
        """Wait for a message of a type."""
        self.before = []
        while True:
            message: dict[str, Any] = await self._socket.receive_json(timeout=10)
            if message["type"] == kind:
                return message
            self.before.append(message["type"])

    async def say(self, kind: str, **fields: object) -> None:
        await self._socket.send_json({"type": kind, **fields})

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.joined['seat']}"}

    async def put(
        self, data: object = b"words", name: str = "notes.txt", to: str = "", **more: str
    ) -> tuple[int, dict[str, Any]]:
        """Put a file in; return status and body of the answer."""
        headers = self.headers | {"File-Name": name} | more
        query = {"to": to} if to else {}
        async with self.client.post(PATH, data=data, headers=headers, params=query) as answer:
            return answer.status, await answer.json()

    async def refused(self, data: object = b"words", to: str = "", **more: str) -> str:
        status, body = await self.put(data, to=to, **more)
        return f"{status} {body['code']}"

    async def delete(self, key: str) -> str:
        """Delete a file; return the status, and the code of an error."""
        async with self.client.delete(f"{PATH}/{key}", headers=self.headers) as answer:
            return f"{answer.status} {(await answer.json())['code']}" if answer.status != 204 else "204"

    async def get(self, key: str) -> tuple[int, bytes]:
        async with self.client.get(f"{PATH}/{key}", headers=self.headers) as answer:
            return answer.status, await answer.read()


async def person(client: Client, name: str, **fields: object) -> Person:
    socket = await client.ws_connect("/ws")
    somebody = Person(client, socket)
    await somebody.say("join", version=1, room="studio", name=name, **fields)
    somebody.joined = await somebody.told("joined")
    return somebody


@pytest.fixture
async def client(segmenter: Segmenter) -> AsyncIterator[Client]:
    async with serving(Config(workers=1, max_file=LIMIT, max_files_room=4 * LIMIT), segmenter) as client:
        yield client


@pytest.fixture
async def ada(client: Client) -> Person:
    """The host, in a room that allows files."""
    ada = await person(client, "Ada")
    await ada.say("policy", policy={"files": True})
    await ada.told("policy")
    return ada


@pytest.fixture
async def bob(client: Client, ada: Person) -> Person:
    """A guest."""
    return await person(client, "Bob")


async def test_a_file_is_told_in_the_chat_and_given_to_be_saved(
    client: Client, ada: Person, bob: Person
) -> None:
    assert bob.joined["limits"]["fileBytes"] == LIMIT
    data = b"<script>alert(1)</script>"
    status, file = await ada.put(data, "..%2Fa%20b%E2%82%AC.html")
    assert (status, file["size"]) == (201, len(data))
    for each in (ada, bob):
        chat = (await each.told("chat"))["chat"]
        assert (chat["text"], chat["file"]) == ("a b€.html", file)
    eve = await person(client, "Eve")
    assert eve.joined["chat"][0]["file"] == file
    async with client.get(f"{PATH}/{file['id']}", headers=eve.headers) as answer:
        assert await answer.read() == data
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%20b%E2%82%AC.html"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    assert "a%20b" not in file["id"]


async def test_nobody_else_gets_it(client: Client, ada: Person, bob: Person) -> None:
    _, file = await ada.put()
    lurker = await person(client, "Eve", preview=True)
    assert (await lurker.get(file["id"]))[0] == 400
    assert await lurker.refused() == "400 not-in-room"
    for headers in ({}, {"Authorization": "Bearer nothing"}):
        async with client.get(f"{PATH}/{file['id']}", headers=headers) as answer:
            assert answer.status == 401
        async with client.post(PATH, data=b"x", headers=headers) as answer:
            assert answer.status == 401
    other = f"/api/rooms/attic/files/{file['id']}"
    async with client.get(other, headers=bob.headers) as answer:
        assert answer.status == 401
    for key in ("nothing", "..%2f..%2fetc%2fpasswd", "%00"):
        assert (await bob.get(key))[0] == 404


async def test_a_private_file_is_for_its_reader(client: Client, ada: Person, bob: Person) -> None:
    eve = await person(client, "Eve")
    _, file = await ada.put(to=bob.joined["participant"])
    chat = (await bob.told("chat"))["chat"]
    assert (chat["to"], chat["file"]) == (bob.joined["participant"], file)
    assert await bob.get(file["id"]) == await ada.get(file["id"]) == (200, b"words")
    assert (await eve.get(file["id"]))[0] == 404
    await ada.say("chat", text="for all")
    await eve.told("chat")
    assert "chat" not in eve.before
    assert await ada.refused(to="nobody") == "404 unknown-participant"


async def test_a_file_is_deleted_by_its_owner_or_a_host(client: Client, ada: Person, bob: Person) -> None:
    eve = await person(client, "Eve")
    files = [(await bob.put(b"x" * LIMIT))[1]["id"] for _ in range(4)]
    assert await eve.delete(files[0]) == "403 host-only"
    for who, key in zip((bob, ada), files, strict=False):
        assert await who.delete(key) == "204"
        for each in (ada, bob, eve):
            assert (await each.told("file-deleted"))["file"] == key
            assert (await each.get(key))[0] == 404
        assert await who.delete(key) == "404 unknown-file"
    assert [chat["file"]["id"] for chat in (await person(client, "Kit")).joined["chat"]] == files[2:]
    for _ in range(2):
        assert (await eve.put(b"x" * LIMIT))[0] == 201  # there is room for them again
    assert await eve.refused() == "409 files-full"


async def test_files_of_who_is_removed_are_gone_from_the_chat(
    client: Client, ada: Person, bob: Person
) -> None:
    key = (await bob.put())[1]["id"]
    await ada.say("remove", participant=bob.joined["participant"])
    assert (await ada.told("file-deleted"))["file"] == key
    assert (await person(client, "Kit")).joined["chat"] == []


async def test_of_a_private_file_nobody_else_is_told_that_it_is_deleted(
    client: Client, ada: Person, bob: Person
) -> None:
    eve = await person(client, "Eve")
    key = (await bob.put(to=eve.joined["participant"]))[1]["id"]
    assert await ada.delete(key) == "404 unknown-file"  # though she is a host
    assert await eve.delete(key) == "403 host-only"
    assert await bob.delete(key) == "204"
    for each in (bob, eve):
        assert (await each.told("file-deleted"))["file"] == key
    await bob.say("chat", text="for all")
    await ada.told("chat")
    assert "file-deleted" not in ada.before


async def test_a_page_that_is_loaded_again_has_its_files_back(
    client: Client, ada: Person, bob: Person
) -> None:
    keys = [(await each.put(b"x" * LIMIT))[1]["id"] for each in (ada, bob, bob)]
    for who, name in ((ada, "Ada"), (bob, "Bob")):  # whose seat is held, as the only host's, and whose is not
        await who.say("leave", returning=True)
        stranger = await person(client, name)
        assert await stranger.delete(keys[1]) == "403 host-only"
        await stranger.say("leave")
    again = await person(client, "Bob", former=bob.joined["seat"])
    chat = {each["file"]["id"]: each["participant"] for each in again.joined["chat"]}
    assert [chat[key] == again.joined["participant"] for key in keys] == [False, True, True]
    assert await again.refused(b"x" * (LIMIT + 1)) == "413 too-large"
    assert await again.delete(keys[0]) == "403 host-only"
    assert await again.delete(keys[1]) == "204"
    host = await person(client, "Ada", former=ada.joined["seat"])
    assert host.joined["chat"][0]["participant"] == host.joined["participant"]
    await host.say("role", participant=again.joined["participant"], role="host")
    await again.told("participant-updated")
    assert await host.delete(keys[0]) == "204"


async def test_files_count_for_who_has_loaded_the_page_again(segmenter: Segmenter) -> None:
    async with serving(Config(workers=1, max_file=LIMIT, max_files_participant=LIMIT), segmenter) as client:
        ada = await person(client, "Ada")
        await ada.say("policy", policy={"files": True})
        await ada.told("policy")
        bob = await person(client, "Bob")
        key = (await bob.put(b"x" * LIMIT))[1]["id"]
        await bob.say("leave", returning=True)
        await ada.told("participant-left")
        again = await person(client, "Bob", former=bob.joined["seat"])
        assert await again.refused() == "409 files-full"
        assert await again.delete(key) == "204"
        assert (await again.put())[0] == 201


async def test_off_by_policy(client: Client, ada: Person, bob: Person) -> None:
    key = (await bob.put())[1]["id"]
    for allowed in (False, True, False):
        await ada.say("policy", policy={"files": allowed})
        await bob.told("policy")
        for each in (ada, bob):
            assert (await each.get(key))[0] == (200 if allowed else 403)
    assert await ada.refused() == await bob.refused() == "403 files-forbidden"
    assert await bob.delete(key) == "204"


async def test_a_token_wins_over_the_policy(segmenter: Segmenter) -> None:
    async with serving(Config(workers=1, token_keys={"a": KEY}), segmenter) as client:

        def token(files: bool | None) -> str:
            return make_token(Key("a", "HS256", KEY), Grant("studio", role="host", files=files), 60)

        one, two, three = [await person(client, "Ada", token=token(files)) for files in (True, None, False)]
        assert (await one.put())[0] == 201
        assert await two.refused() == await three.refused() == "403 files-forbidden"
        await two.say("policy", policy={"files": True})
        await two.told("policy")
        assert (await two.put())[0] == 201
        assert await three.refused() == "403 files-forbidden"
        assert not three.joined["effective"]["files"]


async def test_a_server_may_have_none(segmenter: Segmenter) -> None:
    async with serving(Config(workers=1, max_file=0), segmenter) as client:
        ada = await person(client, "Ada")
        await ada.say("policy", policy={"files": True})
        await ada.told("policy")
        assert ada.joined["limits"]["fileBytes"] == 0
        assert await ada.refused() == "403 files-forbidden"


async def chunks(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b"x" * 1000


async def test_bodies_that_are_not_what_they_should_be(ada: Person) -> None:
    assert await ada.refused(b"") == "400 bad-file"
    assert await ada.refused(b"x" * (LIMIT + 1)) == "413 too-large"
    assert await ada.refused(chunks(3)) == "411 length-required"
    form = "multipart/form-data; boundary=x"
    assert await ada.refused(b"--x--", **{"Content-Type": form}) == "415 unsupported-media-type"
    assert (await ada.put(b"--x--", **{"Content-Type": "image/png"}))[0] == 201  # what it is, nobody asks


@pytest.mark.parametrize(
    ("name", "shown"),
    [("", "file"), ("%FF%00", "\ufffd"), ("%", "%"), ("x" * 8000, "x" * 120), ("%2e%2e%2fa.txt", "a.txt")],
)
async def test_names_of_all_kinds(ada: Person, name: str, shown: str) -> None:
    assert (await ada.put(name=name))[0] == 201
    assert (await ada.told("chat"))["chat"]["text"] == shown


class Upload:
    """A file of which as much comes as one wants."""

    def __init__(self, somebody: Person, length: int) -> None:
        self._person, self._length = somebody, length

    async def __aenter__(self) -> Upload:
        client = self._person.client
        self._reader, self._writer = await asyncio.open_connection(client.host, client.port)
        head = [f"POST {PATH} HTTP/1.1", f"Host: localhost:{client.port}", f"Content-Length: {self._length}"]
        head += [f"Authorization: {self._person.headers['Authorization']}", "", ""]
        self._writer.write("\r\n".join(head).encode())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> str:
        async with asyncio.timeout(10):
            status = (await self._reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            body = json.loads(await self._reader.readuntil(b"}"))
            return f"{status} {body.get('code', body.get('size'))}"


@pytest.fixture
def busy(client: Client, until: Until) -> Callable[[bool], Awaitable[None]]:
    """Wait until somebody's file is on its way, or nobody's."""
    (room,) = client.app[ROOMS].open_rooms.all()

    async def wait(wanted: bool) -> None:
        await until(lambda: any(p.busy for p in room.files._people.values()) == wanted)

    return wait


async def test_what_comes_after_the_end_is_not_taken(ada: Person, bob: Person) -> None:
    async with Upload(ada, 5) as upload:
        await upload.send(b"words")
        assert await upload.answer() == "201 5"
        await upload.send(b" and more")
    chat = (await bob.told("chat"))["chat"]
    assert await bob.get(chat["file"]["id"]) == (200, b"words")


async def test_a_slow_file_holds_up_nobody_and_takes_no_more_than_it_says(
    ada: Person, bob: Person, busy: Callable[[bool], Awaitable[None]]
) -> None:
    async with Upload(ada, LIMIT) as upload:
        await upload.send(b"x")
        await busy(True)
        assert await ada.refused() == "409 upload-busy"
        assert (await bob.put())[0] == 201
        await bob.say("chat", text="Hello")
        assert (await ada.told("chat"))["chat"]["file"]
        assert (await ada.told("chat"))["chat"]["text"] == "Hello"
    await busy(False)  # and what was held for it is free again
    for _ in range(3):
        assert (await ada.put(b"x" * LIMIT))[0] == 201
    assert await ada.refused(b"x" * LIMIT) == "409 files-full"


async def test_a_file_that_takes_too_long(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "BODY_LIMIT", 0.05)
    async with Upload(ada, LIMIT) as upload:
        await upload.send(b"x")
        assert await upload.answer() == "408 too-slow"


async def test_whoever_is_gone_or_has_lost_the_right_before_its_end_has_put_in_nothing(
    client: Client, ada: Person, bob: Person, busy: Callable[[bool], Awaitable[None]]
) -> None:
    for rest, code in (({"policy": {"files": False}}, "403 files-forbidden"), ({}, "400 not-in-room")):
        async with Upload(bob, 5) as upload:
            await upload.send(b"wor")
            await busy(True)
            if rest:
                await ada.say("policy", **rest)
                await bob.told("policy")
            else:
                await ada.say("remove", participant=bob.joined["participant"])
                await ada.told("participant-left")
            await upload.send(b"ds")
            assert await upload.answer() == code
        await ada.say("policy", policy={"files": True})
        await ada.told("policy")
    (room,) = client.app[ROOMS].open_rooms.all()
    assert room.files._files == {}


async def test_files_end_with_the_room(client: Client, ada: Person, until: Until) -> None:
    for _ in range(4):
        assert (await ada.put(b"x" * LIMIT))[0] == 201
    lurker = await person(client, "Eve", preview=True)  # for whom the room goes on
    (room,) = client.app[ROOMS].open_rooms.all()
    await ada.say("leave")
    await until(lambda: not room.members)
    assert room.files._files == {}
    await lurker.say("enter")
    await lurker.told("entered")
    assert await lurker.refused() == "403 files-forbidden"


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


async def test_a_body_that_is_too_large_is_not_kept_while_it_comes(ada: Person, traced: None) -> None:
    async with Upload(ada, 1 << 40) as upload:
        assert await upload.answer() == "413 too-large"
    assert tracemalloc.get_traced_memory()[1] < 20_000_000


class Download:
    """A file of which as much is taken as one wants."""

    def __init__(self, somebody: Person, key: str) -> None:
        self._person, self._key = somebody, key

    async def __aenter__(self) -> Download:
        client = self._person.client
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, (client.host, client.port))
        self._reader, self._writer = await asyncio.open_connection(sock=narrow, limit=4096)
        head = [f"GET {PATH}/{self._key} HTTP/1.1", f"Host: localhost:{client.port}"]
        head += [f"Authorization: {self._person.headers['Authorization']}", "", ""]
        self._writer.write("\r\n".join(head).encode())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    async def begun(self) -> None:
        """Wait for the answer's head."""
        async with asyncio.timeout(10):
            assert b" 200 " in await self._reader.readuntil(b"\r\n\r\n")

    async def broken_off(self) -> None:
        """Wait until the server has ended the connection, and take nothing meanwhile."""
        ours, server = self._writer.get_extra_info("sockname"), self._person.client.server
        assert isinstance(server, TestServer)
        async with asyncio.timeout(10):
            while any(
                each.transport is not None and each.transport.get_extra_info("peername") == ours
                for each in server.handler.connections
            ):
                await asyncio.sleep(0.01)

    async def rest(self) -> int:
        """Take what comes until it ends; return how much that was."""
        taken = 0
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                while data := await self._reader.read(1 << 20):
                    taken += len(data)
        return taken


LARGE = 16 << 20  # bytes: more than what the kernel keeps of a connection


@pytest.fixture
async def roomy(segmenter: Segmenter) -> AsyncIterator[Client]:
    """A server that takes large files."""
    config = Config(workers=1, max_file=LARGE, max_files_participant=LARGE, max_files_room=LARGE)
    async with serving(config, segmenter) as client:
        yield client


@pytest.fixture
async def large(roomy: Client) -> tuple[Person, Person, str]:
    """A host, a guest, and the id of a large file of the guest's."""
    ada = await person(roomy, "Ada")
    await ada.say("policy", policy={"files": True})
    await ada.told("policy")
    bob = await person(roomy, "Bob")
    return ada, bob, (await bob.put(io.BytesIO(bytes(LARGE))))[1]["id"]


async def test_downloads_that_nobody_takes_cost_little_memory(
    large: tuple[Person, Person, str], traced: None
) -> None:
    ada, _, key = large
    async with AsyncExitStack() as stack:
        downloads = [await stack.enter_async_context(Download(ada, key)) for _ in range(5)]
        for download in downloads:
            await download.begun()
        assert tracemalloc.get_traced_memory()[1] < LARGE / 4


async def test_a_download_ends_with_its_file(large: tuple[Person, Person, str]) -> None:
    ada, bob, key = large
    async with Download(ada, key) as download:
        await download.begun()
        await ada.say("remove", participant=bob.joined["participant"])
        await ada.told("participant-left")
        assert await download.rest() < LARGE


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("server.http.files.BODY_LIMIT", 0), ("server.http.connections.STALL_LIMIT", 0.05)],
)
async def test_a_download_is_not_waited_for_without_end(
    large: tuple[Person, Person, str], monkeypatch: pytest.MonkeyPatch, limit: str, seconds: float
) -> None:
    monkeypatch.setattr(limit, seconds)
    ada, _, key = large
    async with Download(ada, key) as download:
        await download.begun()
        await download.broken_off()
        assert await download.rest() < LARGE


async def test_no_name_of_a_file_is_logged(ada: Person, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    assert (await ada.put(name="secret-plan.pdf"))[0] == 201
    assert (await ada.put(b"", name="secret-plan.pdf"))[0] == 400
    assert "secret-plan" not in caplog.text
