"""Who takes whose place in a room: the same person again, or a page that was loaded again, with its role."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from server.rooms.membership import Membership

if TYPE_CHECKING:
    from server.rooms.room import Room


class Succession:
    """Remembers what those were who have gone to load their page again, and gives it back to them.

    `replace` takes out somebody who has come again.
    """

    def __init__(self, room: Room) -> None:
        self.replace: Callable[[Membership], None] = lambda membership: None
        self._room = room
        self._reloading: set[str] = set()
        """The seats of hosts who have gone to load their page again, while others are host."""
        self._spotlit_seat = ""
        """The seat of who was spotlit and has gone to load their page again."""

    def clear(self) -> None:
        """Forget everybody."""
        self._reloading.clear()
        self.forget_spotlight()

    def forget_spotlight(self) -> None:
        """Give the spotlight back to nobody: it is somebody else's, or nobody's on purpose."""
        self._spotlit_seat = ""

    def make_place(self, membership: Membership) -> None:
        """In a full room, let whoever is the same, or only has a seat held, give way."""
        room = self._room
        inside = [m for m in room.memberships if m.participant.id in room.members]
        yielding = [*self._same(membership), *(m for m in inside if m.held)]
        if len(inside) >= room.roster.capacity and yielding:
            self.replace(yielding[0])

    def hand_over(self, membership: Membership) -> None:
        """Let be somebody's what they have put into the chat before; to be done before they are told of it."""
        room, who = self._room, membership.participant.id
        left = room.seats_left.find(membership.former)
        before = {other.participant.id for other in (*self._same(membership), *self._held(membership))}
        for each in before | ({left.participant} if left is not None else set()):
            room.roster.hand_over(each, who)
            room.files.hand_over(each, who)

    def succeed(self, membership: Membership) -> None:
        """Take the place of whoever is the same, or of what the page was before it was loaded again, with its role."""
        room, former = self._room, membership.former
        held = self._held(membership)
        reloaded = room.seats_left.find(former) is not None
        was_host, was_spotlit = former in self._reloading, former == self._spotlit_seat
        if (reloaded and was_host) or any(room.role(other) == "host" for other in held):
            self._reloading.discard(former)
            room.roster.hosts.add(membership.participant.id)
            room.update(membership)
        before = {*self._same(membership), *held}
        if (reloaded and was_spotlit) or room.roster.spotlit in [other.participant for other in before]:
            room.spotlight(membership)
        for other in before:
            self.replace(other)

    def reload(self, membership: Membership) -> bool:
        """Keep what somebody is whose page is loaded again; tell whether they are the only host."""
        room, participant = self._room, membership.participant
        if room.roster.spotlit is participant:
            self._spotlit_seat = participant.seat
        if room.role(membership) != "host":
            return False
        if len(room.roster.hosts) > 1:
            self._reloading.add(participant.seat)
            return False
        return True

    def _held(self, membership: Membership) -> list[Membership]:
        """Return who was on the page before it was loaded again, while that seat is held."""
        former = membership.former
        return [m for m in self._room.memberships if m.held and m.participant.seat == former != ""]

    def _same(self, membership: Membership) -> list[Membership]:
        """Return the others inside that are of the same identity."""
        room, grant = self._room, membership.participant.grant
        return [
            other
            for other in room.memberships
            if other is not membership
            and grant.identity
            and other.participant.id in room.members
            and other.participant.grant.holder == grant.holder
        ]
