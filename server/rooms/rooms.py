"""All rooms of this process: joining, taking a seat back, leaving."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from filters.matting.segmenter import Segmenter, load_card
from server.access.policy import SignalingError, background_id, participant_name, room_name
from server.access.tokens import OPEN, Doorkeeper, Grant, read_keys
from server.config.options import MODELS, Config
from server.core.messages import error_message
from server.media.governor import Governor, LoadMeter
from server.media.workers.base import Threads, Workers
from server.media.workers.pool import Processes
from server.receipts.keys import signing_key
from server.receipts.receipt import Receipts
from server.rooms.active_speaker import INTERVAL as OBSERVE_INTERVAL
from server.rooms.backgrounds import BackgroundInfo, read_upload
from server.rooms.events import Events
from server.rooms.membership import Returning, Rooms
from server.rooms.participant import MediaResources, Participant
from server.rooms.room import Attendance, Meeting, Reason
from server.rooms.room_state import restore, seat_hash

logger = logging.getLogger(__name__)

GOVERN_INTERVAL = 0.5  # seconds


class Conference:
    """Who is where, and what all share. Made inside a running event loop."""

    def __init__(self, config: Config, segmenter: Segmenter | None = None) -> None:
        """Work in processes with the configured network, or in threads with a network of the caller's."""
        self.config = config
        self.doorkeeper = Doorkeeper(read_keys(config.token_keys))
        self.draining = False
        self.admission: Callable[[str], None] = lambda room: None
        """Raises SignalingError where nobody may come into this room here: see server.cluster.fence."""
        self.events = Events()
        self.rooms = Rooms(config.max_rooms, lambda name: Meeting(name, config, self._keep, self.events))
        card = segmenter.card if segmenter else load_card(config.model, MODELS)
        self.media = MediaResources(card, _workers(config, segmenter), LoadMeter(config.workers))
        self.governor = Governor()
        self.utilisation = 0.0
        """Share of the workers' time that was busy of late."""
        self.receipts = Receipts(signing_key(config), card.sha256, config.receipts)
        self._seats: dict[str, Attendance] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._uploading = asyncio.Semaphore(1)
        self._keep(self._govern())
        self._keep(self._observe())

    def join(
        self, room: str, name: str, background: str, grant: Grant = OPEN, seat: str = ""
    ) -> tuple[Attendance, str | None]:
        """Take a newcomer, or who brings a `seat` from elsewhere, into the lobby of a room, which may begin with that.

        Return the code of the error because of which the background is not the wanted one, if it isn't. Raises
        SignalingError when name or room won't do, or all is full.
        """
        if self.draining:
            raise SignalingError("shutting-down", "The server is about to stop.", fatal=True)
        room, name = room_name(room), participant_name(grant.name or name)
        self.admission(room)
        meeting = self.rooms.open(room)
        try:
            participant, redirected = self._newcomer(meeting, name, background, grant)
            participant.seat = seat or participant.seat
            participant.note(meeting.room.policy)
            attendance = Attendance(meeting, participant)
            meeting.visit(attendance)
        finally:
            self.rooms.discard(meeting)
        self._seats[participant.seat] = attendance
        self.governor.settle(time.monotonic())
        logger.info("participant %s joined", participant.id)
        return attendance, redirected

    def _newcomer(
        self, meeting: Meeting, name: str, background: str, grant: Grant
    ) -> tuple[Participant, str | None]:
        """Make a participant, with the default where the background is forbidden or gone: it hides as well."""
        policy = grant.restrict(meeting.room.policy)

        def make(behind: str) -> Participant:
            return Participant(name, behind, self.config, self.media, meeting.uploads, grant)

        default = policy.default_background(self.config.background)
        if not background:
            return make(default), None
        if not policy.allows_background(background_id(background)):
            return make(default), "background-forbidden"
        try:
            return make(background), None
        except SignalingError as error:
            return make(default), error.code

    def find(self, seat: str, room: str) -> Attendance | None:
        """Return who holds a seat in a room."""
        attendance = self._seats.get(seat)
        return attendance if attendance and attendance.meeting.name == room.lower() else None

    def returning(self, seat: str, room: str) -> Returning | None:
        """Return what somebody was in a room when it lived on another server."""
        meeting = self.rooms.get(room.lower())
        return meeting.room.returning.get(seat_hash(seat)) if meeting is not None else None

    def restore(self, room: str, state: Mapping[str, Any]) -> None:
        """Open a room that lived on another server, for its people; raise ValueError, SignalingError."""
        meeting = self.rooms.open(room)
        restore(meeting.room, state)
        loop = asyncio.get_running_loop()
        loop.call_later(self.config.seat_hold, self._await_no_more, meeting)

    def _await_no_more(self, meeting: Meeting) -> None:
        meeting.await_no_more()
        self.rooms.discard(meeting)

    def resume(self, attendance: Attendance) -> None:
        """Take a held seat back; a connection that still has it is told so."""
        if attendance.hold is not None:
            attendance.hold.cancel()
            attendance.hold = None
        attendance.tell(error_message(SignalingError("replaced", "You joined elsewhere.", fatal=True)))
        attendance.send = None

    def lose(self, attendance: Attendance) -> None:
        """Hold the seat of somebody whose connection broke."""
        attendance.send = None
        attendance.participant.connected = False
        attendance.meeting.update(attendance)
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
            self.media.workers.check(now)
            self.utilisation, delay = self.media.meter.read(now)
            level = self.governor.observe(now, utilisation=self.utilisation, delay=delay)
            for attendance in self._seats.values():
                attendance.participant.govern(level)
                attendance.participant.adapt(now)

    async def _observe(self) -> None:
        """Tell every room who speaks and whose connection is good."""
        while True:
            await asyncio.sleep(OBSERVE_INTERVAL)
            for meeting in self.rooms.all():
                meeting.observe(time.monotonic())

    async def leave(self, attendance: Attendance, reason: Reason) -> None:
        """Take somebody out of the room, for good."""
        participant, meeting = attendance.participant, attendance.meeting
        if self._seats.pop(participant.seat, None) is None:
            return
        if attendance.hold is not None:
            attendance.hold.cancel()
        self._give_receipt(attendance)
        attendance.send = None
        meeting.leave(attendance, reason)
        self.rooms.discard(meeting)
        logger.info("participant %s left (%s)", participant.id, reason)
        await participant.close()

    async def expel(self, attendance: Attendance, error: SignalingError) -> None:
        """Take somebody out who is told why."""
        self._give_receipt(attendance)
        attendance.tell(error_message(error))
        await self.leave(attendance, "removed")

    def _give_receipt(self, attendance: Attendance) -> None:
        """End what somebody publishes, and tell what became of it; must precede a fatal error."""
        attendance.participant.video.close()
        receipt = self.receipts.issue(attendance.meeting.name, attendance.participant)
        if receipt is not None:
            attendance.tell({"type": "receipt", "receipt": receipt})

    async def upload(self, attendance: Attendance, data: bytes) -> BackgroundInfo:
        """Keep a picture for somebody; return the Background of the protocol.

        Raises SignalingError background-forbidden, too-many-uploads, or FilterError for what is no good picture.
        """
        meeting = attendance.meeting
        meeting.expect_upload(attendance)
        async with self._uploading:  # a decoded picture is large, so one at a time
            upload = await asyncio.to_thread(read_upload, data, self.config)
        return attendance.participant.wardrobe.add(upload, meeting.name)

    async def close(self) -> None:
        """End every room."""
        goodbye = error_message(SignalingError("shutting-down", "The server is stopping.", fatal=True))
        for attendance in list(self._seats.values()):
            self._give_receipt(attendance)
            attendance.tell(goodbye)
        meetings = self.rooms.all()
        await asyncio.gather(*(self.leave(a, "left") for a in list(self._seats.values())))
        await asyncio.gather(*(meeting.recording.close() for meeting in meetings))
        await self.receipts.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.media.workers.close()


def _workers(config: Config, segmenter: Segmenter | None) -> Workers:
    if segmenter is not None:
        return Threads(segmenter, config.workers, config.smoother)
    return Processes(config.model, MODELS, config.workers, config.smoother, config.log_format)
