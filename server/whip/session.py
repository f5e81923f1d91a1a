"""One WHIP or WHEP session, without HTTP."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Literal

from server.core.errors import SignalingError
from server.media.rtc import IceParameters, IceRestart, PeerConnection
from server.media.rtc.sdp import RemoteDescription
from server.peers.descriptions import add_candidate
from server.peers.egress import Egress
from server.peers.publisher import Publisher
from server.rooms.admission import Viewer
from server.rooms.membership import Membership
from server.whip.client import Forward
from server.whip.sdpfrag import Candidate, Fragment

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
        self.viewer: Viewer | None = None
        """Who watches, as the room is told; None for a camera."""
        self._peer = peer
        self._ufrag = offer.ufrag
        self._restart: IceRestart | None = None
        self._restarting = False
        self._closed = False

    @property
    def connection(self) -> PeerConnection | None:
        """The peer connection, while there is one."""
        return self._peer.connection

    def adapt(self, now: float) -> None:
        """Cut down what a player can't take; `now` is monotonic."""
        if isinstance(self._peer, Egress):
            self._peer.adapt(now)

    def finished(self, now: float, patience: float) -> bool:
        """Tell whether it is over: removed, forbidden, disconnected, not connected in time; `now` is monotonic."""
        connection = self.connection
        if connection is None or connection.connectionState in ("failed", "closed"):
            return True
        room = self.membership.room
        if self.membership.participant.id not in room.members:
            return True
        if self.viewer is not None and self.viewer not in room.viewers:
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

        Raises SignalingError not-connected when there is nothing to restart, restart-pending while another request
        is at it, bad-candidate.
        """
        connection = self.connection
        if self._restarting:
            raise SignalingError("restart-pending", "ICE is just being restarted.")
        try:
            if connection is None:
                raise ConnectionError("the session is over")
            restart = IceRestart(connection)
        except ConnectionError as error:
            raise SignalingError("not-connected", f"ICE can't be restarted: {error}.") from error
        self._restarting = True
        try:
            ours = await self._begin(restart, fragment)
        finally:
            self._restarting = False
        await self._add(restart, fragment.candidates)
        lines = tuple(Candidate(None, f"candidate:{line}") for line in ours.candidates)
        first = connection.getTransceivers()[0]
        return Fragment(ours.ufrag, ours.password, lines, end=True), first.kind, first.mid or "0"

    async def _begin(self, restart: IceRestart, fragment: Fragment) -> IceParameters:
        """Let a restart take the place of the one before, unless the session ends meanwhile."""
        await self._end_restart()
        try:
            ours = await restart.answer(IceParameters(fragment.ufrag, fragment.password))
            if self._closed:
                raise SignalingError("not-connected", "The session is over.")
        except BaseException:
            await restart.close()
            raise
        self._restart, self._ufrag, self.etag = restart, fragment.ufrag, _etag()
        return ours

    async def _end_restart(self) -> None:
        restart, self._restart = self._restart, None
        if restart is not None:
            await restart.close()

    async def close(self) -> None:
        """End the peer connection, and what is forwarded."""
        self._closed = True
        await self._end_restart()
        await self._peer.close()
        if self.forward is not None:
            await self.forward.close()


def _etag() -> str:
    return f'"{secrets.token_hex(8)}"'
