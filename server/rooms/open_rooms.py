"""The rooms that there are at the moment, by name. Pure logic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from server.core.errors import SignalingError


class NamedPlace(Protocol):
    """A room, or what is built around one."""

    @property
    def name(self) -> str: ...

    @property
    def empty(self) -> bool: ...


P = TypeVar("P", bound=NamedPlace)


class OpenRooms(Generic[P]):
    """The rooms that have somebody in them or in their lobby."""

    def __init__(self, max_rooms: int, make: Callable[[str], P]) -> None:
        self._max_rooms = max_rooms
        self._make = make
        self._rooms: dict[str, P] = {}

    def open(self, name: str) -> P:
        """Return the room of that name, made if need be; raise SignalingError server-full."""
        room = self._rooms.get(name)
        if room is None:
            if len(self._rooms) >= self._max_rooms:
                raise SignalingError("server-full", "This server has no free room left.")
            room = self._rooms[name] = self._make(name)
        return room

    def discard(self, room: P) -> None:
        """Forget a room that is empty."""
        if room.empty and self._rooms.get(room.name) is room:
            del self._rooms[room.name]

    def get(self, name: str) -> P | None:
        return self._rooms.get(name)

    def all(self) -> list[P]:
        return list(self._rooms.values())
