"""All rooms of this process: joining, taking a seat back, leaving."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from filters.segmenter import Segmenter
from server.config import Config
from server.media.load import Governor, LoadMeter
from server.participant import MediaResources, Participant
from server.policy import SignalingError, participant_name, room_name
from server.room import Room, Rooms

logger = logging.getLogger(__name__)

GOVERN_INTERVAL = 0.5  # seconds

Message = dict[str, Any]
Reason = Literal["left", "lost", "replaced"]


class Attendance:
    """A participant in a room, and the wire to its browser while there is one."""

    def __init__(self, room: Room[Participant], participant: Participant) -> None:
        self.room = room
        self.participant = participant
        self.send: Callable[[Message], None] | None = None
        self.hold: asyncio.TimerHandle | None = None


class Conference:
    """Who is where, and what all share. Made inside a running event loop."""

    def __init__(self, config: Config, segmenter: Segmenter) -> None:
        self.config = config
        self.rooms: Rooms[Participant] = Rooms(config.max_rooms, config.max_participants)
        self.media = MediaResources(
            segmenter,
            ThreadPoolExecutor(config.workers, thread_name_prefix="media"),
            LoadMeter(config.workers),
        )
        self.governor = Governor()
        self._seats: dict[str, Attendance] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._keep(self._govern())

    def join(self, room: str, name: str, background: str) -> Attendance:
        """Seat a newcomer; raise SignalingError when name, room or background won't do, or all is full."""
        room, name = room_name(room), participant_name(name)
        participant = Participant(name, background, self.config, self.media)
        attendance = Attendance(self.rooms.join(room, participant), participant)
        self._seats[participant.seat] = attendance
        self.broadcast(attendance, {"type": "participant-joined", "participant": participant.describe()})
        logger.info("participant %s joined", participant.id)
        return attendance

    def find(self, seat: str, room: str) -> Attendance | None:
        """Return who holds a seat in a room."""
        attendance = self._seats.get(seat)
        return attendance if attendance and attendance.room.name == room.lower() else None

    def resume(self, attendance: Attendance) -> None:
        """Take a held seat back; a connection that still has it is told so."""
        if attendance.hold is not None:
            attendance.hold.cancel()
            attendance.hold = None
        if attendance.send is not None:
            attendance.send(error_message(SignalingError("replaced", "You joined elsewhere.", fatal=True)))

    def update(self, attendance: Attendance) -> None:
        """Tell the room what has changed about a participant."""
        message = {"type": "participant-updated", "participant": attendance.participant.describe()}
        self.broadcast(attendance, message)

    def refresh(self, room: Room[Participant]) -> None:
        """Let everybody in the room receive who is there now."""
        for member in room.members.values():
            member.watch(room.streams_for(member))

    def lose(self, attendance: Attendance) -> None:
        """Hold the seat of somebody whose connection broke."""
        attendance.send = None
        attendance.participant.connected = False
        self.update(attendance)
        loop = asyncio.get_running_loop()
        attendance.hold = loop.call_later(self.config.seat_hold, self._expire, attendance)

    def _expire(self, attendance: Attendance) -> None:
        self._keep(self.leave(attendance, "lost"))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _govern(self) -> None:
        """Adapt everybody's cost to the load, evenly."""
        while True:
            await asyncio.sleep(GOVERN_INTERVAL)
            now = time.monotonic()
            utilisation, delay = self.media.meter.read(now)
            level = self.governor.observe(now, utilisation=utilisation, delay=delay)
            for attendance in self._seats.values():
                attendance.participant.govern(level)

    async def leave(self, attendance: Attendance, reason: Reason) -> None:
        """Take somebody out of the room, for good."""
        participant, room = attendance.participant, attendance.room
        if self._seats.pop(participant.seat, None) is None:
            return
        if attendance.hold is not None:
            attendance.hold.cancel()
        attendance.send = None
        self.rooms.leave(room, participant)
        self.refresh(room)
        left = {"type": "participant-left", "participant": participant.id, "reason": reason}
        self.broadcast(attendance, left)
        logger.info("participant %s left (%s)", participant.id, reason)
        await participant.close()

    def broadcast(self, source: Attendance, message: Message) -> None:
        """Send a message to everybody else in the room."""
        for attendance in self._seats.values():
            if attendance.room is source.room and attendance is not source and attendance.send is not None:
                attendance.send(message)

    def attendances(self, room: str) -> list[Attendance]:
        """Return who is in a room."""
        return [a for a in self._seats.values() if a.room.name == room.lower()]

    async def close(self) -> None:
        """End every room."""
        goodbye = error_message(SignalingError("shutting-down", "The server is stopping.", fatal=True))
        for attendance in list(self._seats.values()):
            if attendance.send is not None:
                attendance.send(goodbye)
        await asyncio.gather(*(self.leave(a, "left") for a in list(self._seats.values())))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.media.executor.shutdown(wait=False, cancel_futures=True)


def error_message(error: SignalingError) -> Message:
    """Return the error message of the protocol."""
    return {"type": "error", "code": error.code, "message": error.message, "fatal": error.fatal}
