"""Shared screens: one at a time in a room, as policy and token allow."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from server.config.options import Config
from server.core.errors import SignalingError
from server.core.messages import StreamKind
from server.media.microphone import AudioPublication
from server.media.screen import ScreenPublication
from server.peers.descriptions import read_offer
from server.peers.publisher import Publisher

if TYPE_CHECKING:
    from server.rooms.membership import Membership
    from server.rooms.room import Room

ScreenEnd: TypeAlias = Literal["stopped", "policy", "lost"]
"""Why a share has ended, as the protocol has it."""


class Screen:
    """A shared screen: its own connection from the browser, its own publications, no filter.

    `on_lost` is called when the connection breaks.
    """

    def __init__(self, config: Config, on_lost: Callable[[], None]) -> None:
        self.video = ScreenPublication()
        self.audio = AudioPublication()
        self.publisher = Publisher(config, self.video, self.audio, on_lost)

    @property
    def publishes(self) -> tuple[StreamKind, ...]:
        """What has been offered so far."""
        kinds: tuple[tuple[str, StreamKind], ...] = (("video", "screen"), ("audio", "screen-audio"))
        return tuple(kind for media, kind in kinds if media in self.publisher.kinds)

    async def close(self) -> None:
        """End everything."""
        self.video.close()
        self.audio.close()
        await self.publisher.close()


class ScreenSharing:
    """Begins and ends shares of one room; the roster knows who shares. `spawn` runs what need not be waited for."""

    def __init__(
        self, room: Room, config: Config, spawn: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._room = room
        self._config = config
        self._spawn = spawn

    async def share(self, membership: Membership, sdp: str) -> str:
        """Take the offer of a screen; return the answer's SDP.

        Raises SignalingError not-in-room, screen-forbidden, screen-busy, bad-sdp.
        """
        room, participant = self._room, membership.participant
        room.expect_inside(membership)
        if not participant.grant.screen:
            raise SignalingError("screen-forbidden", "Your token does not allow to share a screen.")
        room.roster.share(participant)
        before = participant.screen
        screen = participant.screen = before or Screen(self._config, lambda: self.end(membership, "lost"))
        try:
            offer = read_offer(sdp, self._config.max_sdp, screen.publisher.carried)
            answer = await screen.publisher.offer(offer)
        except SignalingError:
            if participant.screen is screen:  # and has not been ended meanwhile
                if before is None:
                    self.end(membership, None)
                raise
        if participant.screen is not screen:
            await screen.close()
            raise SignalingError("screen-forbidden", "Sharing a screen is no longer allowed.")
        room.update(membership)
        room.refresh()
        return answer

    def end(self, membership: Membership, reason: ScreenEnd | None) -> None:
        """End a share, if there is one, and tell why."""
        room, participant = self._room, membership.participant
        screen, participant.screen = participant.screen, None
        shared = room.roster.unshare(participant)
        if screen is not None:
            self._spawn(screen.close())
        if not shared:
            return
        room.refresh()
        room.update(membership)
        if reason is not None:
            membership.tell({"type": "screen", "shared": False, "reason": reason})

    def end_forbidden(self, membership: Membership) -> None:
        """End the share of who may not share any more."""
        roster, participant = self._room.roster, membership.participant
        if roster.sharer is participant and not roster.policy.allows_screen(roster.role(participant)):
            self.end(membership, "policy")
