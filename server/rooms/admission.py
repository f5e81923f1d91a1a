"""Who may not come back into a room, who may, and who is watching it from outside."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from server.access.policy import RoomPolicy
from server.access.tokens import Grant
from server.core.errors import SignalingError

MAX_BANS = 1000  # in a room; the first are forgotten then
RELOAD_TIME = 120.0  # seconds in which a page is loaded again, on a slow line too; chosen
MAX_SEATS_LEFT = 1000  # of a room; the first are forgotten then
VIEWER_NAME = "Viewer"


class Ban(NamedTuple):
    """Somebody who has been removed: the name for the hosts, and what they are known by."""

    name: str
    keys: frozenset[str]


class Bans:
    """Those who have been removed from a room, until a host allows them.

    Known by token; without tokens by seat, or where there is none, by address.
    """

    def __init__(self) -> None:
        self._bans: dict[str, Ban] = {}

    def add(self, participant: str, name: str, *keys: str) -> None:
        """Keep out whoever shows one of these keys; `participant` is the id that a host knows."""
        self._bans[participant] = Ban(name, frozenset(filter(None, keys)))
        if len(self._bans) > MAX_BANS:
            del self._bans[next(iter(self._bans))]

    def allow(self, participant: str) -> None:
        """Let somebody in again; raise SignalingError unknown-participant."""
        if self._bans.pop(participant, None) is None:
            raise SignalingError("unknown-participant", "Nobody with this id has been removed.")

    def expect_allowed(self, *keys: str) -> None:
        """Raise SignalingError removed for a key of somebody who has been removed."""
        if any(key in ban.keys for ban in self._bans.values() for key in keys):
            raise SignalingError("removed", "A host has removed you from this room.", fatal=True)

    def describe(self) -> list[dict[str, str]]:
        """Return who is kept out, as the protocol has it."""
        return [{"id": participant, "name": ban.name} for participant, ban in self._bans.items()]

    def state(self) -> list[tuple[str, str, list[str]]]:
        """Return what goes along when the room moves: id, name and keys of each."""
        return [(participant, ban.name, sorted(ban.keys)) for participant, ban in self._bans.items()]

    def clear(self) -> None:
        """Let everybody in again."""
        self._bans.clear()


class Left(NamedTuple):
    """Who had a seat, by the id of then, and what could be done with it."""

    participant: str
    grant: Grant


class SeatsLeft:
    """Seats that people have left of themselves a moment ago, as when a page is loaded again.

    Who shows one comes back as what they were, though the link that they came by may be good no more. `clock` tells
    seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seats: dict[str, tuple[Left, float]] = {}

    def add(self, seat: str, participant: str, grant: Grant) -> None:
        """Remember a seat for a moment."""
        self._seats[seat] = Left(participant, grant), self._clock() + RELOAD_TIME
        if len(self._seats) > MAX_SEATS_LEFT:
            del self._seats[next(iter(self._seats))]

    def forget(self, holders: Collection[str]) -> None:
        """Let nobody come back by a seat whose token is known as one of these."""
        for seat, (left, _) in list(self._seats.items()):
            if left.grant.holder in holders:
                del self._seats[seat]

    def find(self, seat: str) -> Left | None:
        """Return whose a seat was."""
        left, until = self._seats.get(seat, (None, 0.0))
        return left if self._clock() < until else None


class Viewer:
    """Somebody who watches a participant from outside, as by WHEP."""

    def __init__(self, grant: Grant, watched: str, origin: str = "") -> None:
        self.origin = origin
        """What the viewer is known by without a token, which has no seat: an address."""
        self.id = "v" + secrets.token_hex(8)
        self.name = grant.name or VIEWER_NAME
        self.grant = grant
        self.watched = watched

    def allowed(self, policy: RoomPolicy, now: float, *, pin: bool = False) -> bool:
        """Tell whether a room's policy and the token still allow it; `now` in seconds since 1970.

        A room whose hosts decide who gets in, or that asks for a PIN, is watched with a host's token only.
        """
        closed = policy.locked or policy.waiting_room or pin
        expired = self.grant.expires is not None and now >= self.grant.expires
        return not expired and (not closed or self.grant.role == "host")

    def describe(self) -> dict[str, str]:
        """Return the Viewer of the signalling protocol."""
        return {"id": self.id, "name": self.name, "watching": self.watched}


class Viewers:
    """All viewers of a room. `changed` is called whenever they are others."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._viewers: dict[str, Viewer] = {}
        self._changed = changed

    def __contains__(self, viewer: Viewer) -> bool:
        return viewer.id in self._viewers

    def __iter__(self) -> Iterator[Viewer]:
        return iter(list(self._viewers.values()))

    def add(self, viewer: Viewer) -> None:
        """Let somebody watch."""
        self._viewers[viewer.id] = viewer
        self._changed()

    def discard(self, viewer: Viewer) -> None:
        """Let somebody watch no more, if they did."""
        if self._viewers.pop(viewer.id, None) is not None:
            self._changed()

    def find(self, viewer: str) -> Viewer | None:
        """Return somebody by id."""
        return self._viewers.get(viewer)

    def end_forbidden(self, policy: RoomPolicy, *, pin: bool = False) -> None:
        """Let those watch no more whom policy or token no longer allows it."""
        now = time.time()
        for viewer in self:
            if not viewer.allowed(policy, now, pin=pin):
                self.discard(viewer)

    def describe(self) -> list[dict[str, str]]:
        """Return them as the protocol has it."""
        return [viewer.describe() for viewer in self]
