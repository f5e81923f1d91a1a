"""What happens in rooms, told to whoever listens."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from server.rooms.participant import Participant

EventKind = Literal[
    "room.created",
    "room.closed",
    "participant.joined",
    "participant.left",
    "publication.started",
    "publication.stopped",
]


class Person(NamedTuple):
    """Whom an event is about, as they were then."""

    id: str
    name: str
    identity: str


class Event(NamedTuple):
    """Something that has happened; `time` in seconds since 1970."""

    id: str
    kind: EventKind
    time: float
    room: str
    person: Person | None
    details: Mapping[str, str]


class Events:
    """Tells every listener, in order. Listeners must not wait and must not raise."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Tell one more."""
        self._listeners.append(listener)

    def emit(
        self, kind: EventKind, room: str, participant: Participant | None = None, /, **details: str
    ) -> None:
        """Tell that something has happened now."""
        person = None
        if participant is not None:
            person = Person(participant.id, participant.name, participant.grant.identity)
        event = Event("evt_" + secrets.token_hex(12), kind, time.time(), room, person, details)
        for listener in self._listeners:
            listener(event)


class RoomEvents:
    """Tells of one room, each change once. Who is in the lobby is not told about."""

    def __init__(self, events: Events, room: str) -> None:
        self._events = events
        self._room = room
        self._published: dict[str, frozenset[str]] = {}

    def emit(self, kind: EventKind, participant: Participant | None = None, /, **details: str) -> None:
        """Tell that something has happened now."""
        self._events.emit(kind, self._room, participant, **details)

    def entered(self, participant: Participant) -> None:
        """Tell that somebody is in the room, the first one of whom creates it."""
        if not self._published:
            self.emit("room.created")
        self._published[participant.id] = frozenset()
        self.emit("participant.joined", participant)
        self.changed(participant, screen=False)

    def changed(self, participant: Participant, *, screen: bool) -> None:
        """Tell what others get of somebody from now on, or no longer."""
        before = self._published.get(participant.id)
        if before is None:
            return
        kinds = {"video": participant.sends_video, "audio": participant.sends_audio, "screen": screen}
        now = self._published[participant.id] = frozenset(kind for kind, sent in kinds.items() if sent)
        for kind in sorted(before - now):
            self.emit("publication.stopped", participant, kind=kind)
        for kind in sorted(now - before):
            self.emit("publication.started", participant, kind=kind)

    def left(self, participant: Participant, reason: str) -> None:
        """Tell that somebody has left, the last one of whom closes the room."""
        for kind in sorted(self._published.pop(participant.id, ())):
            self.emit("publication.stopped", participant, kind=kind)
        self.emit("participant.left", participant, reason=reason)
        if not self._published:
            self.emit("room.closed")
