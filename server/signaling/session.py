"""One browser's stay: joining, being told what happens, leaving. No socket: messages go in and come out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from server.access.pins import Proof
from server.access.policy import MAX_CAPTION, MAX_CHAT, REACTIONS, room_name
from server.access.tokens import OPEN, Grant, grant_of_state
from server.core.errors import SignalingError
from server.core.messages import Message, optional, required
from server.peers.ice import describe, ice_servers
from server.peers.subscriber import SubscribeOffer
from server.rooms.invitations import how
from server.rooms.membership import Membership
from server.rooms.room import Room
from server.rooms.room_description import welcome
from server.rooms.room_state import seat_hash
from server.rooms.rooms import Rooms
from server.rooms.roster import Returning

VERSION = 1  # of the signalling protocol
RETURN_HOLD = 8.0
"""Seconds in which a page is loaded again and has the seat back, and with it a host's role."""
SCREEN_LIMITS = {"width": 1920, "height": 1080, "frameRate": 15, "maxBitrate": 2_500_000}
REASONS = {
    "error": "The filter fails; until it works again, others see the last good picture or a placeholder.",
    "overload": "The server is busy; it makes fewer or coarser pictures, but none without the filter.",
}


class Session:
    """Speaks for one browser. `send` must not wait and must not fail."""

    def __init__(self, rooms: Rooms, send: Callable[[Message], None], address: str = "") -> None:
        self.rooms = rooms
        self.address = address
        """Where the browser is, as wrong PINs are counted."""
        self.send = send
        self.left = False
        self.returning = False
        """Whether whoever leaves may be back in a moment, as with a page that is loaded again."""
        self._membership: Membership | None = None
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
        preview = optional(message, "preview", bool, False)
        seat = optional(message, "seat", str, "")
        self.rooms.fence(room_name(room))
        membership = self.rooms.find(seat, room)
        back = self.rooms.returning(seat, room) if membership is None else None
        redirected, newcomer = None, membership is None
        if membership is not None:
            self.rooms.resume(membership)
            membership.room.claim(membership, token)
        else:
            membership, redirected = self._arrive(message, room, seat, back)
        before = membership.participant.connect(self.offer)
        if back is not None:
            await self._enter_or_leave(membership, lambda room: room.come_back(membership, seat_hash(seat)))
        elif newcomer and not preview:
            await self._enter_or_leave(membership, lambda room: room.enter(membership, token))
        self._membership = membership
        membership.send = self.send
        self._reported, self._sent = time.monotonic(), membership.participant.video.sent
        # Nothing is awaited before that: what others cause would be told before `joined`, or be missing from it.
        self._welcome(membership, redirected)
        await before

    def _arrive(
        self, message: Message, room: str, seat: str, back: Returning | None
    ) -> tuple[Membership, str | None]:
        """Take a newcomer, or who comes `back` from another server, into the lobby; see Rooms.join."""
        name, background = required(message, "name", str), optional(message, "background", str, "")
        former = optional(message, "former", str, "")
        pin, host_token = optional(message, "pin", str, ""), optional(message, "hostToken", str, "")
        proof = Proof(pin, host_token, self.address)
        if back is not None:
            grant, kept = OPEN if back.grant is None else grant_of_state(back.grant), seat
        else:
            token, kept = optional(message, "token", str, ""), ""
            grant = self._grant_before(former, room) or self.rooms.authenticator.admit(token, room, proof)
        seats = (seat, former)
        membership, redirected = self.rooms.join(
            room, name, background, grant, seats=seats, seat=kept, proof=proof
        )
        membership.former = former
        before_reload = self.rooms.find(former, room)
        if before_reload is not None and before_reload.held:  # for as long as the lobby takes
            self.rooms.lose(before_reload, self.rooms.config.seat_hold)
        return membership, redirected

    def _grant_before(self, former: str, room: str) -> Grant | None:
        """Return what whoever loads the page again was allowed: the token may have expired meanwhile."""
        place = self.rooms.open_rooms.get(room_name(room))
        return self.rooms.grant_before(former, place) if former and place is not None else None

    async def _enter_or_leave(self, membership: Membership, enter: Callable[[Room], object]) -> None:
        try:
            enter(membership.room)
        except BaseException:  # nobody else knows of the participant yet
            await self.rooms.leave(membership, "left")
            raise

    @property
    def membership(self) -> Membership:
        """Who this is, after `join`."""
        assert self._membership is not None
        return self._membership

    @property
    def over(self) -> bool:
        """Tell whether the participant has been removed, or is spoken for by another session."""
        return self.membership.send != self.send

    def _welcome(self, membership: Membership, redirected: str | None) -> None:
        room, participant = membership.room, membership.participant
        membership.forget_told()
        self.send(self._describe(membership) | welcome(room, membership) | {"redirected": redirected})
        if room.roster.state(participant) == "room":
            self.send(room.monitor.speech)
        if participant.muted_by is not None:
            self.send({"type": "muted", "by": participant.muted_by})
        room.update(membership)
        room.refresh()

    def _describe(self, membership: Membership) -> Message:
        """Return the `joined` message without what changes on entering."""
        config, participant, room = self.rooms.config, membership.participant, membership.room
        video = {
            "width": config.width,
            "height": config.height,
            "frameRate": config.frame_rate,
            "maxBitrate": config.max_bitrate,
            "scaleDown": participant.first_request.scale_down,
        }
        return {
            "type": "joined",
            "version": VERSION,
            "participant": participant.id,
            "seat": participant.seat,
            "room": room.name,
            "state": room.roster.state(participant),
            "present": len(room.members),
            "policy": room.roster.policy.describe(),
            "effective": room.policy_for(membership).describe(),
            "grant": _describe_grant(participant.grant),
            "backgrounds": room.backgrounds.offer(membership),
            "background": participant.background,
            "followed": participant.filter.followed,
            "iceServers": describe(ice_servers(config, participant.id)),
            "model": self.model,
            "reactions": list(REACTIONS),
            "limits": {
                "uploadBytes": config.max_upload,
                "uploads": config.max_uploads_per_participant,
                "chat": MAX_CHAT,
                "caption": MAX_CAPTION,
                "fileBytes": config.max_file,
                "video": video,
                "screen": SCREEN_LIMITS,
                "recording": room.recording.permission(participant.grant),
                "deviceFilter": "required" if participant.grant.device_filter else "optional",
                "invitations": how(self.rooms.authenticator),
                "invitationLifetime": config.invitation_lifetime,
            },
        }

    @property
    def model(self) -> dict[str, Any]:
        """Name and checksum of the network, and what the filter around it was measured to let through."""
        card = self.rooms.media.card
        return {"name": card.name, "sha256": card.sha256, "leak": card.leak, "union": card.union}

    def offer(self, offer: SubscribeOffer) -> None:
        """Send an offer to receive."""
        streams = [label._asdict() for label in offer.streams]
        self.send(offer._asdict() | {"type": "offer", "connection": "subscribe", "streams": streams})

    def report(self, now: float) -> None:
        """Tell what the filter has done; `now` in seconds of the monotonic clock."""
        if self._membership is None:
            return
        participant = self._membership.participant
        video, degraded, connections = participant.video, participant.degraded, participant.connections
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
                "followed": participant.filter.followed,
                "degraded": degraded,
                "reason": degraded and REASONS[degraded],
                "model": self.model,
                "rtt": connections.round_trip and round(connections.round_trip * 1000, 1),
                "lost": round(connections.uplink_loss, 4),
            }
        )

    def go_away(self) -> None:
        """The page was left or is loaded again: Firefox closes the socket then before the page can say so."""
        self.left = self.returning = True

    async def end(self) -> None:
        """The socket is closed: leave, or have the seat held, unless somebody else has it."""
        if self._membership is None or self.over:
            return
        held = self.returning and self._membership.room.succession.reload(self._membership)
        if self.left and not held:
            await self.rooms.leave(self._membership, "left")
        else:
            hold = RETURN_HOLD if held else self.rooms.config.seat_hold
            self.rooms.lose(self._membership, min(hold, self.rooms.config.seat_hold))

    def keep(self, give_back: Callable[[], None]) -> None:
        """Give back what the connection counted for, now or when the seat that is held for it is free."""
        membership = self._membership
        if membership is not None and membership.hold is not None and membership.send is None:
            membership.give_back = give_back
        else:
            give_back()


def _describe_grant(grant: Grant) -> Message | None:
    """Return what a page has to know of its token: whether the name is fixed, and until when it is good."""
    if grant == OPEN:
        return None
    return {"name": bool(grant.name), "expires": grant.expires and round(grant.expires * 1000)}
