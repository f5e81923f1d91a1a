"""What servers, fronts and the directory tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

State: TypeAlias = str
"""What a room takes along when it moves, sealed: a directory can't read it. Empty for nothing."""


class Placement(NamedTuple):
    """Where a room is."""

    server: str
    url: str
    epoch: int
    renewal: int
    """The number of the server's renewal on which this rests."""
    state: State | None
    """What the last owner told about the room; None when the server has shown that it has it, and for new rooms."""
    public: str = ""
    """Where WHIP and WHEP clients reach the server themselves; empty for nowhere."""


class Move(NamedTuple):
    """A room that has another server than before."""

    epoch: int
    room: str
    server: str
    reason: str
    """`ended`, `silent` or `draining`: what became of the server before."""


class Report(NamedTuple):
    """What a server says about itself in a renewal."""

    url: str
    cores: float
    used: float
    """Cores that are busy, by its own measurement."""
    rooms: Mapping[str, tuple[int, State]]
    """Its rooms: epoch and state, which is empty where the directory has heard it."""
    closed: Mapping[str, int]
    """Rooms that the last one has left, by their epoch."""
    draining: bool = False
    """Whether it takes in nobody any more, for good."""
    public: str = ""
    """See Placement."""
    people: int = 0
    """How many it has, in rooms and lobbies."""
