"""One browser's stay: joining, being told what happens, leaving. No socket: messages go in and come out."""

from __future__ import annotations

import time
from collections.abc import Callable

from server.access.policy import MAX_CHAT, REACTIONS, SignalingError, room_name
from server.access.tokens import OPEN, grant_of
from server.core.messages import Message, optional, required
from server.peers.ice import describe, ice_servers
from server.peers.subscriber import SubscribeOffer
from server.rooms.room import Attendance
from server.rooms.room_state import seat_hash
from server.rooms.rooms import Conference

VERSION = 1
SCREEN_LIMITS = {"width": 1920, "height": 1080, "frameRate": 15, "maxBitrate": 2_500_000}
REASONS = {
    "error": "The filter fails; until it works again, others see the last good picture or a placeholder.",
    "overload": "The server is busy; it makes fewer or coarser pictures, but none without the filter.",
}


class Session:
    """Speaks for one browser. `send` must not wait and must not fail."""

    def __init__(self, conference: Conference, send: Callable[[Message], None]) -> None:
        self.conference = conference
        self.send = send
        self.left = False
        self._attendance: Attendance | None = None
        self._sent = 0
        self._reported = 0.0

    async def join(self, message: Message) -> None:
        """Take the first message; raise SignalingError, always fatal."""
        try:
            await self._join(message)
        except SignalingError as error:
            error.fatal = True
            raise

    async def _join(self, message: Message) -> None:
        if message.get("type") != "join":
            raise SignalingError("not-joined", "The first message must be a join.")
        if message.get("version") != VERSION:
            raise SignalingError("unsupported-version", f"This server speaks version {VERSION}.")
        room, token = required(message, "room", str), optional(message, "hostToken", str, "")
        seat, redirected = optional(message, "seat", str, ""), None
        self.conference.admission(room_name(room))
        attendance = self.conference.find(seat, room)
        if attendance is not None:
            self.conference.resume(attendance)
            attendance.meeting.claim(attendance, token)
        else:
            attendance, redirected = await self._arrive(message, room, seat)
        self._attendance = attendance
        attendance.send = self.send
        before = attendance.participant.connect(self.offer)
        self._reported, self._sent = time.monotonic(), attendance.participant.video.sent
        # Nothing is awaited before that: what others cause would be told before `joined`, or be missing from it.
        self._welcome(attendance, redirected)
        await before

    async def _arrive(self, message: Message, room: str, seat: str) -> tuple[Attendance, str | None]:
        """Take in somebody who has no seat here, but may have had one on another server; see Conference.join."""
        name, background = required(message, "name", str), optional(message, "background", str, "")
        token, preview = optional(message, "hostToken", str, ""), optional(message, "preview", bool, False)
        back = self.conference.returning(seat, room)
        if back is None:
            grant = self.conference.doorkeeper.admit(optional(message, "token", str, ""), room)
            attendance, redirected = self.conference.join(room, name, background, grant)
            if not preview:
                await self._or_leave(attendance, lambda: attendance.meeting.enter(attendance, token))
        else:
            grant = OPEN if back.grant is None else grant_of(back.grant)
            attendance, redirected = self.conference.join(room, name, background, grant, seat)
            await self._or_leave(
                attendance, lambda: attendance.meeting.come_back(attendance, seat_hash(seat))
            )
        return attendance, redirected

    async def _or_leave(self, attendance: Attendance, enter: Callable[[], object]) -> None:
        try:
            enter()
        except BaseException:  # nobody else knows of the participant yet
            await self.conference.leave(attendance, "left")
            raise

    @property
    def attendance(self) -> Attendance:
        """Who this is, after `join`."""
        assert self._attendance is not None
        return self._attendance

    @property
    def over(self) -> bool:
        """Tell whether the participant has been removed, or is spoken for by another session."""
        return self.attendance.send != self.send

    def _welcome(self, attendance: Attendance, redirected: str | None) -> None:
        meeting, participant = attendance.meeting, attendance.participant
        self.send(self._describe(attendance) | meeting.welcome(attendance) | {"redirected": redirected})
        if meeting.room.state(participant) == "room":
            self.send(meeting.monitor.speech)
        if participant.muted_by is not None:
            self.send({"type": "muted", "by": participant.muted_by})
        meeting.update(attendance)
        meeting.refresh()

    def _describe(self, attendance: Attendance) -> Message:
        """Return the `joined` message without what changes on entering."""
        config, participant, meeting = self.conference.config, attendance.participant, attendance.meeting
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
            "room": meeting.name,
            "state": meeting.room.state(participant),
            "present": len(meeting.members),
            "policy": meeting.room.policy.describe(),
            "backgrounds": meeting.backgrounds(attendance),
            "background": participant.background,
            "iceServers": describe(ice_servers(config, participant.id)),
            "model": self.model,
            "reactions": list(REACTIONS),
            "limits": {
                "uploadBytes": config.max_upload,
                "uploads": config.max_uploads_per_participant,
                "chat": MAX_CHAT,
                "video": video,
                "screen": SCREEN_LIMITS,
                "recording": meeting.recording.permission(participant.grant),
            },
        }

    @property
    def model(self) -> dict[str, str]:
        """Name and checksum of the network."""
        card = self.conference.media.card
        return {"name": card.name, "sha256": card.sha256}

    def offer(self, offer: SubscribeOffer) -> None:
        """Send an offer to receive."""
        streams = [label._asdict() for label in offer.streams]
        self.send(offer._asdict() | {"type": "offer", "connection": "subscribe", "streams": streams})

    def report(self, now: float) -> None:
        """Tell what the filter has done; `now` in seconds of the monotonic clock."""
        if self._attendance is None:
            return
        participant = self._attendance.participant
        video, degraded = participant.video, participant.degraded
        elapsed, frames = now - self._reported, video.sent - self._sent
        self._reported, self._sent = now, video.sent
        counters = participant.counters()._asdict()
        self.send(
            {
                "type": "filter",
                **counters,
                "fps": round(frames / elapsed, 1) if elapsed > 0 else 0.0,
                "delay": video.delay and round(video.delay * 1000, 1),
                "plate": participant.filter.plate,
                "degraded": degraded,
                "reason": degraded and REASONS[degraded],
                "model": self.model,
                "rtt": participant.round_trip and round(participant.round_trip * 1000, 1),
                "lost": round(participant.uplink_loss, 4),
            }
        )

    async def end(self) -> None:
        """The socket is closed: leave, or have the seat held, unless somebody else has it."""
        if self._attendance is None or self.over:
            return
        if self.left:
            await self.conference.leave(self._attendance, "left")
        else:
            self.conference.lose(self._attendance)
