"""Files in a room's chat: in memory only, for as long as the room lives, and no more of them than agreed.

Nothing here looks into a file. Memory is taken before the first byte comes, so that files on their way count, too.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeAlias

from server.access.policy import RoomPolicy
from server.config.options import Config
from server.core.errors import SignalingError
from server.core.token_bucket import TokenBucket

MAX_FILES: Final = 50  # of one person; chosen
BURST: Final = 10  # files that one person may put in at once; chosen
RATE: Final = 0.2  # files a second that may follow; chosen


class SharedFile(NamedTuple):
    """One file; `to` is who alone may have it besides its owner, if it is not for all."""

    id: str
    name: str
    data: bytes
    owner: str
    to: str | None

    def describe(self) -> dict[str, str | int]:
        """Return the ChatFile of the signalling protocol."""
        return {"id": self.id, "size": len(self.data)}


Keep: TypeAlias = Callable[[str, bytes, str | None], SharedFile]
"""Keeps a file: its name, what is in it, whom alone it is for."""


class _Person:
    """What one person may still put in."""

    def __init__(self, memory: int) -> None:
        self.memory = TokenBucket(memory)
        self.number = TokenBucket(MAX_FILES)
        self.rate = TokenBucket(BURST, RATE)
        self.busy = False


class SharedFiles:
    """The files of one room. `memory` is what those of all rooms may still take, in bytes."""

    def __init__(self, config: Config, memory: TokenBucket) -> None:
        self._config = config
        self._memory = memory
        self._begin()

    def _begin(self) -> None:
        self._files: dict[str, SharedFile] = {}
        self._people: dict[str, _Person] = {}
        self._room = TokenBucket(self._config.max_files_room)

    def permit(self, policy: RoomPolicy) -> None:
        """Raise SignalingError files-forbidden unless a policy, as it is for whoever asks, allows it."""
        if not self._config.max_file or not policy.files:
            raise SignalingError("files-forbidden", "This room does not allow files in the chat.")

    @contextmanager
    def space(self, owner: str, size: int, now: float) -> Iterator[Keep]:
        """Hold the memory for one file until the context ends or the file is kept; `now` in seconds.

        Raises SignalingError bad-file, too-large, upload-busy, too-many-files, files-full.
        """
        person = self._people.setdefault(owner, _Person(self._config.max_files_participant))
        self._expect(person, size, now)
        held = _take(
            (person.number, 1, f"You have put in {MAX_FILES} files; no more fit."),
            (person.memory, size, "No more of your files fit into this room."),
            (self._room, size, "No more files fit into this room."),
            (self._memory, size, "No more files fit into this server's memory now."),
        )
        person.busy = True

        def keep(name: str, data: bytes, to: str | None) -> SharedFile:
            held.clear()
            file = SharedFile(secrets.token_urlsafe(16), name, data, owner, to)
            self._files[file.id] = file
            return file

        try:
            yield keep
        finally:
            person.busy = False
            for bucket, tokens in held:
                bucket.add(tokens)

    def _expect(self, person: _Person, size: int, now: float) -> None:
        limit = self._config.max_file
        if size < 1:
            raise SignalingError("bad-file", "The file is empty.")
        if size > limit:
            raise SignalingError("too-large", f"A file has at most {limit} bytes.")
        if person.busy:
            raise SignalingError("upload-busy", "Your last file is still on its way; wait for it.")
        if not person.rate.take(1, now):
            raise SignalingError("too-many-files", "Too many files in a short time; wait a moment.")

    def find(self, key: str, who: str) -> SharedFile:
        """Return a file for somebody; raise SignalingError unknown-file, also where it is not for them."""
        file = self._files.get(key)
        if file is None or (file.to is not None and who not in (file.to, file.owner)):
            raise SignalingError("unknown-file", "This file is not here, or not any more.")
        return file

    def delete(self, file: SharedFile) -> None:
        """Forget a file that is here."""
        del self._files[file.id]
        size = len(file.data)
        self._memory.add(size)
        self._room.add(size)
        person = self._people.get(file.owner)
        if person is not None:
            person.memory.add(size)
            person.number.add(1)

    def hand_over(self, before: str, who: str) -> None:
        """Let what somebody has put in under another id be theirs, and count for them."""
        for file in [each for each in self._files.values() if each.owner == before]:
            person = self._people.setdefault(who, _Person(self._config.max_files_participant))
            self._files[file.id] = file._replace(owner=who)
            person.memory.take(len(file.data))
            person.number.take(1)

    def leave(self, who: str, *, removed: bool) -> list[SharedFile]:
        """Forget what is for somebody alone who leaves, and all of theirs if a host has removed them; return that."""
        gone = [f for f in self._files.values() if f.to == who or (removed and f.owner == who)]
        for file in gone:
            self.delete(file)
        self._people.pop(who, None)
        return gone

    def clear(self) -> None:
        """Forget all."""
        for file in self._files.values():
            self._memory.add(len(file.data))
        self._begin()


def _take(*wanted: tuple[TokenBucket, int, str]) -> list[tuple[TokenBucket, int]]:
    """Take tokens of every bucket, or of none: then raise SignalingError files-full with that bucket's words."""
    taken: list[tuple[TokenBucket, int]] = []
    for bucket, tokens, words in wanted:
        if not bucket.take(tokens):
            for before, amount in taken:
                before.add(amount)
            raise SignalingError("files-full", words)
        taken.append((bucket, tokens))
    return taken
