"""A second client of the signalling protocol: stock aiortc, no browser. Sees every frame that it decodes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from typing import Any

import aiohttp
import av
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from filters.base import new_frame, planes_of

Message = dict[str, Any]
OnFrame = Callable[[str, av.VideoFrame], None]

MAX_BUNDLE = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)


class CameraTrack(MediaStreamTrack):
    """Frames of a function of the frame number, in real time."""

    kind = "video"

    def __init__(self, frame: Callable[[int], av.VideoFrame], rate: int = 30) -> None:
        super().__init__()
        self._frame = frame
        self._rate = rate
        self._count = 0
        self._start = 0.0

    async def recv(self) -> av.VideoFrame:
        self._start = self._start or time.monotonic()
        delay = self._start + self._count / self._rate - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        source = self._frame(self._count)
        # A copy, because frames are shared between tracks and an encoder marks the one that it is given.
        frame, planes = new_frame(source.width, source.height)
        for plane, original in zip(planes, planes_of(source), strict=True):
            plane[:] = original
        frame.pts = self._count * 90_000 // self._rate
        frame.time_base = Fraction(1, 90_000)
        self._count += 1
        return frame


class Client:
    """One participant. `on_frame` gets every decoded frame with the id of the participant it shows."""

    def __init__(self, url: str, room: str, on_frame: OnFrame | None = None) -> None:
        self.id = ""
        self.seat = ""
        self.joined: Message = {}
        self.messages: list[Message] = []
        self.frames = 0
        self._url = url
        self._room = room
        self._on_frame = on_frame
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self._publish: RTCPeerConnection | None = None
        self._subscribe = RTCPeerConnection(MAX_BUNDLE)
        self._owners: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Condition()

    async def send(self, message: Message) -> None:
        """Send one message of the protocol."""
        assert self._socket is not None
        await self._socket.send_json(message)

    async def wait_for(self, kind: str, timeout: float = 10.0, **fields: object) -> Message:
        """Return the first message of a type with these fields, past ones included; of objects, some fields will do."""

        def found() -> Message | None:
            for message in self.messages:
                if message["type"] == kind and all(_fits(message.get(k), v) for k, v in fields.items()):
                    return message
            return None

        async with asyncio.timeout(timeout), self._arrived:
            await self._arrived.wait_for(lambda: found() is not None)
        message = found()
        assert message is not None
        return message

    async def publish(self, *tracks: MediaStreamTrack) -> None:
        """Offer these tracks."""
        if self._publish is not None:
            await self._publish.close()
        self._publish = connection = RTCPeerConnection(MAX_BUNDLE)
        for track in tracks:
            connection.addTransceiver(track, direction="sendonly")
        await connection.setLocalDescription(await connection.createOffer())
        self.messages = [m for m in self.messages if m["type"] != "answer"]
        await self.send(
            {"type": "offer", "connection": "publish", "id": 1, "sdp": connection.localDescription.sdp}
        )
        answer = await self.wait_for("answer")
        await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        kinds = {track.kind for track in tracks}
        await self.send({"type": "media", "audio": "audio" in kinds, "video": "video" in kinds})

    def listen(self, socket: aiohttp.ClientWebSocketResponse) -> asyncio.Task[None]:
        """Read messages until the connection ends, and answer the server's offers: in a task that `close` awaits."""
        self._socket = socket
        self._reading = asyncio.get_running_loop().create_task(self._read(socket))
        return self._reading

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for raw in socket:
            message = json.loads(raw.data)
            if message["type"] == "offer":
                with contextlib.suppress(ConnectionError):  # the server may be closing it
                    await self._answer(message)
            async with self._arrived:
                self.messages.append(message)
                self._arrived.notify_all()

    async def _answer(self, offer: Message) -> None:
        self._owners = {s["mid"]: s["participant"] for s in offer["streams"]}
        if offer["fresh"]:
            await self._subscribe.close()
            self._subscribe = RTCPeerConnection(MAX_BUNDLE)
            self._subscribe.on("track", self._receive)
        connection = self._subscribe
        await connection.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        sdp = connection.localDescription.sdp
        await self.send({"type": "answer", "connection": "subscribe", "id": offer["id"], "sdp": sdp})

    def _receive(self, track: MediaStreamTrack) -> None:
        transceiver = next(t for t in self._subscribe.getTransceivers() if t.receiver.track is track)
        task = asyncio.get_running_loop().create_task(self._drain(track, transceiver))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, track: MediaStreamTrack, transceiver: RTCRtpTransceiver) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame):
                    self.frames += 1
                    if self._on_frame is not None:
                        self._on_frame(self._owners.get(transceiver.mid or "", ""), frame)

    async def close(self, *, say_goodbye: bool = True, code: int = aiohttp.WSCloseCode.OK) -> None:
        """Leave; without goodbye it is as if the computer died."""
        if self._socket is not None:
            if say_goodbye and not self._socket.closed:
                with contextlib.suppress(ConnectionError):  # the server may be closing it
                    await self.send({"type": "leave"})
            await self._socket.close(code=code)
        if self._reading is not None:
            # Not by cancelling it: aioice leaks its sockets when it is interrupted while it gathers.
            await asyncio.gather(self._reading, return_exceptions=True)
        for task in list(self._tasks):
            task.cancel()
        for connection in (self._publish, self._subscribe):
            if connection is not None:
                await asyncio.wait_for(connection.close(), 5)


def _fits(found: object, wanted: object) -> bool:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(_fits(found.get(k), v) for k, v in wanted.items())
    return found == wanted


@contextlib.asynccontextmanager
async def join(
    url: str,
    room: str,
    name: str = "Ada",
    *,
    background: str = "blur",
    seat: str | None = None,
    preview: bool = False,
    on_frame: OnFrame | None = None,
) -> AsyncIterator[Client]:
    """Join a room of the server at `url` (http://host:port)."""
    client = Client(url, room, on_frame)
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(url.replace("http", "ws", 1) + "/ws", max_msg_size=0)
        client.listen(socket)
        try:
            message = {"type": "join", "version": 1, "room": room, "name": name, "background": background}
            await client.send(message | ({"seat": seat} if seat else {}) | {"preview": preview})
            client.joined = await client.wait_for("joined")
            client.id, client.seat = client.joined["participant"], client.joined["seat"]
            yield client
        finally:
            await client.close()
