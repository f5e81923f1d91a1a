"""WHIP and WHEP sessions (RFC 9725, draft-ietf-wish-whep), without HTTP: cameras come, streams are watched."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from filters.base import FilterError
from filters.effects import Effects, parse_effects
from filters.matting.follow import Target, read_target
from server.access.policy import room_name
from server.access.tokens import Grant
from server.core.containment import contained
from server.core.errors import SignalingError, UnsupportedSdpError
from server.http.quota import Quota, RateLimit, site
from server.media.rtc.sdp import RemoteDescription
from server.peers.descriptions import read_offer
from server.peers.egress import Egress
from server.peers.publisher import Publisher
from server.rooms import microphones
from server.rooms.admission import Viewer
from server.rooms.membership import Membership
from server.rooms.rooms import Rooms
from server.whip.client import Forward
from server.whip.session import SessionKind, WhipSession

logger = logging.getLogger(__name__)

SWEEP_INTERVAL = 0.5  # seconds; chosen
DEFAULT_NAME = "Camera"
OFFERS, OFFER_RATE = 64.0, 8.0
"""Offers and ICE restarts of one address at once, twice the sessions that it may have, and a second, as by WebSocket:
each takes up to 20 ms of the event loop. Players that wait for a picture ask every two seconds. Chosen."""


class WhipSessions:
    """All WHIP and WHEP sessions of a conference. Made inside a running event loop."""

    def __init__(self, rooms: Rooms, quota: Quota) -> None:
        self._rooms = rooms
        self._config = rooms.config
        self._quota = quota
        self._sessions: dict[str, WhipSession] = {}
        self._offers = RateLimit(OFFERS, OFFER_RATE)
        self._taken = 0
        self._ending: set[asyncio.Task[None]] = set()
        self._task = asyncio.get_running_loop().create_task(self._sweep())

    def count(self, kind: SessionKind) -> int:
        """Return how many sessions of a kind there are."""
        return sum(session.kind == kind for session in self._sessions.values())

    def find(self, kind: SessionKind, room: str, session: str) -> WhipSession:
        """Return a session; raise SignalingError unknown-session."""
        found = self._sessions.get(session)
        if found is None or found.kind != kind or found.membership.room.name != room_name(room):
            raise SignalingError("unknown-session", "There is no such session.")
        return found

    async def publish(
        self,
        room: str,
        sdp: str,
        grant: Grant,
        address: str | None,
        *,
        name: str = "",
        background: str = "",
        effects: str | None = None,
        follow: str | None = None,
    ) -> tuple[WhipSession, str]:
        """Let a camera into a room; return its session and the answer's SDP. It never becomes host by being first.

        Without `effects` and `follow` those of the options hold. Raises SignalingError. Whoever has the same identity
        in the room leaves it.
        """
        release = self._take(address)
        membership: Membership | None = None
        try:
            offer = read_whip_offer(sdp, self._config.max_sdp)
            chosen = _effects(self._config.effects if effects is None else effects)
            target = _target(self._config.follow if follow is None else follow)
            grant = replace(grant, role=grant.role or "guest")
            where = self._admit(room, grant, address)
            membership, redirected = self._rooms.join(room, name or DEFAULT_NAME, background, grant)
            if redirected is not None:
                raise SignalingError(redirected, "This background can't be used here.")
            membership.origin = where
            membership.participant.filter.effects = chosen
            membership.participant.filter.follow(target)
            if any(section.kind == "video" for section in offer.carried):
                _expect_no_device_filter(membership)
            if not membership.room.enter(membership):
                raise SignalingError("room-locked", "A host has to let people into this room.")
            session, answer = await self._connect("whip", membership.participant.publisher, membership, offer)
        except BaseException:
            release()
            if membership is not None:
                await self._rooms.leave(membership, "left")
            raise
        session.release = release
        kinds = membership.participant.publisher.kinds
        microphones.set_media(membership, audio="audio" in kinds, video="video" in kinds)
        membership.room.update(membership)
        if self._config.forward_to:
            session.forward = Forward(self._config, membership.participant, membership.room.name)
        return session, answer

    async def play(
        self, room: str, participant: str, sdp: str, grant: Grant, address: str | None
    ) -> tuple[WhipSession, str]:
        """Let somebody watch a participant, named by id or identity; return session and answer's SDP.

        Raises SignalingError, unknown-participant or nothing-published among others; see Viewer.
        """
        release = self._take(address)
        try:
            self._rooms.fence(room_name(room))
            offer = read_whip_offer(sdp, self._config.max_sdp)
            membership = self._watched(room, participant)
            watched, home = membership.participant, membership.room
            viewer = Viewer(grant, watched.id, self._admit(room, grant, address))
            if not viewer.allowed(home.roster.policy, time.time(), pin=bool(home.pin)):
                raise SignalingError("room-locked", "A host has to let people into this room.")
            if not (watched.sends_video or watched.sends_audio):
                raise SignalingError("nothing-published", "There is nothing to watch yet.")
            player = Egress(self._config, watched)
            home.viewers.add(viewer)  # before anything is awaited, so that no host's word comes too early
            try:
                session, answer = await self._connect("whep", player, membership, offer)
            except BaseException:
                home.viewers.discard(viewer)
                raise
        except BaseException:
            release()
            raise
        session.release, session.viewer = release, viewer
        return session, answer

    def _admit(self, room: str, grant: Grant, address: str | None) -> str:
        """Return what a client is known by without tokens; raise SignalingError removed for who is kept out."""
        counted = site(address) or address
        known = f"address:{counted}" if counted and self._rooms.authenticator.open else ""
        home = self._rooms.open_rooms.get(room_name(room))
        if home is not None:
            home.bans.expect_allowed(grant.holder, known)
        return known

    def spend(self, address: str | None) -> None:
        """Count what takes as long as an offer; raise SignalingError too-many-connections where it is too often."""
        self._offers.spend(address)

    def _take(self, address: str | None) -> Callable[[], None]:
        """Count one more session, which may still be negotiated; return what gives its place back."""
        self.spend(address)
        if self._rooms.draining:
            raise SignalingError("shutting-down", "The server is about to stop.")
        if self._taken >= self._config.max_sessions:
            raise SignalingError("too-many-sessions", "This server has no session left.")
        give_back = self._quota.take(address)
        self._taken += 1

        def release() -> None:
            self._taken -= 1
            give_back()

        return release

    def _watched(self, name_of_room: str, participant: str) -> Membership:
        room = self._rooms.open_rooms.get(room_name(name_of_room))
        memberships = room.memberships if room is not None else []
        for membership in memberships:
            somebody = membership.participant
            inside = membership.room.roster.state(somebody) == "room"
            if inside and participant in (somebody.id, somebody.grant.identity):
                return membership
        raise SignalingError("unknown-participant", "Nobody of that name is in this room.")

    async def _connect(
        self, kind: SessionKind, peer: Publisher | Egress, membership: Membership, offer: RemoteDescription
    ) -> tuple[WhipSession, str]:
        try:
            answer = await peer.offer(offer)
        except SignalingError as error:
            if error.code != "bad-sdp":
                raise
            raise SignalingError("unacceptable-sdp", error.message) from error
        session = WhipSession(kind, peer, membership, offer)
        self._sessions[session.id] = session
        logger.info("%s session of participant %s begins", kind, membership.participant.id)
        return session, answer

    def end(self, session: WhipSession) -> asyncio.Task[None]:
        """End a session, once: a camera leaves the room. Another server may be slow to take that."""
        del self._sessions[session.id]
        session.release()
        if session.viewer is not None:
            session.membership.room.viewers.discard(session.viewer)
        task = asyncio.get_running_loop().create_task(self._end(session))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _end(self, session: WhipSession) -> None:
        if session.kind == "whip":
            await self._rooms.leave(session.membership, "left")
        await session.close()
        logger.info("%s session of participant %s ends", session.kind, session.membership.participant.id)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            now, patience = time.monotonic(), self._config.session_timeout
            for session in list(self._sessions.values()):
                with contained(f"{session.kind} session of participant {session.membership.participant.id}"):
                    if session.finished(now, patience):
                        self.end(session)
                    else:
                        session.adapt(now)

    async def close(self) -> None:
        """End every session."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for session in list(self._sessions.values()):
            self.end(session)
        if self._ending:
            await asyncio.wait(self._ending)


def _expect_no_device_filter(membership: Membership) -> None:
    """Raise SignalingError device-filter-required where cameras have to be filtered before they are sent."""
    if not membership.room.policy_for(membership).allows_camera(device_filter=False):
        message = "Cameras have to be filtered on the device here, which WHIP has no word for."
        raise SignalingError("device-filter-required", message)


def _effects(names: str) -> Effects:
    try:
        return parse_effects(names)
    except FilterError as error:
        raise SignalingError("bad-message", f"{error}.") from None


def _target(name: str) -> Target | None:
    try:
        return read_target(name)
    except FilterError as error:
        raise SignalingError("bad-message", f"{error}.") from None


def read_whip_offer(sdp: str, limit: int) -> RemoteDescription:
    """Read an offer; raise SignalingError bad-sdp, or unacceptable-sdp where nothing of it is carried."""
    try:
        return read_offer(sdp, limit)
    except SignalingError as error:
        if isinstance(error.__cause__, UnsupportedSdpError):
            raise SignalingError("unacceptable-sdp", error.message) from error
        raise
