"""The WebSocket protocol of protocol.md: one connection of one browser. No media in it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TypeVar

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from server.conference import Attendance, Conference, Message, error_message
from server.policy import SignalingError
from server.subscriber import StreamLabel

logger = logging.getLogger(__name__)

VERSION = 1
MAX_OUTGOING = 256  # messages waiting for one browser
FILTER_INTERVAL = 2.0  # seconds between `filter` messages

T = TypeVar("T")


class Signaling:
    """Speaks with one browser until it leaves, breaks off, or errs fatally."""

    def __init__(self, conference: Conference) -> None:
        self._conference = conference
        self._config = conference.config
        self._socket = web.WebSocketResponse(
            heartbeat=self._config.heartbeat, max_msg_size=self._config.max_message, timeout=1.0
        )
        self._outgoing: asyncio.Queue[Message | None] = asyncio.Queue(MAX_OUTGOING)
        self._attendance: Attendance | None = None
        self._left = False
        self._budget = self._config.max_messages_per_second
        self._budget_time = time.monotonic()

    async def run(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one WebSocket request from its first message to its end."""
        await self._socket.prepare(request)
        tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._report())]
        try:
            await self._talk()
        except SignalingError as error:
            self._send(error_message(error))
        except ConnectionError:
            pass
        finally:
            await self._end(tasks)
        return self._socket

    async def _talk(self) -> None:
        await self._join(await self._first_message())
        async for message in self._socket:
            try:
                self._spend()
                await self._dispatch(self._parse(message))
            except SignalingError as error:
                if error.fatal:
                    raise
                self._send(error_message(error))
            if self._left:
                return
        if self._socket.close_code == WSCloseCode.MESSAGE_TOO_BIG:
            raise SignalingError("too-large", "The message is too large.", fatal=True)

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        attendance = self._attendance
        if attendance is not None and attendance.send == self._send:
            if self._left:
                await self._conference.leave(attendance, "left")
            else:
                self._conference.lose(attendance)
        tasks[1].cancel()
        if not self._outgoing.full():
            self._outgoing.put_nowait(None)
        await asyncio.wait(tasks, timeout=1.0)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close()

    async def _first_message(self) -> Message:
        try:
            message = self._parse(await self._socket.receive(self._config.join_timeout))
        except TimeoutError:
            raise SignalingError("not-joined", "No join message came in time.", fatal=True) from None
        if message.get("type") != "join":
            raise SignalingError("not-joined", "The first message must be a join.", fatal=True)
        return message

    async def _join(self, message: Message) -> None:
        if message.get("version") != VERSION:
            raise SignalingError("unsupported-version", f"This server speaks version {VERSION}.", fatal=True)
        room, name = _field(message, "room", str), _field(message, "name", str)
        background = message.get("background") or self._config.background
        attendance = self._conference.find(str(message.get("seat") or ""), room)
        if attendance is not None:
            self._conference.resume(attendance)
        else:
            attendance = self._newcomer(room, name, str(background))
        attendance.send = self._send
        self._attendance = attendance
        await attendance.participant.connect(self._offer)
        self._send(self._joined(attendance))
        self._conference.update(attendance)
        self._conference.refresh(attendance.room)

    def _newcomer(self, room: str, name: str, background: str) -> Attendance:
        try:
            return self._conference.join(room, name, background)
        except SignalingError as error:
            if error.code != "unknown-background":
                raise
            # A remembered picture may be gone; the default hides the room just as well.
            return self._conference.join(room, name, self._config.background)

    def _joined(self, attendance: Attendance) -> Message:
        config, participant = self._config, attendance.participant
        card = self._conference.media.segmenter.card
        video = {
            "width": config.width,
            "height": config.height,
            "frameRate": config.frame_rate,
            "maxBitrate": config.max_bitrate,
        }
        return {
            "type": "joined",
            "version": VERSION,
            "participant": participant.id,
            "seat": participant.seat,
            "room": attendance.room.name,
            "participants": [p.describe() for p in attendance.room.members.values()],
            "backgrounds": participant.wardrobe.list(attendance.room.name),
            "background": participant.background,
            "iceServers": [
                {
                    k: v
                    for k, v in (("urls", s.urls), ("username", s.username), ("credential", s.credential))
                    if v
                }
                for s in config.ice_servers
            ],
            "model": {"name": card.name, "sha256": card.sha256},
            "limits": {"uploadBytes": config.max_upload, "video": video},
        }

    async def _dispatch(self, message: Message) -> None:
        assert self._attendance is not None
        participant = self._attendance.participant
        match message.get("type"):
            case "offer":
                self._expect_connection(message, "publish")
                sdp = await participant.publisher.offer(_field(message, "sdp", str))
                answer = {"type": "answer", "connection": "publish", "id": message.get("id"), "sdp": sdp}
                self._send(answer)
            case "answer":
                self._expect_connection(message, "subscribe")
                if participant.subscriber is not None:
                    participant.subscriber.answer(_field(message, "id", int), _field(message, "sdp", str))
            case "candidate":
                await self._candidate(message)
            case "media":
                audio, video = _field(message, "audio", bool), _field(message, "video", bool)
                participant.set_media(audio=audio, video=video)
                self._conference.update(self._attendance)
            case "background":
                participant.choose(_field(message, "background", str))
                self._send({"type": "background", "background": participant.background})
            case "leave":
                self._left = True
            case other:
                raise SignalingError("unknown-type", f"There is no message of type {str(other)[:40]!r}.")

    async def _candidate(self, message: Message) -> None:
        assert self._attendance is not None
        participant = self._attendance.participant
        candidate = message.get("candidate")
        if candidate is not None and not isinstance(candidate, dict):
            raise SignalingError("bad-message", "The field candidate must be an object or null.")
        if message.get("connection") == "publish":
            await participant.publisher.candidate(candidate)
        elif participant.subscriber is not None:
            await participant.subscriber.candidate(candidate)

    @staticmethod
    def _expect_connection(message: Message, connection: str) -> None:
        if message.get("connection") != connection:
            raise SignalingError("bad-message", f"The field connection must be {connection!r} here.")

    def _offer(self, offer_id: int, sdp: str, labels: list[StreamLabel]) -> None:
        streams = [label._asdict() for label in labels]
        offer = {"type": "offer", "connection": "subscribe", "id": offer_id, "sdp": sdp, "streams": streams}
        self._send(offer)

    def _parse(self, message: WSMessage) -> Message:
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            raise ConnectionResetError
        if message.type != WSMsgType.TEXT:
            raise SignalingError("bad-message", "Messages are JSON text.")
        try:
            value = json.loads(message.data)
        except (ValueError, RecursionError):
            raise SignalingError("bad-message", "The message is not JSON.") from None
        if not isinstance(value, dict):
            raise SignalingError("bad-message", "The message is not a JSON object.")
        return value

    def _spend(self) -> None:
        """Token bucket: a burst of one second's messages, then the configured rate."""
        now, rate = time.monotonic(), self._config.max_messages_per_second
        self._budget = min(rate, self._budget + (now - self._budget_time) * rate) - 1
        self._budget_time = now
        if self._budget < 0:
            raise SignalingError("too-many-messages", "Too many messages; slower, please.", fatal=True)

    def _send(self, message: Message) -> None:
        """Queue a message; a browser that doesn't read its messages is cut off."""
        try:
            self._outgoing.put_nowait(message)
        except asyncio.QueueFull:
            transport = self._socket._req.transport if self._socket._req else None
            if transport is not None:
                transport.abort()

    async def _write(self) -> None:
        while (message := await self._outgoing.get()) is not None:
            try:
                await self._socket.send_str(json.dumps(message, ensure_ascii=False))
            except ConnectionError:
                return
            if message.get("fatal"):
                await self._socket.close(message=str(message.get("code")).encode())
                return

    async def _report(self) -> None:
        before, then = 0, time.monotonic()
        while True:
            await asyncio.sleep(FILTER_INTERVAL)
            if self._attendance is None:
                continue
            participant = self._attendance.participant
            now, sent = time.monotonic(), participant.video.sent
            fps = round((sent - before) / (now - then), 1)
            before, then = sent, now
            counters = participant.counters()._asdict()
            self._send({"type": "filter", **counters, "raw": 0, "fps": fps, "degraded": participant.degraded})


def _field(message: Message, name: str, kind: type[T]) -> T:
    value = message.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise SignalingError(
            "bad-message", f"The field {name} must be a {kind.__name__}.", fatal=name == "room"
        )
    return value
