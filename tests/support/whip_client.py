"""A WHIP and WHEP client: stock aiortc and aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import av
from aiohttp import ClientResponse, ClientSession
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from tests.support.client import MAX_BUNDLE
from tests.support.serving import Client

SDP = "application/sdp"


async def post(client: Client, path: str, body: str, **headers: str) -> tuple[int, Any]:
    """Post an SDP; return status and text of the answer. Headers are named with _ for -."""
    headers = {"Content-Type": SDP} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post(path, data=body.encode(), headers=headers) as response:
        return response.status, await response.text()


async def offer(direction: str, *kinds: str) -> str:
    """Return the offer of a connection that nobody will hear of again."""
    connection = RTCPeerConnection(MAX_BUNDLE)
    for kind in kinds:
        connection.addTransceiver(kind, direction=direction)
    await connection.setLocalDescription(await connection.createOffer())
    sdp: str = connection.localDescription.sdp
    await connection.close()
    return sdp


class WhipClient:
    """One session. `on_frame` gets every decoded frame of a played video."""

    def __init__(self, session: ClientSession, url: str, token: str = "") -> None:
        """Speak to the endpoint at an absolute URL, or one that the session's base completes."""
        self.connection = RTCPeerConnection(MAX_BUNDLE)
        self.response: ClientResponse | None = None
        self.location = ""
        self.frames = 0
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._tasks: list[asyncio.Task[None]] = []

    async def publish(self, *tracks: MediaStreamTrack) -> int:
        """Offer tracks to a WHIP endpoint; return the HTTP status."""
        for track in tracks:
            self.connection.addTransceiver(track, direction="sendonly")
        return await self._post()

    async def play(self, on_frame: Callable[[av.VideoFrame], None] = lambda frame: None) -> int:
        """Ask a WHEP endpoint for video and audio; return the HTTP status."""
        for kind in ("video", "audio"):
            self.connection.addTransceiver(kind, direction="recvonly")

        def receive(track: MediaStreamTrack) -> None:
            self._tasks.append(asyncio.create_task(self._drain(track, on_frame)))

        self.connection.on("track", receive)
        return await self._post()

    async def _post(self) -> int:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        headers = self._headers | {"Content-Type": SDP}
        sdp = self.connection.localDescription.sdp
        async with self._session.post(self._url, data=sdp, headers=headers) as response:
            self.response, answer = response, await response.text()
        if response.status == 201:
            self.location = str(response.url.join(type(response.url)(response.headers["Location"])))
            await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return response.status

    async def _drain(self, track: MediaStreamTrack, on_frame: Callable[[av.VideoFrame], None]) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame):
                    self.frames += 1
                    on_frame(frame)

    async def request(self, method: str, **options: Any) -> ClientResponse:  # noqa: ANN401 - aiohttp's
        """Make a request to the session."""
        headers = self._headers | options.pop("headers", {})
        response = await self._session.request(method, self.location, headers=headers, **options)
        await response.read()
        return response

    async def close(self) -> None:
        """End the session at the server, too."""
        if self.location:
            await self.request("DELETE")
        for task in self._tasks:
            task.cancel()
        await self.connection.close()


@asynccontextmanager
async def speaking(client: Client, path: str, bearer: str = "") -> AsyncIterator[WhipClient]:
    """Have a client of a path of the server until the end of the block."""
    whip = WhipClient(client.session, str(client.make_url(path)), bearer)
    yield whip
    await whip.close()
