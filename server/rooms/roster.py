"""A room: who is in it, in its lobby, a host; who watches whom. Knows neither HTTP nor WebRTC."""

from __future__ import annotations

import itertools
import secrets
from collections import deque
from collections.abc import Mapping
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

from server.access.policy import Role, RoomPolicy, chat_text
from server.core.errors import SignalingError
from server.core.messages import StreamKind

State = Literal["lobby", "waiting", "room"]

MAX_CHATS = 100  # messages that newcomers are shown; chosen


class Member(Protocol):
    """Somebody in a room or its lobby."""

    @property
    def id(self) -> str:
        """Unique in the server."""
        ...

    @property
    def publishes(self) -> tuple[StreamKind, ...]:
        """What others can get from this member now."""
        ...


class Chat(NamedTuple):
    """One chat message; `time` in ms since 1970."""

    id: int
    participant: str
    name: str
    text: str
    time: int
    to: str | None = None
    """Who alone is to read it, besides whoever wrote it."""
    file: Mapping[str, Any] | None = None
    """The ChatFile of the protocol that the text is the name of."""

    def describe(self) -> dict[str, Any]:
        """Return the Chat of the signalling protocol."""
        return {name: value for name, value in self._asdict().items() if value is not None}


M = TypeVar("M", bound=Member)


class Returning(NamedTuple):
    """Somebody who was in the room while it lived on another server, and is expected back."""

    role: Role
    never_host: bool
    founder: bool
    grant: dict[str, Any] | None
    """What their token allows, as Grant.state has it; None on an open server."""
    spotlit: bool = False


class Roster(Generic[M]):
    """Everybody in it gets everybody's video, oneself included, and everybody else's audio and screen.

    Whoever is in the lobby gets just their own video. The room's life begins when somebody enters and ends when the
    last one leaves; then policy, chat and host token are as new.
    """

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.capacity = capacity
        self.members: dict[str, M] = {}
        self.lobby: dict[str, M] = {}
        self._begin()

    def _begin(self) -> None:
        self.policy = RoomPolicy()
        self.token = secrets.token_urlsafe(24)
        self.waiting: dict[str, M] = {}
        self.hosts: set[str] = set()
        self.never_hosts: set[str] = set()
        self.demoted: set[str] = set()
        """Whose tokens of hosts make guests only, by Grant.holder."""
        self.founder: str | None = None
        self.returning: dict[str, Returning] = {}
        self.sharer: M | None = None
        self.spotlit: M | None = None
        """Whom everybody sees large, by a host's word."""
        self.chat: deque[Chat] = deque(maxlen=MAX_CHATS)
        self._chat_ids = itertools.count(1)

    @property
    def empty(self) -> bool:
        """Tell whether there is nobody, not even in the lobby."""
        return not self.members and not self.lobby

    def visit(self, member: M, role: Role | None = None) -> None:
        """Take a newcomer into the lobby; raise SignalingError room-full, from which hosts by right are exempt."""
        if len(self.lobby) >= self.capacity and role != "host":
            raise SignalingError("room-full", f"This room's lobby is full ({self.capacity} people).")
        self.lobby[member.id] = member

    def enter(self, member: M, token: str = "", role: Role | None = None) -> bool:
        """Let somebody in from the lobby, or to the waiting room (False).

        Raises SignalingError room-full or room-locked. The host token opens everything that isn't full. A `role`
        is one's own from elsewhere; without it whoever comes first is host.
        """
        is_host = self._is_host(token, role)
        if role == "guest":
            self.never_hosts.add(member.id)
        if not is_host and self.policy.locked:
            raise SignalingError("room-locked", "This room is locked.")
        self._expect_place()
        if not is_host and self.policy.waiting_room:
            self.waiting[member.id] = member
            return False
        if self.members.keys() <= self.never_hosts and role != "guest" and not self.returning:
            self.founder = member.id
        if is_host or self.founder == member.id:
            self.hosts.add(member.id)
        self._seat(member)
        return True

    def opens(self, token: str = "", role: Role | None = None) -> bool:
        """Tell whether whoever enters so comes in at once, if there is a place."""
        return self._is_host(token, role) or not (self.policy.locked or self.policy.waiting_room)

    def _is_host(self, token: str, role: Role | None) -> bool:
        return role == "host" or secrets.compare_digest(token.encode(), self.token.encode())

    def come_back(self, member: M, seat: str) -> None:
        """Let somebody in from the lobby who is in `returning`, as what they were; raise SignalingError room-full."""
        self._expect_place()
        before = self.returning.pop(seat)
        if before.never_host:
            self.never_hosts.add(member.id)
        if before.role == "host":
            self.hosts.add(member.id)
        if before.founder:
            self.founder = member.id
        if before.spotlit:
            self.spotlit = member
        self._seat(member)

    def await_no_more(self) -> M | None:
        """Expect nobody back any more; return who became host because no host came."""
        self.returning.clear()
        return self._heir()

    def admit(self, member_id: str) -> M:
        """Let somebody in who waits, also into a locked room; raise SignalingError unknown-participant, room-full."""
        member = self.waiting.get(member_id)
        if member is None:
            raise SignalingError("unknown-participant", "Nobody with this id is waiting.")
        self._expect_place()
        self._seat(member)
        return member

    def _expect_place(self) -> None:
        if len(self.members) >= self.capacity:
            raise SignalingError("room-full", f"This room is full ({self.capacity} people).")

    def _seat(self, member: M) -> None:
        self.waiting.pop(member.id, None)
        self.lobby.pop(member.id, None)
        self.members[member.id] = member

    def leave(self, member: M) -> M | None:
        """Remove somebody, who need not be there; return who became host because the last host left.

        When the last member has left, those who wait are in the lobby of a new room.
        """
        self.lobby.pop(member.id, None)
        self.waiting.pop(member.id, None)
        self.never_hosts.discard(member.id)
        if self.members.pop(member.id, None) is None:
            return None
        self.hosts.discard(member.id)
        self.unshare(member)
        if self.spotlit is member:
            self.spotlit = None
        if not self.members:
            self._begin()
            return None
        return self._heir()

    def _heir(self) -> M | None:
        """Make the one who is here longest a host where there is none; return that one."""
        if self.hosts or any(back.role == "host" for back in self.returning.values()):
            return None
        longest = next((m for m in self.members.values() if m.id not in self.never_hosts), None)
        if longest is not None:
            self.hosts.add(longest.id)
        return longest

    def claim(self, member: M, token: str) -> None:
        """Make a member who shows the host token a host; another token does nothing."""
        if member.id in self.members and secrets.compare_digest(token.encode(), self.token.encode()):
            self.hosts.add(member.id)

    def promote(self, member: M) -> None:
        """Make a member a host."""
        self.hosts.add(member.id)

    def demote(self, member: M, holder: str) -> None:
        """Make a host a guest, whose tokens make no host any more; the host token is another one from now on.

        Raises SignalingError last-host when there would be none.
        """
        if self.hosts == {member.id}:
            raise SignalingError("last-host", "A room has a host. Make somebody else one first.")
        self.hosts.discard(member.id)
        self.renew_token()
        if self.founder == member.id:
            self.founder = None
        if holder:
            self.demoted.add(holder)

    def renew_token(self) -> None:
        """Have the host token be another one from now on."""
        self.token = secrets.token_urlsafe(24)

    def state(self, member: M) -> State:
        """Tell where somebody is."""
        if member.id in self.members:
            return "room"
        return "waiting" if member.id in self.waiting else "lobby"

    def role(self, member: M) -> Role:
        """Tell what somebody may do."""
        return "host" if member.id in self.hosts else "guest"

    def streams_for(self, viewer: M) -> list[tuple[M, StreamKind]]:
        """Return what somebody should receive, in the order in which people came."""
        if viewer.id not in self.members:
            return [(viewer, "video")]
        return [
            (member, kind)
            for member in self.members.values()
            for kind in member.publishes
            if kind == "video" or member is not viewer
        ]

    def share(self, member: M) -> None:
        """Make somebody the one who shares a screen; raise SignalingError screen-forbidden or screen-busy."""
        if not self.policy.allows_screen(self.role(member)):
            raise SignalingError("screen-forbidden", "Sharing a screen is not allowed in this room.")
        if self.sharer is not None and self.sharer is not member:
            raise SignalingError("screen-busy", "Somebody else is sharing a screen.")
        self.sharer = member

    def unshare(self, member: M) -> bool:
        """End somebody's share; tell whether there was one."""
        shared = self.sharer is member
        if shared:
            self.sharer = None
        return shared

    def expect_reader(self, to: str | None) -> None:
        """Raise SignalingError unknown-participant unless it is a member, or None: everybody."""
        if to is not None and to not in self.members:
            raise SignalingError("unknown-participant", "They are not in this room (any more).")

    def say(
        self,
        member: M,
        name: str,
        text: str,
        now: float,
        to: str | None = None,
        file: Mapping[str, Any] | None = None,
    ) -> Chat:
        """Keep a chat message, unless it is `to` one member alone; `now` in seconds since 1970.

        Raises SignalingError bad-message, unknown-participant.
        """
        self.expect_reader(to)
        chat = Chat(next(self._chat_ids), member.id, name, chat_text(text), round(now * 1000), to, file)
        if to is None:
            self.chat.append(chat)
        return chat

    def hand_over(self, before: str, who: str) -> None:
        """Let what somebody has written under another id be theirs."""
        mine = [chat._replace(participant=who) if chat.participant == before else chat for chat in self.chat]
        self.chat = deque(mine, maxlen=MAX_CHATS)

    def unsay(self, file: str) -> None:
        """Tell newcomers no more of the file with that id."""
        kept = [chat for chat in self.chat if chat.file is None or chat.file["id"] != file]
        self.chat = deque(kept, maxlen=MAX_CHATS)
