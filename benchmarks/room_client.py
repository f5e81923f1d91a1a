"""A light client of the room benchmark: it sends media that are encoded already, and counts what it gets."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import struct
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp
from aiortc import RTCSessionDescription
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtcpSrPacket, RtpPacket

from benchmarks.room_hop import DITHER, GRAIN, Stream
from benchmarks.room_media import OPUS_SAMPLES
from server.media.rtc import RtpSender, peer_connection
from server.media.rtc.dtls import DtlsTransport
from server.media.rtc.receiver import Receiver

Message = dict[str, Any]

CLOCK_RATE = 90_000  # RTP ticks per second of video; RFC 7741, section 4.1
RTP_HEADER = struct.Struct("!xBHLL")  # RFC 3550, section 5.1
MARKER = 0x80  # bit of the second byte; RFC 3550, section 5.1
GOLDEN = 0.618
"""Clients begin at phases of the frame interval that are spread by the golden ratio."""
REWIND_INTERVAL = 0.5  # seconds; chosen


class Header(NamedTuple):
    """What an RTP packet tells without its key."""

    ssrc: int
    payload_type: int
    sequence_number: int
    timestamp: int
    marker: bool


def read_headers_only() -> None:
    """Let this process count packets of known streams without decrypting them, so that it leaves the CPU alone."""
    whole = DtlsTransport._receive_srtp

    def receive(transport: DtlsTransport, data: bytes, arrival: int) -> None:
        second, number, timestamp, ssrc = RTP_HEADER.unpack_from(data)
        receiver = transport._rtp_router.ssrc_table.get(ssrc)
        if receiver is None:
            whole(transport, data, arrival)
        else:
            header: Any = Header(ssrc, second & 0x7F, number, timestamp, second >= MARKER)
            assert isinstance(receiver, Receiver)
            receiver.receive_packet(header)

    setattr(DtlsTransport, whole.__name__, receive)


class Thinning:
    """Leaves out frames of layers 2 and 1 of a clip in three temporal layers (0, 2, 1, 2)."""

    def __init__(self) -> None:
        self.share = 1.0
        """Of the frames that are to be sent."""
        self._credit = {1: 0.0, 2: 0.0}

    def sends(self, number: int) -> bool:
        """Tell whether to send the frame with that number in the clip."""
        layer = (0, 2, 1, 2)[number % 4]
        if not layer:
            return True
        share = (self.share - 0.5) / 0.5 if layer == 2 else (self.share - 0.25) / 0.25
        self._credit[layer] += min(1.0, max(0.0, share))
        if self._credit[layer] < 1:
            return False
        self._credit[layer] -= 1
        return True


class Counter:
    """A Receiver's sink that notes when frames are complete and decodes nothing."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def take(self, packet: RtpPacket, codec: RTCRtpCodecParameters, rtx: bool) -> None:
        stream = self.stream
        stream.packets += 1
        if packet.marker:
            stream.frames.append((packet.timestamp, time.monotonic()))

    def report(self, packet: RtcpSrPacket) -> None:
        pass

    def close(self) -> None:
        pass


class Clip(NamedTuple):
    """RTP payloads of each frame."""

    plain: list[list[bytes]]
    layered: list[list[bytes]]
    """The same in three temporal layers, for whoever is asked for fewer frames; empty: they are sent all the same."""


@dataclass
class Media:
    """What everybody sends: clips by the height of their pictures, Opus packets (none: no audio), frames a second."""

    clips: dict[int, Clip]
    audio: list[bytes]
    fps: int

    def clip(self, height: float) -> Clip:
        """Return the largest clip of at most that height, or the smallest."""
        fitting = [each for each in self.clips if each <= height + 1]
        return self.clips[max(fitting) if fitting else min(self.clips)]


@dataclass
class Client:
    """One participant, who receives everything that the server offers."""

    number: int
    media: Media
    socket: aiohttp.ClientWebSocketResponse
    id: str = ""
    streams: dict[tuple[str, str], Stream] = field(default_factory=dict)
    """By owner's id and kind."""
    sent: list[tuple[int, float]] = field(default_factory=list)
    """Timestamp and time of each video frame."""
    rewinds: int = 0

    def __post_init__(self) -> None:
        self._publish = peer_connection()
        self._subscribe = peer_connection()
        self._next = 0
        self._limit = 0
        """Of the height of its pictures."""
        self._clip = self.media.clip(self._limit)
        self._frames = self._clip.plain
        self._thinning = Thinning()
        self._rewound = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self) -> None:
        """Join the room and send; what others send comes as the server offers it."""
        name = f"Participant {self.number}"
        await self.socket.send_json({"type": "join", "version": 1, "room": "benchmark", "name": name})
        joined = await self._expect("joined")
        self.id = joined["participant"]
        # Others than the product's server have no limits.
        limits = joined.get("limits", {}).get("video", {"height": max(self.media.clips)})
        self._limit = limits["height"]
        self._obey(limits.get("frameRate", self.media.fps), limits.get("scaleDown", 1.0))
        video = RtpSender(
            self._publish.addTransceiver("video", direction="sendonly"), on_keyframe_request=self._rewind
        )
        self._tasks.append(asyncio.create_task(self._send_video(video)))
        if self.media.audio:
            audio = RtpSender(self._publish.addTransceiver("audio", direction="sendonly"))
            self._tasks.append(asyncio.create_task(self._send_audio(audio)))
        await self._publish.setLocalDescription(await self._publish.createOffer())
        sdp = self._publish.localDescription.sdp
        await self.socket.send_json({"type": "offer", "connection": "publish", "id": 1, "sdp": sdp})
        answer = await self._expect("answer")
        await self._publish.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        await self.socket.send_json({"type": "media", "audio": bool(self.media.audio), "video": True})
        self._tasks.append(asyncio.create_task(self._read()))

    async def _expect(self, kind: str) -> Message:
        while True:
            raw = await self.socket.receive()
            if raw.type != aiohttp.WSMsgType.TEXT:
                raise RuntimeError(f"the server closed the connection ({raw.data}) instead of {kind}")
            message: Message = json.loads(raw.data)
            if message["type"] == "offer":
                await self._answer(message)
            if message["type"] == "error":
                raise RuntimeError(message["message"])
            if message["type"] == kind:
                return message

    async def _read(self) -> None:
        async for raw in self.socket:
            message = json.loads(raw.data)
            if message["type"] == "offer":
                await self._answer(message)
            if message["type"] == "camera":
                self._obey(message["frameRate"], message["scaleDown"])

    def _obey(self, frame_rate: int, scale_down: float) -> None:
        """Send so many frames a second at most, and no larger ones, as a browser does; in layers once it is fewer."""
        self._clip, before = self.media.clip(self._limit / scale_down), self._clip
        self._thinning.share = min(1.0, frame_rate / self.media.fps)
        thinned = self._thinning.share < 1 or self._frames is before.layered
        frames = self._clip.layered if thinned and self._clip.layered else self._clip.plain
        if frames is not self._frames:
            self._frames, self._next = frames, 0

    async def _answer(self, offer: Message) -> None:
        connection = self._subscribe
        await connection.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        receivers = {t.mid: t.receiver for t in connection.getTransceivers()}
        for label in offer["streams"]:
            receiver, key = receivers[label["mid"]], (label["participant"], label["kind"])
            if key not in self.streams and isinstance(receiver, Receiver):
                self.streams[key] = Stream()
                receiver.sink = Counter(self.streams[key])
        await connection.setLocalDescription(await connection.createAnswer())
        sdp = connection.localDescription.sdp
        await self.socket.send_json(
            {"type": "answer", "connection": "subscribe", "id": offer["id"], "sdp": sdp}
        )

    def _rewind(self) -> None:
        """Answer a request for a keyframe."""
        if time.monotonic() - self._rewound > REWIND_INTERVAL:
            self._next, self._rewound = 0, time.monotonic()
            self.rewinds += 1

    async def _send_video(self, sender: RtpSender) -> None:
        dither, fps = random.Random(self.number), self.media.fps
        start = time.monotonic() + self.number * GOLDEN % 1 / fps
        for k in itertools.count():
            await asyncio.sleep(max(0.0, start + k / fps - time.monotonic()))
            timestamp = ((k + 1) * CLOCK_RATE // fps // GRAIN - dither.randrange(DITHER)) * GRAIN
            if sender.ready:
                number = self._next % len(self._frames)
                if self._thinning.sends(number):
                    self.sent.append((timestamp, time.monotonic()))
                    sender.send(self._frames[number], timestamp)
                self._next += 1

    async def _send_audio(self, sender: RtpSender) -> None:
        start = time.monotonic() + self.number * GOLDEN % 1 * 0.02
        for k, packet in enumerate(itertools.cycle(self.media.audio)):
            await asyncio.sleep(max(0.0, start + k * 0.02 - time.monotonic()))
            sender.send([packet], k * OPUS_SAMPLES, level=30, voice=True)

    async def close(self) -> None:
        """Leave without a word."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(self._publish.close(), self._subscribe.close())
