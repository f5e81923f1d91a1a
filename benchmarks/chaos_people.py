"""Who is in the rooms of benchmarks.chaos: people who speak the WebSocket protocol, with a camera or without."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from typing import Any

import aiohttp
from aiortc import RTCRtpTransceiver, RTCSessionDescription

from benchmarks.chaos_camera import Camera
from benchmarks.chaos_line import Line
from benchmarks.chaos_tally import Screen, Tally
from server.media.rtc import PeerConnection, RtpSender, peer_connection, receive_video
from server.media.rtc.dtls import DtlsTransport

Message = dict[str, Any]

CLOCK_RATE = 90_000  # RTP ticks per second of video; RFC 7741, section 4.1, and RFC 6184, section 5.1
PATIENCE = 10.0  # seconds for an answer of the server; chosen
CLOSING = 3.0  # seconds; chosen


class Uplink:
    """A connection that sends a camera's pictures, over a line that may be bad."""

    def __init__(self, camera: Camera, line: Line) -> None:
        self.connection = peer_connection()
        self.camera = camera
        self._line = line
        self._transceiver: RTCRtpTransceiver = self.connection.addTransceiver("video", direction="sendonly")
        preferred = [c for c in self._transceiver._codecs if camera.clip.codec in c.mimeType]
        self._transceiver.setCodecPreferences(preferred)  # type: ignore[arg-type]
        self._sender = RtpSender(self._transceiver, on_keyframe_request=camera.asked_for_keyframe)
        self._task: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def answered(self, sdp: str) -> None:
        """Take the answer, and begin to send."""
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        transport = self.transport
        stock = transport.send_packets
        transport.send_packets = lambda packets: stock(self._line.pass_on(packets))  # type: ignore[method-assign]
        self._task = asyncio.create_task(self._send())

    @property
    def transport(self) -> DtlsTransport:
        transport = self._transceiver.sender.transport
        assert isinstance(transport, DtlsTransport)
        return transport

    async def _send(self) -> None:
        due, ticks = time.monotonic(), 0
        while True:
            step = 1 / self.camera.fps
            due = max(due + step, time.monotonic() - step)
            await asyncio.sleep(due - time.monotonic())
            ticks += int(CLOCK_RATE * step)
            if self._sender.ready and self.camera.on:
                for payloads in self.camera.shoot():
                    self._sender.send(payloads, ticks)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        await close(self.connection)


async def close(connection: PeerConnection) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSING):
            await connection.close()


class Person:
    """Somebody in a room. `repair` brings back whoever a fault has thrown out."""

    def __init__(
        self, http: aiohttp.ClientSession, room: str, tally: Tally, rng: random.Random, *, camera: bool = True
    ) -> None:
        self.room = room
        self.camera = Camera(rng) if camera else None
        self.line = Line(rng)
        self.uplink: Uplink | None = None
        self.subscribed: PeerConnection | None = None
        self.id = ""
        self.seat = ""
        self.background = "fjord"
        self.screens: dict[str, Screen] = {}
        self._http = http
        self._tally = tally
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._joined: asyncio.Future[Message] | None = None
        self._lock = asyncio.Lock()
        """Held by whoever joins or publishes: faults meet."""

    @property
    def connected(self) -> bool:
        return self._socket is not None and not self._socket.closed

    async def say(self, kind: str, **fields: object) -> None:
        """Send a message; nothing happens while there is no connection."""
        if self._socket is not None and not self._socket.closed:
            with contextlib.suppress(ConnectionError):
                await self._socket.send_json({"type": kind, **fields})

    async def join(self, *, seat: str = "", preview: bool = False) -> None:
        """Join, with a camera if there is one. Raises TimeoutError, ConnectionError."""
        async with self._lock:
            await self._join(seat, preview)

    async def _join(self, seat: str, preview: bool) -> None:
        await self.drop()
        self._socket = await self._http.ws_connect("/ws", max_msg_size=0)
        self._joined = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(self._socket))
        fields = {"room": self.room, "name": "Ada", "background": self.background, "preview": preview}
        await self.say("join", version=1, **fields, **({"seat": seat} if seat else {}))
        async with asyncio.timeout(PATIENCE):
            joined = await asyncio.shield(self._joined)
        self.id, self.seat = joined["participant"], joined["seat"]
        await self._publish()

    async def publish(self) -> None:
        """Offer the camera, on a new connection. Raises TimeoutError."""
        async with self._lock:
            await self._publish()

    async def _publish(self) -> None:
        if self.camera is None:
            return
        if self.uplink is not None:
            await self.uplink.close()
        self.camera.rewind()
        self.uplink = Uplink(self.camera, self.line)
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self.say("offer", connection="publish", id=number, sdp=await self.uplink.offer())
        async with asyncio.timeout(PATIENCE):
            answer = await self._answers[number]
        await self.uplink.answered(answer)
        await self.say("media", audio=False, video=True)

    async def drop(self) -> None:
        """Lose the connection without a word."""
        if self._reading is not None:
            self._reading.cancel()
        if self._socket is not None:
            await self._socket.close()

    async def repair(self) -> None:
        """Join anew if need be."""
        sending = self.uplink is None or self.uplink.connection.connectionState in (
            "new",
            "connecting",
            "connected",
        )
        if not self.connected:
            await self.join()
        elif not sending:
            await self.publish()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for raw in socket:
            message = raw.json()
            match message["type"]:
                case "joined" if self._joined is not None and not self._joined.done():
                    self._joined.set_result(message)
                case "answer" if (waiting := self._answers.pop(message["id"], None)) and not waiting.done():
                    waiting.set_result(message["sdp"])
                case "offer":
                    with contextlib.suppress(ConnectionError):
                        await self._answer(message)

    async def _answer(self, offer: Message) -> None:
        if offer["fresh"] or self.subscribed is None:
            if self.subscribed is not None:
                await close(self.subscribed)
            self.subscribed, self.screens = peer_connection(), {}
        connection = self.subscribed
        await connection.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        for transceiver in connection.getTransceivers():
            mid = transceiver.mid or ""
            if transceiver.kind == "video" and mid not in self.screens:
                self.screens[mid] = screen = Screen(self._tally, "WebSocket")
                screen.receiver = receive_video(transceiver.receiver, screen.show)
        await connection.setLocalDescription(await connection.createAnswer())
        sdp = connection.localDescription.sdp
        await self.say("answer", connection="subscribe", id=offer["id"], sdp=sdp)

    async def close(self) -> None:
        """Leave."""
        await self.say("leave")
        await self.drop()
        if self.uplink is not None:
            await self.uplink.close()
        if self.subscribed is not None:
            await close(self.subscribed)
