"""Filtered cameras go on to another server, by WHIP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import av
import numpy as np
import pytest
from aiohttp import AddrInfoType, ClientSession, ClientTimeout, InvalidURL, web
from aiohttp.test_utils import TestServer
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from filters.matting.segmenter import Segmenter
from server.access.tokens import Grant
from server.app import ROOMS
from server.config.options import Config
from server.core.errors import SignalingError
from server.peers.egress import Caller
from server.rooms.membership import Membership
from server.rooms.rooms import Rooms
from server.whip.client import Forward, Reach, is_segment, place, read_text
from tests.support.camera import Camera
from tests.support.client import MAX_BUNDLE, CameraTrack
from tests.support.serving import Client, serving
from tests.support.viewer import READABLE
from tests.support.whip_client import SDP, WhipClient, offer


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def publishing(client: Client, path: str) -> AsyncIterator[WhipClient]:
    film: list[av.VideoFrame] = Camera(160, 120, loop=10).video_frames(10)
    camera = WhipClient(client.session, str(client.make_url(path)))
    assert await camera.publish(CameraTrack(lambda i: film[i % 10])) == 201
    yield camera
    await camera.close()


class Sfu:
    """Another server: stock aiortc behind a WHIP endpoint. Keeps what it decodes and what it was asked."""

    def __init__(self) -> None:
        self.frames: list[av.VideoFrame] = []
        self.requests: list[tuple[str, str, str]] = []
        self.location = "/session"
        self.app = web.Application()
        self.app.router.add_post("/whip/{name}", self._publish)
        self.app.router.add_delete("/session", self._delete)
        self.answering = asyncio.Event()
        """Whether it answers a DELETE."""
        self.answering.set()
        self._connections: list[RTCPeerConnection] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def _publish(self, request: web.Request) -> web.Response:
        self._note(request)
        connection = RTCPeerConnection(MAX_BUNDLE)
        self._connections.append(connection)
        connection.on("track", lambda track: self._tasks.append(asyncio.create_task(self._drain(track))))
        await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        answer = connection.localDescription.sdp
        return web.Response(status=201, text=answer, content_type=SDP, headers={"Location": self.location})

    async def _delete(self, request: web.Request) -> web.Response:
        self._note(request)
        await self.answering.wait()
        await self.close()
        return web.Response()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(connection.close() for connection in self._connections))

    def asked(self, method: str) -> int:
        return [request[0] for request in self.requests].count(method)

    def _note(self, request: web.Request) -> None:
        self.requests.append((request.method, request.path_qs, request.headers.get("Authorization", "")))

    async def _drain(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame):
                    self.frames.append(frame)


async def test_what_is_forwarded_is_filtered(segmenter: Segmenter) -> None:
    sfu = Sfu()
    async with TestServer(sfu.app, host="127.0.0.1") as there:
        url = str(there.make_url("/whip/")) + "{identity}?from={room}"
        async with serving(Config(workers=1, forward_to=url, forward_token="x"), segmenter) as here:
            async with publishing(here, "/whip/private?background=%23804020&identity=my%20desk"):
                await until(lambda: len(sfu.frames) > 5)
            await until(lambda: len(sfu.requests) == 2)
    assert sfu.requests == [
        ("POST", "/whip/my%20desk?from=private", "Bearer x"),
        ("DELETE", "/session", "Bearer x"),
    ]
    marker = Camera(160, 120).marker
    for frame in sfu.frames:
        assert abs(marker.contrast(frame.to_ndarray(format="rgb24").astype(np.uint8))) < READABLE
    corner = sfu.frames[-1].to_ndarray(format="rgb24")[5:40, 5:40].reshape(-1, 3).mean(axis=0)
    assert abs(corner - (0x80, 0x40, 0x20)).max() < 12


@pytest.mark.parametrize(
    ("identity", "path"),
    [
        ("desk", "/a/studio/desk/whip"),
        ("ada@x.org", "/a/studio/ada%40x.org/whip"),
        ("..x", "/a/studio/..x/whip"),
        ("org/desk", "/a/studio/org%2Fdesk/whip"),
        ("?x=1#y", "/a/studio/%3Fx%3D1%23y/whip"),
        ("%2e%2e", "/a/studio/%252e%252e/whip"),
        ("ä", "/a/studio/%C3%A4/whip"),
        (r"\x" + "\r\n", "/a/studio/%5Cx%0D%0A/whip"),
    ],
)
def test_an_identity_stays_in_its_place(identity: str, path: str) -> None:
    assert is_segment(identity) == (identity[0] != "\\")
    assert place("https://sfu.example/a/{room}/{identity}/whip", "studio", identity).raw_path == path


@pytest.mark.parametrize(
    "identity", ["", ".", "..", "...", "a/../b", "../", "/", "a//b", r"..\x", "..;/", "a/..;x=1"]
)
async def test_an_identity_that_would_leave_its_place_is_not_used(rooms: Rooms, identity: str) -> None:
    assert not is_segment(identity)
    membership, _ = rooms.join("studio", "Ada", "", Grant(identity=identity))
    config = rooms.config.replace(forward_to="https://127.0.0.1:1/{identity}")
    forward = Forward(config, membership.participant, "studio")
    assert forward._url.raw_path == f"/{membership.participant.id}"
    await forward.close()


async def test_the_token_is_for_the_configured_origin_only(segmenter: Segmenter) -> None:
    """Whether the other server names a session of a third one's, or sends us there."""
    sfu, third = Sfu(), Sfu()
    async with TestServer(third.app, host="127.0.0.1") as elsewhere:

        async def redirect(_: web.Request) -> web.Response:
            raise web.HTTPTemporaryRedirect(str(elsewhere.make_url("/whip/x")))

        sfu.app.router.add_post("/redirect", redirect)
        sfu.location = str(elsewhere.make_url("/session"))
        async with TestServer(sfu.app, host="127.0.0.1") as there:
            for path, asked in (("/whip/x", ["DELETE"]), ("/redirect", ["POST", "DELETE"])):
                for server in (sfu, third):
                    server.requests.clear()
                    server.frames.clear()
                config = Config(workers=1, forward_to=str(there.make_url(path)), forward_token="x")
                async with serving(config, segmenter) as here, publishing(here, "/whip/private"):
                    await until(lambda: len(sfu.frames) + len(third.frames) > 5)
                await until(lambda: third.asked("DELETE") == 1)
                assert [(method, token) for method, _, token in third.requests] == [(m, "") for m in asked]
        await asyncio.gather(sfu.close(), third.close())


@pytest.mark.parametrize("path", ["/whip/x", "/redirect"])
async def test_a_server_on_the_internet_sends_us_nowhere_else(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Of the loopback's addresses one stands for the internet."""
    monkeypatch.setattr("server.whip.client.is_public", lambda address: address == "127.0.0.2")
    monkeypatch.setattr("server.whip.client.FIRST_PAUSE", 0.01)
    sfu, ours = Sfu(), Sfu()
    async with TestServer(ours.app, host="127.0.0.1") as inside:

        async def redirect(request: web.Request) -> web.Response:
            sfu._note(request)
            raise web.HTTPTemporaryRedirect(str(inside.make_url("/whip/x")))

        sfu.app.router.add_post("/redirect", redirect)
        sfu.location = str(inside.make_url("/session"))
        async with TestServer(sfu.app, host="127.0.0.2") as there:
            config = Config(workers=1, forward_to=str(there.make_url(path)))
            async with serving(config, segmenter) as here, publishing(here, "/whip/private"):
                await until(lambda: bool(sfu.frames) or sfu.asked("POST") > 1)
        await asyncio.gather(sfu.close(), ours.close())
    assert ours.requests == []


@pytest.mark.parametrize(
    ("first", "then", "fine"),
    [
        ("1.1.1.1", "2606:4700::1111", True),
        ("10.0.0.1", "127.0.0.1", True),
        ("10.0.0.1", "1.1.1.1", True),
        ("1.1.1.1", "10.0.0.1", False),
        ("1.1.1.1", "169.254.169.254", False),
        ("2606:4700::1111", "fe80::1%lo", False),
        ("1.1.1.1", "::ffff:127.0.0.1", False),
    ],
)
def test_where_another_server_may_send_us(first: str, then: str, fine: bool) -> None:
    reach = Reach()
    for address, allowed in ((first, True), (then, fine), (first, True)):
        target: AddrInfoType = (
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 443)
        )  # fmt: skip
        with contextlib.nullcontext() if allowed else pytest.raises(OSError, match="internet"):
            reach.socket(target).close()


async def test_it_is_tried_again(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.whip.client.FIRST_PAUSE", 0.01)
    asked: list[str] = []

    async def refuse(request: web.Request) -> web.Response:
        asked.append(await request.text())
        return web.Response(status=503 if len(asked) < 3 else 201, text="no")

    app = web.Application()
    app.router.add_post("/whip", refuse)
    async with TestServer(app, host="127.0.0.1") as other:
        config = Config(workers=1, forward_to=str(other.make_url("/whip")))
        async with serving(config, segmenter) as here, publishing(here, "/whip/private"):
            await until(lambda: len(asked) > 3)
    assert all("a=sendonly" in offer for offer in asked)


@asynccontextmanager
async def hanging(segmenter: Segmenter) -> AsyncIterator[tuple[Sfu, Client]]:
    """Serve in front of another server that does not answer a DELETE."""
    sfu = Sfu()
    sfu.answering.clear()
    async with TestServer(sfu.app, host="127.0.0.1", shutdown_timeout=0.1) as there:
        config = Config(workers=1, session_timeout=60, forward_to=str(there.make_url("/whip/x")))
        async with serving(config, segmenter) as here:
            yield sfu, here
        await sfu.close()


async def forwarded(here: Client, identity: str) -> tuple[Membership, str]:
    """Publish; return who is forwarded, and the session's path."""
    path, headers = f"/whip/private?identity={identity}", {"Content-Type": SDP}
    async with here.post(path, data=await offer("sendonly", "audio"), headers=headers) as response:
        assert response.status == 201
        location = response.headers["Location"]
    membership = here.app[ROOMS].open_rooms.all()[0].memberships[-1]
    await until(lambda: len(membership.participant.egresses) == 1)
    return membership, location


async def delete(here: Client, location: str) -> int:
    async with here.delete(location) as response:
        return response.status


async def test_nobody_waits_for_the_other_server(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.whip.client.END_TIMEOUT", ClientTimeout(total=60))
    async with hanging(segmenter) as (sfu, here):
        rooms = here.app[ROOMS]
        await forwarded(here, "desk")
        desk, _ = await forwarded(here, "desk")  # comes back
        await until(lambda: sfu.asked("DELETE") == 1)
        door, _ = await forwarded(here, "door")
        for membership in (desk, door):
            await rooms.expel(membership, SignalingError("removed", "Out.", fatal=True))
        await until(lambda: sfu.asked("DELETE") == 3)
        _, location = await forwarded(here, "desk")
        deleting = asyncio.create_task(delete(here, location))
        await until(lambda: sfu.asked("DELETE") == 4)
        assert rooms.open_rooms.all() == []
        sfu.answering.set()
        assert await deleting == 200


async def test_the_end_waits_for_the_other_server_but_not_long(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.whip.client.END_TIMEOUT", ClientTimeout(total=0.05))
    async with asyncio.timeout(10), hanging(segmenter) as (sfu, here):
        await forwarded(here, "desk")
        await forwarded(here, "door")
    assert sfu.asked("DELETE") == 2


async def test_an_answer_comes_in_pieces_and_has_a_limit() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"v=0\r", b"\no="):
            yield piece

    assert await read_text(pieces(), 7) == "v=0\r\no="
    with pytest.raises(SignalingError, match="more than 6 bytes"):
        await read_text(pieces(), 6)


async def test_whatever_goes_wrong_is_said_without_the_url_and_tried_again(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.whip.client.FIRST_PAUSE", 0.001)
    errors: list[Exception] = [
        OSError("no socket left for desk"),
        RuntimeError("desk"),
        InvalidURL("http://sfu.invalid/desk"),
        SignalingError("bad-answer", "the other server answered 503"),
    ]
    said = ["OSError", "RuntimeError", "InvalidURL", "the other server answered 503"]

    async def fail(forward: Forward, session: ClientSession) -> None:
        if errors:
            raise errors.pop(0)
        await asyncio.Event().wait()

    monkeypatch.setattr(Forward, "_publish", fail)
    membership, _ = rooms.join("studio", "Ada", "", Grant(identity="desk"))
    forward = Forward(rooms.config, membership.participant, "studio")
    await until(lambda: len(caplog.messages) >= len(said))
    await forward.close()
    assert [message.partition("forwarded: ")[2] for message in caplog.messages] == said


async def test_an_offer_that_can_not_be_made_is_an_error(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(connection: RTCPeerConnection, description: object) -> None:
        raise OSError("no socket left")

    membership, _ = rooms.join("studio", "Ada", "")
    caller = Caller(rooms.config, membership.participant)
    monkeypatch.setattr(RTCPeerConnection, "setLocalDescription", fail)
    with pytest.raises(SignalingError, match="no socket left"):
        await caller.call()
    await caller.close()


async def test_a_connection_that_does_not_come_about_is_given_up(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.peers.egress.CONNECT_LIMIT", 0.02)
    monkeypatch.setattr("server.peers.egress.CHECK_INTERVAL", 0.01)
    membership, _ = rooms.join("studio", "Ada", "")
    caller = Caller(rooms.config, membership.participant)
    async with asyncio.timeout(5):
        await caller.until_lost()  # there is none yet
        await caller.call()
        await caller.until_lost()
        await caller.until_lost(membership.participant.publisher)
    await caller.close()


pytestmark = pytest.mark.slow
