"""All rooms of this process: joining, taking a seat back, leaving."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from filters.matting.segmenter import Segmenter
from server.access.authenticator import NOTHING, Authenticator
from server.access.invitations import REVOKED, Invitations
from server.access.pins import Proof
from server.access.policy import participant_name, room_name
from server.access.tokens import OPEN, Grant, read_keys
from server.config.options import Config
from server.core.errors import SignalingError, TokenError
from server.core.messages import error_message
from server.core.token_bucket import TokenBucket
from server.media.governor import Governor
from server.media.machine import MachineWatch
from server.media.resources import open_media
from server.media.rtc import NO_PORT, has_free_ports
from server.receipts.keys import signing_key
from server.receipts.receipt import Receipts
from server.rooms.arrivals import expect_pin, lobby_share, newcomer
from server.rooms.backgrounds import BackgroundInfo, read_upload
from server.rooms.events import Events
from server.rooms.invitations import describe, revoke_hosts
from server.rooms.loops import keep_governing, keep_observing
from server.rooms.membership import Membership
from server.rooms.moderation import ban
from server.rooms.open_rooms import OpenRooms
from server.rooms.room import Reason, Room
from server.rooms.room_state import restore, seat_hash
from server.rooms.roster import Returning

logger = logging.getLogger(__name__)

CONNECTIONS = 2  # of a browser: one to publish, one to receive


class Rooms:
    """Who is where, and what all share. Made inside a running event loop."""

    def __init__(self, config: Config, segmenter: Segmenter | None = None) -> None:
        """Work in processes with the configured network, or in threads with a network of the caller's."""
        self.config = config
        folder = config.state / "invitations" if config.state else None
        self.authenticator = Authenticator(read_keys(config.token_keys), Invitations(folder))
        self.draining = False
        self.fence: Callable[[str], None] = lambda room: None
        """Raises SignalingError where nobody may come into this room here: see server.cluster.fence."""
        self.events = Events()
        self.open_rooms = OpenRooms(config.max_rooms, self._begin)
        self.media = open_media(config, segmenter)
        self.governor = Governor(config.width * config.height)
        self.machine = MachineWatch(config.workers)
        self.receipts = Receipts(signing_key(config), self.media.card.sha256, config.receipts)
        self._seats: dict[str, Membership] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._files = TokenBucket(config.max_files)
        self._uploading = asyncio.Semaphore(1)
        self._keep(keep_governing(lambda: self.governor, self.machine, self.media, self._seats.values))
        self._keep(keep_observing(self.open_rooms))

    def _begin(self, name: str) -> Room:
        room = Room(name, self.config, self._keep, self.events, self._files)
        room.succession.replace = self.replace
        return room

    def join(
        self,
        name_of_room: str,
        name: str,
        background: str,
        grant: Grant = OPEN,
        *,
        seats: tuple[str, ...] = (),
        seat: str = "",
        proof: Proof = NOTHING,
    ) -> tuple[Membership, str | None]:
        """Take a newcomer into the lobby of a room, which may begin with that.

        Return the code of the error because of which the background is not the wanted one, if it isn't. `seats` are
        what the newcomer says to have had here before, `seat` what they bring from another server. Raises
        SignalingError when name or room won't do, when a host has removed the newcomer, when the room asks for a PIN
        that `proof` lacks, or all is full.
        """
        if self.draining:
            raise SignalingError("shutting-down", "The server is about to stop.", fatal=True)
        if not has_free_ports(self.config.udp_ports, CONNECTIONS):
            raise SignalingError("no-port", NO_PORT, fatal=True)
        name = participant_name(grant.name or name)
        self.fence(room_name(name_of_room))
        room = self._open(room_name(name_of_room))
        try:
            comes_back = bool(seat) or any(self.grant_before(each, room) is not None for each in seats)
            shared = comes_back and not grant.identity  # somebody else of the same link may have been removed
            room.bans.expect_allowed("" if shared else grant.holder, *seats)
            if not comes_back:
                expect_pin(self.authenticator, room, proof)
            self._make_place(room, grant)
            participant, redirected = newcomer(room, self.config, self.media, name, background, grant)
            participant.seat = seat or participant.seat
            participant.note(room.roster.policy)
            participant.gate_camera()
            membership = Membership(room, participant)
            try:
                room.visit(membership)
            except SignalingError:
                participant.video.close()
                raise
        finally:
            self.open_rooms.discard(room)
        self._seats[participant.seat] = membership
        logger.info("participant %s joined", participant.id)
        return membership, redirected

    def _open(self, name: str) -> Room:
        """Return a room; where there is none left, one that nobody is connected to gives way."""
        try:
            return self.open_rooms.open(name)
        except SignalingError:
            rooms = self.open_rooms.all()
            deserted = next((room for room in rooms if all(m.held for m in room.memberships)), None)
            if deserted is None:
                raise
            for membership in deserted.memberships:
                self._evict(membership)
            return self.open_rooms.open(name)

    def _make_place(self, room: Room, grant: Grant) -> None:
        """End what somebody of the same identity left in the lobby; a seat there that is only held gives way.

        Raises SignalingError too-many-connections when one token has its share of the lobby.
        """
        lobby = [m for m in room.memberships if m.participant.id in room.roster.lobby]
        same = [m for m in lobby if grant.holder and m.participant.grant.holder == grant.holder]
        if grant.identity:
            for membership in same:
                self.replace(membership)
        elif len(same) >= lobby_share(self.authenticator, room, grant):
            raise SignalingError(
                "too-many-connections", "Too many people wait in the lobby with this token.", fatal=True
            )
        held = [m for m in lobby if m.held]
        if len(room.roster.lobby) >= room.roster.capacity and held:
            self._evict(held[0])

    def grant_before(self, seat: str, room: Room) -> Grant | None:
        """Return what somebody might do in a room who has, or had until a moment ago, this seat there."""
        membership = self.find(seat, room.name)
        left = membership.participant if membership else room.seats_left.find(seat)
        return left.grant if left is not None else None

    def replace(self, membership: Membership) -> None:
        """Take somebody out who has come again, or whose held place is needed."""
        membership.tell(error_message(SignalingError("replaced", "You joined elsewhere.", fatal=True)))
        self._evict(membership)

    def _evict(self, membership: Membership) -> None:
        """Take somebody out at once; what that leaves to do is done later."""
        if self._take_out(membership, "lost"):
            self._keep(membership.participant.close())

    def find(self, seat: str, room: str) -> Membership | None:
        """Return who holds a seat in a room."""
        membership = self._seats.get(seat)
        return membership if membership and membership.room.name == room.lower() else None

    def returning(self, seat: str, name: str) -> Returning | None:
        """Return what somebody was in a room when it lived on another server."""
        room = self.open_rooms.get(name.lower())
        return room.roster.returning.get(seat_hash(seat)) if room is not None else None

    def restore(self, name: str, state: Mapping[str, Any]) -> None:
        """Open a room that lived on another server, for its people; raise ValueError, SignalingError."""
        room = self._open(name)
        restore(room, state)
        loop = asyncio.get_running_loop()
        loop.call_later(self.config.seat_hold, self._await_no_more, room)

    def _await_no_more(self, room: Room) -> None:
        room.await_no_more()
        self.open_rooms.discard(room)

    def resume(self, membership: Membership) -> None:
        """Take a held seat back; a connection that still has it is told so."""
        membership.free()
        membership.tell(error_message(SignalingError("replaced", "You joined elsewhere.", fatal=True)))
        membership.send = None

    def lose(self, membership: Membership, hold: float) -> None:
        """Hold the seat of somebody whose connection broke for so many seconds, unless the place is needed."""
        if membership.hold is not None:
            membership.hold.cancel()
        membership.send = None
        membership.participant.connected = False
        membership.room.update(membership)
        loop = asyncio.get_running_loop()
        membership.hold = loop.call_later(hold, self._evict, membership)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def leave(self, membership: Membership, reason: Reason) -> None:
        """Take somebody out of the room, for good."""
        if self._take_out(membership, reason):
            await membership.participant.close()

    def _take_out(self, membership: Membership, reason: Reason) -> bool:
        """Do the part of leaving that needs no waiting; tell whether there was anything to do."""
        participant, room = membership.participant, membership.room
        if self._seats.pop(participant.seat, None) is None:
            return False
        membership.free()
        self._give_receipt(membership)
        membership.send = None
        room.leave(membership, reason)
        self.open_rooms.discard(room)
        logger.info("participant %s left (%s)", participant.id, reason)
        return True

    async def expel(self, membership: Membership, error: SignalingError) -> None:
        """Take somebody out who is told why."""
        self._give_receipt(membership)
        membership.tell(error_message(error))
        await self.leave(membership, "removed")

    async def remove(self, membership: Membership, error: SignalingError) -> None:
        """Take somebody out who is told why, and keep them out: a host's way back, too. Raises SignalingError."""
        room, was_host = membership.room, membership.room.role(membership) == "host"
        ban(membership)
        await self.expel(membership, error)
        if was_host:
            await self.renew_secrets(room)

    async def renew_secrets(self, room: Room) -> None:
        """Have nobody become host by what a former one knows; raise SignalingError where that can't be stored."""
        waiting, revoked = revoke_hosts(self.authenticator, room), TokenError("token-revoked", REVOKED)
        for host in [m for m in room.memberships if room.role(m) == "host"]:
            host.tell(describe(self.authenticator, host))
        for membership in waiting:
            await self.expel(membership, revoked)

    def _give_receipt(self, membership: Membership) -> None:
        """End what somebody publishes, and tell what became of it; must precede a fatal error."""
        membership.participant.video.close()
        receipt = self.receipts.issue(membership.room.name, membership.participant)
        if receipt is not None:
            membership.tell({"type": "receipt", "receipt": receipt})

    async def upload(self, membership: Membership, data: bytes) -> BackgroundInfo:
        """Keep a picture for somebody; return the Background of the protocol.

        Raises SignalingError background-forbidden, too-many-uploads, or FilterError for what is no good picture.
        """
        room = membership.room
        room.backgrounds.expect_upload(membership)
        async with self._uploading:  # a decoded picture is large, so one at a time
            upload = await asyncio.to_thread(read_upload, data, self.config)
        return membership.participant.library.add(upload, room.name)

    async def close(self) -> None:
        """End every room."""
        goodbye = error_message(SignalingError("shutting-down", "The server is stopping.", fatal=True))
        for membership in list(self._seats.values()):
            self._give_receipt(membership)
            membership.tell(goodbye)
        rooms = self.open_rooms.all()
        await asyncio.gather(*(self.leave(a, "left") for a in list(self._seats.values())))
        await asyncio.gather(*(room.recording.close() for room in rooms))
        await self.receipts.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.media.workers.close()
