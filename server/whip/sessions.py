"""WHIP and WHEP sessions (RFC 9725, draft-ietf-wish-whep), without HTTP: cameras come, streams are watched."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from server.access.policy import room_name
from server.access.tokens import Grant
from server.core.errors import SignalingError, UnsupportedSdpError
from server.http.quota import Quota
from server.media.rtc import IceParameters, IceRestart, PeerConnection
from server.media.rtc.sdp import RemoteDescription
from server.peers.descriptions import add_candidate, read_offer
from server.peers.egress import Egress
from server.peers.publisher import Publisher
from server.rooms.room import Membership
from server.rooms.rooms import Rooms
from server.whip.client import Forward
from server.whip.sdpfrag import Candidate, Fragment

logger = logging.getLogger(__name__)

SWEEP_INTERVAL = 0.5  # seconds
DEFAULT_NAME = "Camera"

SessionKind = Literal["whip", "whep"]


class WhipSession:
    """One peer connection that was made over HTTP, and the ICE session that its entity-tag stands for."""

    def __init__(
        self, kind: SessionKind, peer: Publisher | Egress, membership: Membership, offer: RemoteDescription
    ) -> None:
        self.id = secrets.token_urlsafe(24)
        self.kind = kind
        self.membership = membership
        self.etag = _etag()
        self.release: Callable[[], None] = lambda: None
        self.created = time.monotonic()
        self.forward: Forward | None = None
        self._peer = peer
        self._ufrag = offer.ufrag
        self._restart: IceRestart | None = None

    @property
    def connection(self) -> PeerConnection | None:
        """The peer connection, while there is one."""
        return self._peer.connection

    def adapt(self, now: float) -> None:
        """Cut down what a player can't take; `now` is monotonic."""
        if isinstance(self._peer, Egress):
            self._peer.adapt(now)

    def finished(self, now: float, patience: float) -> bool:
        """Tell whether it is over: removed, disconnected, or not connected in time; `now` is monotonic."""
        connection = self.connection
        if connection is None or connection.connectionState in ("failed", "closed"):
            return True
        if self.membership.participant.id not in self.membership.room.members:
            return True
        return connection.connectionState != "connected" and now - self.created > patience

    def is_restart(self, fragment: Fragment) -> bool:
        """Tell whether a fragment begins another ICE session."""
        return fragment.ufrag != self._ufrag

    async def trickle(self, fragment: Fragment) -> None:
        """Take more candidates of the client; raise SignalingError bad-candidate."""
        if self._restart is not None:
            await self._add(self._restart, fragment.candidates)
            return
        connection = self.connection
        if connection is None:
            return
        for candidate in fragment.candidates:
            mid = candidate.mid or connection.getTransceivers()[0].mid
            await add_candidate(connection, {"candidate": candidate.line, "sdpMid": mid})
        if fragment.end:
            await add_candidate(connection, None)

    @staticmethod
    async def _add(restart: IceRestart, candidates: tuple[Candidate, ...]) -> None:
        try:
            for candidate in candidates:
                await restart.add(candidate.line.removeprefix("candidate:"))
        except (ValueError, IndexError) as error:
            raise SignalingError("bad-candidate", f"The ICE candidate can't be used: {error}") from error

    async def restart(self, fragment: Fragment) -> tuple[Fragment, str, str]:
        """Begin another ICE session; return our fragment, and kind and mid of the first media section.

        Raises SignalingError not-connected when there is nothing to restart, bad-candidate.
        """
        connection = self.connection
        try:
            if connection is None:
                raise ConnectionError("the session is over")
            restart = IceRestart(connection)
        except ConnectionError as error:
            raise SignalingError("not-connected", f"ICE can't be restarted: {error}.") from error
        await self._end_restart()
        ours = await restart.answer(IceParameters(fragment.ufrag, fragment.password))
        self._restart, self._ufrag, self.etag = restart, fragment.ufrag, _etag()
        await self._add(restart, fragment.candidates)
        lines = tuple(Candidate(None, f"candidate:{line}") for line in ours.candidates)
        first = connection.getTransceivers()[0]
        return Fragment(ours.ufrag, ours.password, lines, end=True), first.kind, first.mid or "0"

    async def _end_restart(self) -> None:
        restart, self._restart = self._restart, None
        if restart is not None:
            await restart.close()

    async def close(self) -> None:
        """End the peer connection, and what is forwarded."""
        await self._end_restart()
        await self._peer.close()
        if self.forward is not None:
            await self.forward.close()


class WhipSessions:
    """All WHIP and WHEP sessions of a conference. Made inside a running event loop."""

    def __init__(self, rooms: Rooms, quota: Quota) -> None:
        self._rooms = rooms
        self._config = rooms.config
        self._quota = quota
        self._sessions: dict[str, WhipSession] = {}
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
        self, room: str, sdp: str, grant: Grant, address: str | None, *, name: str = "", background: str = ""
    ) -> tuple[WhipSession, str]:
        """Let a camera into a room; return its session and the answer's SDP. It never becomes host by being first.

        Raises SignalingError. A session with the same identity in the room ends.
        """
        release = self._take(address)
        membership: Membership | None = None
        try:
            offer = read_whip_offer(sdp, self._config.max_sdp)
            grant = replace(grant, role=grant.role or "guest")
            membership, redirected = self._rooms.join(room, name or DEFAULT_NAME, background, grant)
            if redirected is not None:
                raise SignalingError(redirected, "This background can't be used here.")
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
        membership.participant.set_media(audio="audio" in kinds, video="video" in kinds)
        membership.room.update(membership)
        if self._config.forward_to:
            session.forward = Forward(self._config, membership.participant, membership.room.name)
        self._replace(session)
        return session, answer

    async def play(
        self, room: str, participant: str, sdp: str, grant: Grant, address: str | None
    ) -> tuple[WhipSession, str]:
        """Let somebody watch a participant, named by id or identity; return session and answer's SDP.

        Raises SignalingError, unknown-participant or nothing-published among others. A room whose hosts decide who
        gets in is watched with a host's token only.
        """
        release = self._take(address)
        try:
            self._rooms.admission(room_name(room))
            offer = read_whip_offer(sdp, self._config.max_sdp)
            membership = self._watched(room, participant)
            watched, policy = membership.participant, membership.room.roster.policy
            if (policy.locked or policy.waiting_room) and grant.role != "host":
                raise SignalingError("room-locked", "A host has to let people into this room.")
            if not (watched.sends_video or watched.sends_audio):
                raise SignalingError("nothing-published", "There is nothing to watch yet.")
            player = Egress(self._config, watched)
            session, answer = await self._connect("whep", player, membership, offer)
        except BaseException:
            release()
            raise
        session.release = release
        return session, answer

    def _take(self, address: str | None) -> Callable[[], None]:
        """Count one more session, which may still be negotiated; return what gives its place back."""
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

    def _replace(self, newest: WhipSession) -> None:
        """End the sessions that a client which comes back has left behind."""
        identity = newest.membership.participant.grant.identity
        for session in list(self._sessions.values()):
            same_room = session.membership.room is newest.membership.room
            same_client = identity == session.membership.participant.grant.identity != ""
            if session is not newest and session.kind == "whip" and same_room and same_client:
                self.end(session)

    def end(self, session: WhipSession) -> asyncio.Task[None]:
        """End a session, once: a camera leaves the room. Another server may be slow to take that."""
        del self._sessions[session.id]
        session.release()
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
                session.adapt(now)
                if session.finished(now, patience):
                    self.end(session)

    async def close(self) -> None:
        """End every session."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for session in list(self._sessions.values()):
            self.end(session)
        if self._ending:
            await asyncio.wait(self._ending)


def read_whip_offer(sdp: str, limit: int) -> RemoteDescription:
    """Read an offer; raise SignalingError bad-sdp, or unacceptable-sdp where nothing of it is carried."""
    try:
        return read_offer(sdp, limit)
    except SignalingError as error:
        if isinstance(error.__cause__, UnsupportedSdpError):
            raise SignalingError("unacceptable-sdp", error.message) from error
        raise


def _etag() -> str:
    return f'"{secrets.token_hex(8)}"'
