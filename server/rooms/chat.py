"""The chat of one room: messages and files, for everybody or for one alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from server.rooms.files import SharedFile

if TYPE_CHECKING:
    from server.rooms.membership import Membership
    from server.rooms.room import Room


class RoomChat:
    """Hands messages on; the roster keeps those that newcomers are shown, `Room.files` the files."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def say(
        self, membership: Membership, text: str, to: str | None, file: Mapping[str, Any] | None = None
    ) -> None:
        """Put a message into the chat, or tell it `to` one participant alone, and back.

        Raises SignalingError not-in-room, bad-message, unknown-participant.
        """
        room, participant = self._room, membership.participant
        room.expect_inside(membership)
        chat = room.roster.say(participant, participant.name, text, time.time(), to, file)
        said = {"type": "chat", "chat": chat.describe()}
        if to is None:
            return room.broadcast(said)
        membership.tell(said)
        if to != participant.id:
            room.find(to).tell(said)

    def expect_files(self, membership: Membership, to: str | None) -> None:
        """Raise SignalingError not-in-room, files-forbidden, unknown-participant."""
        room = self._room
        room.expect_inside(membership)
        room.files.permit(room.policy_for(membership))
        room.roster.expect_reader(to)

    def delete_file(self, file: SharedFile) -> None:
        """Forget a file that is here, and its message, and tell whoever could have it."""
        self._room.files.delete(file)
        self.forget_file(file)

    def forget_file(self, file: SharedFile) -> None:
        """Forget the message of a file that is no more, and tell whoever could have it."""
        room = self._room
        room.roster.unsay(file.id)
        deleted = {"type": "file-deleted", "file": file.id}
        if file.to is None:
            return room.broadcast(deleted)
        for membership in room.memberships:
            if membership.participant.id in (file.owner, file.to):
                membership.tell(deleted)
