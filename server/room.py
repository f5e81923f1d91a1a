"""Rooms and who watches whom. Knows neither HTTP nor WebRTC."""

from __future__ import annotations

from typing import Generic, Literal, Protocol, TypeVar

from server.policy import SignalingError

Kind = Literal["video", "audio"]


class Member(Protocol):
    """Somebody in a room."""

    @property
    def id(self) -> str:
        """Unique in the server."""
        ...

    @property
    def publishes(self) -> tuple[Kind, ...]:
        """What others can get from this member."""
        ...


M = TypeVar("M", bound=Member)


class Room(Generic[M]):
    """Everybody in it gets everybody's video, oneself included, and everybody else's audio."""

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.capacity = capacity
        self.members: dict[str, M] = {}

    def join(self, member: M) -> None:
        """Add a member, or raise SignalingError room-full."""
        if len(self.members) >= self.capacity:
            raise SignalingError("room-full", f"This room is full ({self.capacity} people).", fatal=True)
        self.members[member.id] = member

    def leave(self, member: M) -> None:
        """Remove a member; it need not be there."""
        self.members.pop(member.id, None)

    def streams_for(self, viewer: M) -> list[tuple[M, Kind]]:
        """Return what a member should receive, in the order in which people came."""
        return [
            (member, kind)
            for member in self.members.values()
            for kind in member.publishes
            if kind == "video" or member is not viewer
        ]


class Rooms(Generic[M]):
    """The rooms that have somebody in them."""

    def __init__(self, max_rooms: int, capacity: int) -> None:
        self._max_rooms = max_rooms
        self._capacity = capacity
        self._rooms: dict[str, Room[M]] = {}

    def join(self, name: str, member: M) -> Room[M]:
        """Put a member into a room, which begins with its first member; raise SignalingError when full."""
        room = self._rooms.get(name)
        if room is None:
            if len(self._rooms) >= self._max_rooms:
                raise SignalingError("server-full", "This server has no free room left.", fatal=True)
            room = Room(name, self._capacity)
        room.join(member)
        self._rooms[name] = room
        return room

    def leave(self, room: Room[M], member: M) -> None:
        """Take a member out of its room, which ends with its last member."""
        room.leave(member)
        if not room.members and self._rooms.get(room.name) is room:
            del self._rooms[room.name]

    def get(self, name: str) -> Room[M] | None:
        return self._rooms.get(name)

    def all(self) -> list[Room[M]]:
        return list(self._rooms.values())
