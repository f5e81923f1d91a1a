"""Somebody at a browser, without the browser: messages go straight into a Session, and what comes out is kept."""

from __future__ import annotations

from typing import Any

from server.core.errors import SignalingError
from server.core.messages import Message
from server.rooms.rooms import Rooms
from server.signaling.handlers import handle
from server.signaling.session import Session
from tests.support.protocol import check


class Guest:
    """One connection to a conference of this process."""

    def __init__(self, rooms: Rooms, name: str = "Ada") -> None:
        self.name = name
        self.messages: list[Message] = []
        self.session = Session(rooms, self._take)

    def _take(self, message: Message) -> None:
        """Keep what the server says; raise ValidationError for what it may not say."""
        check(message)
        self.messages.append(message)

    async def join(self, **fields: object) -> Message:
        """Join with these fields; return `joined`."""
        await self.session.join({"type": "join", "version": 1, "room": "studio", "name": self.name, **fields})
        return self.last("joined")

    async def ask(self, kind: str, **fields: object) -> None:
        """Send a message; raises the SignalingError that the browser would be told."""
        await handle(self.session, {"type": kind, **fields})

    async def refused(self, kind: str, **fields: object) -> str:
        """Send a message that won't be honoured; return the error's code."""
        try:
            await self.ask(kind, **fields)
        except SignalingError as error:
            return error.code
        raise AssertionError(f"{kind} was honoured")

    def told(self, kind: str) -> list[Message]:
        """Return the messages of a type so far."""
        return [message for message in self.messages if message["type"] == kind]

    def last(self, kind: str) -> Message:
        """Return the latest message of a type."""
        return self.told(kind)[-1]

    def seen(self, other: Guest) -> dict[str, Any]:
        """Return what this guest was last told about another."""
        kinds = ("participant-joined", "participant-updated")
        people = [m["participant"] for m in self.messages if m["type"] in kinds]
        people = [p for m in self.messages for p in m.get("participants", [])] + people
        return dict([p for p in people if p["id"] == other.id][-1])

    @property
    def id(self) -> str:
        """The participant's id."""
        return self.session.membership.participant.id

    @property
    def background(self) -> str:
        """What is behind the participant now."""
        return self.session.membership.participant.background


async def joined(rooms: Rooms, name: str, **fields: object) -> Guest:
    """Return somebody who has joined, with these fields of the message."""
    guest = Guest(rooms, name)
    await guest.join(**fields)
    return guest
