"""Whose pictures people show large, by their own choice or because they speak; the spotlight is a host's, and apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from server.rooms.room import Room

MOST: Final = 2
"""Of a room at once, as who speaks and who did before: in a crowd they cost as much as one more person. Chosen."""
KEPT: Final = 5.0  # seconds that one stays large at least: each change costs a keyframe; chosen


class ShownLarge:
    """The most wanted, no more than a crowd can afford. Pure logic; time is passed in."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def __contains__(self, participant: str) -> bool:
        return participant in self._since

    def update(self, now: float, wanted: Iterable[str]) -> None:
        """Take whom each one shows large by `now`, in seconds."""
        before = self._since
        self._since = {each: since for each, since in before.items() if now - since < KEPT}
        count = Counter(wanted)
        for each in sorted(count, key=lambda each: (-count[each], each not in before)):
            if len(self._since) < MOST:
                self._since.setdefault(each, before.get(each, now))


def wanted_large(room: Room) -> Iterator[str]:
    """Yield whom each one shows large, viewers from outside too, but the one in the spotlight, who is so anyway."""
    members = [(p.id, p.shows_large) for p in room.members.values()]
    for viewer, watched in members + [(v.id, v.watched) for v in room.viewers]:
        participant = room.members.get(watched)
        if participant not in (None, room.roster.spotlit) and watched != viewer:
            yield watched
