"""Filtered cameras go on to another server, by WHIP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import av
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from filters.segmenter import Segmenter
from server.config import Config
from tests.support.camera import Camera
from tests.support.client import MAX_BUNDLE, CameraTrack
from tests.support.serving import Client, serving
from tests.support.viewer import READABLE
from tests.support.whip_client import SDP, WhipClient


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
        self.app = web.Application()
        self.app.router.add_post("/whip/{name}", self._publish)
        self.app.router.add_delete("/session", self._delete)
        self._connection = RTCPeerConnection(MAX_BUNDLE)
        self._tasks: list[asyncio.Task[None]] = []

    async def _publish(self, request: web.Request) -> web.Response:
        self._note(request)
        connection = self._connection = RTCPeerConnection(MAX_BUNDLE)
        connection.on("track", lambda track: self._tasks.append(asyncio.create_task(self._drain(track))))
        await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        answer = connection.localDescription.sdp
        return web.Response(status=201, text=answer, content_type=SDP, headers={"Location": "/session"})

    async def _delete(self, request: web.Request) -> web.Response:
        self._note(request)
        for task in self._tasks:
            task.cancel()
        await self._connection.close()
        return web.Response()

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


async def test_it_is_tried_again(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.forward.FIRST_PAUSE", 0.01)
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


pytestmark = pytest.mark.slow
