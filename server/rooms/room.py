"""A room with everybody's wires: who is told what when people come, go, speak, share and do things."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from server.access.policy import Role, RoomPolicy, SignalingError
from server.config.options import Config
from server.core.messages import Message
from server.rooms.backgrounds import Upload
from server.rooms.events import Events, RoomEvents
from server.rooms.membership import Room
from server.rooms.participant import Participant, Screen
from server.rooms.recording import Recording
from server.rooms.stats import Monitor

Reason = Literal["left", "lost", "removed"]
ScreenEnd = Literal["stopped", "policy", "lost"]


class Attendance:
    """A participant in a room or its lobby, and the wire to the browser while there is one."""

    def __init__(self, meeting: Meeting, participant: Participant) -> None:
        self.meeting = meeting
        self.participant = participant
        self.send: Callable[[Message], None] | None = None
        self.hold: asyncio.TimerHandle | None = None
        self.uploading = False
        self._paused: list[str] = []

    def tell(self, message: Message) -> None:
        """Send a message, if there is anybody to read it."""
        if self.send is not None:
            self.send(message)

    def tell_paused(self) -> None:
        """Tell whose camera is not sent for want of bandwidth, if that has changed."""
        paused = self.participant.paused
        if paused != self._paused:
            self._paused = paused
            self.tell({"type": "paused", "participants": paused})


class Meeting:
    """What happens in one room. `spawn` runs what need not be waited for."""

    def __init__(
        self, name: str, config: Config, spawn: Callable[[Coroutine[Any, Any, None]], None], events: Events
    ) -> None:
        self.room: Room[Participant] = Room(name, config.max_participants)
        self.uploads: dict[str, Upload] = {}
        self.monitor = Monitor(config.max_voices)
        self.events = RoomEvents(events, name)
        self._config = config
        self._spawn = spawn
        self._attendances: dict[str, Attendance] = {}
        self.recording = Recording(name, config, self.tell_everybody, self.tell_hosts, spawn)

    @property
    def name(self) -> str:
        return self.room.name

    @property
    def empty(self) -> bool:
        """Tell whether there is nobody, not even in the lobby."""
        return self.room.empty

    @property
    def members(self) -> dict[str, Participant]:
        """Who is in the room, by id."""
        return self.room.members

    @property
    def attendances(self) -> list[Attendance]:
        """Everybody, in the lobby too."""
        return list(self._attendances.values())

    def find(self, participant: str) -> Attendance:
        """Return somebody by id; raise SignalingError unknown-participant."""
        attendance = self._attendances.get(participant)
        if attendance is None:
            raise SignalingError("unknown-participant", "Nobody with this id is here.")
        return attendance

    def role(self, attendance: Attendance) -> Role:
        """Tell what somebody may do."""
        return self.room.role(attendance.participant)

    def describe(self, participant: Participant) -> dict[str, Any]:
        """Return the Participant of the signalling protocol."""
        room = self.room
        return participant.describe() | {
            "role": room.role(participant),
            "screen": room.sharer is participant,
        }

    def welcome(self, attendance: Attendance) -> dict[str, Any]:
        """Return what `joined` and `entered` tell about the room."""
        room, participant = self.room, attendance.participant
        inside = participant.id in room.members
        people = room.members.values() if inside else [participant]
        told: dict[str, Any] = {
            "participants": [self.describe(p) for p in people],
            "chat": [chat.describe() for chat in room.chat] if inside else [],
            "knocking": [_knock(p) for p in room.waiting.values()] if participant.id in room.hosts else [],
            "recording": self.recording.state,
        }
        if room.founder == participant.id and inside:
            told["hostToken"] = room.token
        return told

    def broadcast(self, message: Message, *, but: Attendance | None = None) -> None:
        """Tell everybody in the room."""
        for attendance in self._attendances.values():
            if attendance is not but and attendance.participant.id in self.room.members:
                attendance.tell(message)

    def tell_everybody(self, message: Message) -> None:
        """Tell everybody, in the lobby too."""
        for attendance in self._attendances.values():
            attendance.tell(message)

    def tell_hosts(self, message: Message) -> None:
        """Tell the hosts."""
        for attendance in self._attendances.values():
            if attendance.participant.id in self.room.hosts:
                attendance.tell(message)

    def update(self, attendance: Attendance) -> None:
        """Tell what has changed about a participant: everybody in the room, or whoever is alone in the lobby."""
        participant = attendance.participant
        self.events.changed(participant, screen=self.room.sharer is participant)
        message = {"type": "participant-updated", "participant": self.describe(participant)}
        if participant.id in self.room.members:
            self.broadcast(message)
        else:
            attendance.tell(message)

    def refresh(self) -> None:
        """Let everybody receive who is there now."""
        for attendance in self._attendances.values():
            participant = attendance.participant
            participant.watch(self.room.streams_for(participant))

    def visit(self, attendance: Attendance) -> None:
        """Take a newcomer into the lobby; raise SignalingError room-full."""
        self.room.visit(attendance.participant)
        self._attendances[attendance.participant.id] = attendance

    def enter(self, attendance: Attendance, token: str = "") -> bool:
        """Let somebody in, or to the waiting room (False); raise SignalingError room-full, room-locked."""
        participant = attendance.participant
        state = self.room.state(participant)
        if state == "room":
            self.claim(attendance, token)
        elif not self.room.enter(participant, token, participant.grant.role):
            if state == "lobby":
                self.tell_hosts({"type": "knock", "participant": _knock(participant)})
            return False
        else:
            self.entered(attendance, waited=state == "waiting")
        return True

    def come_back(self, attendance: Attendance, seat: str) -> None:
        """Let somebody in whom the room expects back, by the hash of the seat; raise SignalingError room-full."""
        self.room.come_back(attendance.participant, seat)
        self.entered(attendance, waited=False)

    def await_no_more(self) -> None:
        """Expect nobody back any more."""
        heir = self.room.await_no_more()
        if heir is not None:
            self._inherit(self._attendances[heir.id])

    def claim(self, attendance: Attendance, token: str) -> None:
        """Make a member who shows the host token a host."""
        before = self.role(attendance)
        self.room.claim(attendance.participant, token)
        if self.role(attendance) != before:
            self.update(attendance)

    def entered(self, attendance: Attendance, *, waited: bool) -> None:
        """Tell everybody that somebody is in the room now."""
        participant = attendance.participant
        if waited:
            self.tell_hosts({"type": "knock-ended", "participant": participant.id})
        participant.audio.on_level = lambda level: self.monitor.hear(participant.id, level)
        attendance.tell({"type": "entered", **self.welcome(attendance)})
        attendance.tell(self.monitor.speech)
        joined = {"type": "participant-joined", "participant": self.describe(participant)}
        self.broadcast(joined, but=attendance)
        self.events.entered(participant)
        self.recording.add(participant)
        self.refresh()

    def leave(self, attendance: Attendance, reason: Reason) -> None:
        """Take somebody out, for good."""
        participant, room = attendance.participant, self.room
        if self._attendances.pop(participant.id, None) is None:
            return
        state, waiting = room.state(participant), list(room.waiting.values())
        heir = room.leave(participant)
        participant.audio.on_level = lambda level: True
        if state == "waiting":
            self.tell_hosts({"type": "knock-ended", "participant": participant.id})
        if state != "room":
            if self.empty:  # an application may have had a room without members recorded
                self.recording.stop("ended")
            return
        self.monitor.forget(participant)
        self.recording.remove(participant)
        self.broadcast({"type": "participant-left", "participant": participant.id, "reason": reason})
        self.events.left(participant, reason)
        self.refresh()
        if heir is not None:
            self._inherit(self._attendances[heir.id])
        if not room.members:
            self._restart(waiting)

    def _inherit(self, heir: Attendance) -> None:
        """Tell that somebody has become host because the last one left."""
        self.update(heir)
        for participant in self.room.waiting.values():
            heir.tell({"type": "knock", "participant": _knock(participant)})

    def _restart(self, waiting: Iterable[Participant]) -> None:
        """Begin anew with those who have waited for somebody to open."""
        self.uploads.clear()
        self.recording.stop("ended")
        self.monitor = Monitor(self._config.max_voices)
        self.obey()
        for participant in waiting:
            self.enter(self._attendances[participant.id])

    def obey(self) -> None:
        """Let the room's policy act on everybody, at once."""
        policy = self.room.policy
        self.recording.obey(policy)
        for attendance in self.attendances:
            attendance.tell({"type": "policy", "policy": policy.describe()})
            attendance.tell({"type": "backgrounds", "backgrounds": self.backgrounds(attendance)})
            self.dress(attendance, "policy")
        sharer = self.room.sharer
        if sharer is not None and not policy.allows_screen(self.room.role(sharer)):
            self.unshare(self._attendances[sharer.id], "policy")

    def policy_for(self, attendance: Attendance) -> RoomPolicy:
        """Return what the room's policy means for somebody, whose token may say otherwise."""
        return attendance.participant.grant.restrict(self.room.policy)

    def backgrounds(self, attendance: Attendance) -> list[dict[str, Any]]:
        """Return what a participant may choose from."""
        return attendance.participant.wardrobe.list(self.name, self.policy_for(attendance))

    def dress(self, attendance: Attendance, reason: str) -> None:
        """Move a participant whose background is forbidden or gone to the default, and say so."""
        participant = attendance.participant
        if participant.obey(self.room.policy):
            background = participant.background
            attendance.tell({"type": "background", "background": background, "reason": reason})

    def expect_upload(self, attendance: Attendance) -> None:
        """Raise SignalingError background-forbidden, too-many-uploads."""
        if not self.policy_for(attendance).allows_upload(self.role(attendance)):
            raise SignalingError("background-forbidden", "This room does not allow pictures of one's own.")
        attendance.participant.wardrobe.expect_space()

    @contextmanager
    def uploading(self, attendance: Attendance) -> Iterator[None]:
        """Let somebody upload a picture for as long as the context lasts: one at a time, because it is in memory.

        Raises SignalingError background-forbidden, too-many-uploads, upload-busy.
        """
        self.expect_upload(attendance)
        if attendance.uploading:
            raise SignalingError("upload-busy", "Your last picture is still on its way; wait for it.")
        attendance.uploading = True
        try:
            yield
        finally:
            attendance.uploading = False

    def delete_upload(self, attendance: Attendance, key: str) -> bool:
        """Forget one of a participant's uploads; tell whether there was one."""
        deleted = attendance.participant.wardrobe.delete(key)
        if deleted:
            self.dress(attendance, "deleted")
        return deleted

    def thumbnail(self, key: str) -> bytes | None:
        """Return the JPEG thumbnail of somebody's upload."""
        own = (a.participant.wardrobe.upload(key) for a in self._attendances.values())
        upload = next((u for u in (*own, self.uploads.get(key)) if u is not None), None)
        return None if upload is None else upload.thumbnail

    async def share(self, attendance: Attendance, sdp: str) -> str:
        """Take the offer of a screen; return the answer's SDP.

        Raises SignalingError not-in-room, screen-forbidden, screen-busy, bad-sdp.
        """
        participant = attendance.participant
        self.expect_inside(attendance)
        if not participant.grant.screen:
            raise SignalingError("screen-forbidden", "Your token does not allow to share a screen.")
        self.room.share(participant)
        before = participant.screen
        screen = participant.screen = before or Screen(self._config, lambda: self.unshare(attendance, "lost"))
        try:
            answer = await screen.publisher.offer(sdp)
        except SignalingError:
            if participant.screen is screen:  # and has not been ended meanwhile
                if before is None:
                    self.unshare(attendance, None)
                raise
        if participant.screen is not screen:
            await screen.close()
            raise SignalingError("screen-forbidden", "Sharing a screen is no longer allowed.")
        self.update(attendance)
        self.refresh()
        return answer

    def unshare(self, attendance: Attendance, reason: ScreenEnd | None) -> None:
        """End a share, if there is one, and tell why."""
        participant = attendance.participant
        screen, participant.screen = participant.screen, None
        shared = self.room.unshare(participant)
        if screen is not None:
            self._spawn(screen.close())
        if not shared:
            return
        self.refresh()
        self.update(attendance)
        if reason is not None:
            attendance.tell({"type": "screen", "shared": False, "reason": reason})

    def observe(self, now: float) -> None:
        """Tell who speaks and how good connections are, where that has changed; `now` in seconds."""
        everybody = [attendance.participant for attendance in self.attendances]
        for message in self.monitor.observe(now, list(self.members.values()), everybody):
            self.broadcast(message)
        for participant in self.members.values():
            participant.video.speaking = participant.id == self.monitor.stage
        for attendance in self._attendances.values():
            attendance.tell_paused()

    def expect_inside(self, attendance: Attendance) -> None:
        """Raise SignalingError not-in-room for people in the lobby."""
        if attendance.participant.id not in self.room.members:
            raise SignalingError("not-in-room", "Enter the room first.")


def _knock(participant: Participant) -> dict[str, str]:
    return {"id": participant.id, "name": participant.name}
