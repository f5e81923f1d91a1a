"""Invitations: the links that hosts have made in the page, listed and revocable until they expire.

Where the server has a folder for its state, each room's are a file there, which every server on the machine reads: a
link that was revoked stays revoked. What is written lets nobody in.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from server.access.policy import Role
from server.core.errors import SignalingError

logger = logging.getLogger(__name__)

REVOKED: Final = "A host has revoked this invitation."
MAX_INVITATIONS: Final = 64
"""Of a room, with those that are revoked and have not expired; chosen."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """One link: a token known by its id (`jti`). `expires` is in seconds since 1970."""

    id: str
    role: Role
    expires: float
    pin: bool
    by: str
    revoked: bool = False


class Invitations:
    """All invitations of a server, by room. `folder` may be missing, and is made; `clock` tells seconds since 1970."""

    def __init__(self, folder: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._rooms: dict[str, list[Invitation]] = {}
        self._tokens: dict[str, str] = {}
        """Those made since the server has started, by id: in memory only."""

    def of(self, room: str) -> list[Invitation]:
        """Return those of a room that are good now; raise SignalingError when they can't be read."""
        return [each for each in self._load(room) if not each.revoked]

    def add(self, room: str, invitation: Invitation, token: str) -> None:
        """Keep a new one; raise SignalingError too-many-invitations."""
        all_of_room = self._load(room)
        if len(all_of_room) >= MAX_INVITATIONS:
            raise SignalingError("too-many-invitations", "This room has too many invitations.")
        self._store(room, [*all_of_room, invitation])
        self._tokens[invitation.id] = token

    def revoke(self, room: str, invitation: str) -> None:
        """Let nobody in by it any more; raise SignalingError unknown-invitation."""
        all_of_room = self._load(room)
        if not any(each.id == invitation for each in all_of_room):
            raise SignalingError("unknown-invitation", "There is no such invitation.")
        self._store(room, [replace(e, revoked=e.revoked or e.id == invitation) for e in all_of_room])
        self._tokens.pop(invitation, None)

    def revoke_hosts(self, room: str) -> set[str]:
        """Make nobody host by those of now any more; return their ids."""
        revoked = {each.id for each in self.of(room) if each.role == "host"}
        for invitation in revoked:
            self.revoke(room, invitation)
        return revoked

    def is_revoked(self, room: str, invitation: str) -> bool:
        """Tell whether nobody comes in by it; where that can't be read, nobody does."""
        try:
            return any(each.id == invitation and each.revoked for each in self._load(room))
        except SignalingError:
            return True

    def made_here(self, room: str, invitation: str) -> bool:
        """Tell whether a token's id is that of an invitation, and not one that an application has made."""
        try:
            return any(each.id == invitation for each in self._load(room))
        except SignalingError:
            return False

    def describe(self, room: str) -> list[dict[str, Any]]:
        """Return a room's as the protocol has them; raise SignalingError when they can't be read."""
        return [
            {
                "id": each.id,
                "role": each.role,
                "expires": round(each.expires * 1000),
                "pin": each.pin,
                "by": each.by,
                "token": self._tokens.get(each.id),
            }
            for each in self.of(room)
        ]

    def state(self, room: str) -> list[dict[str, Any]]:
        """Return what this server knows of a room's as JSON values, for the room's next server; no token is in it."""
        return [asdict(each) for each in self._rooms.get(room, []) if each.expires > self._clock()]

    def take_over(self, room: str, state: Sequence[Mapping[str, Any]]) -> None:
        """Keep what the server before knew; what either knows to be revoked is. Raises ValueError, SignalingError."""
        try:
            known = {each.id: each for each in (Invitation(**each) for each in state)}
        except TypeError as error:
            raise ValueError("no invitations") from error
        ours = self._load(room)
        for each in ours:
            before = known.get(each.id, each)
            known[each.id] = replace(each, revoked=each.revoked or before.revoked)
        if list(known.values()) != ours:
            self._store(room, list(known.values()))

    def _load(self, room: str) -> list[Invitation]:
        if self._folder is None:
            found = self._rooms.get(room, [])
        else:
            try:
                found = [Invitation(**each) for each in json.loads(self._file(room).read_text("utf-8"))]
            except FileNotFoundError:
                found = []
            except (OSError, ValueError, TypeError) as error:
                logger.error(
                    "the invitations of a room can't be read: %s", type(error).__name__
                )  # a path names the room
                raise SignalingError("unknown-invitation", "Invitations can't be read now.") from error
        return [each for each in found if each.expires > self._clock()]

    def _store(self, room: str, invitations: list[Invitation]) -> None:
        gone = {each.id for each in self._rooms.get(room, [])} - {each.id for each in invitations}
        for invitation in gone:
            self._tokens.pop(invitation, None)
        self._rooms[room] = invitations
        if self._folder is None:
            return
        file = self._file(room)
        part = file.with_suffix(".part")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                json.dump([asdict(each) for each in invitations], out)
            part.replace(file)
        except OSError as error:
            logger.error("the invitations of a room can't be stored: %s", type(error).__name__)
            raise SignalingError("unknown-invitation", "Invitations can't be stored now.") from error

    def _file(self, room: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{room}.json"
