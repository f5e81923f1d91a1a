"""Takes what every camera costs to the governor, and what that gives up to every camera, evenly."""

from __future__ import annotations

from collections.abc import Collection

from server.media.governor import Governor
from server.media.headroom import MachineLoad
from server.rooms.membership import Membership

INTERVAL = 0.5
"""Seconds between two calls of `govern`: some pictures of each camera, even at low rates; chosen."""


def govern(now: float, governor: Governor, load: MachineLoad, memberships: Collection[Membership]) -> None:
    """Adapt everybody's cost to the load; `now` in seconds of the monotonic clock."""
    governor.observe(now, load, {m.participant.id: m.use() for m in memberships})
    for membership in memberships:
        participant, key = membership.participant, membership.participant.id
        held_back, heavy = governor.held_back(key), governor.heavy(key)
        participant.govern(governor.level_of(key), held_back=held_back, heavy=heavy)
        participant.ask(now, pressed=governor.given_up > 0, pixels=governor.pixels(key))
        membership.ask_camera()
        participant.adapt(now)
