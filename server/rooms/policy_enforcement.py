"""How a room's policy acts on everybody who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.rooms import microphones

if TYPE_CHECKING:
    from server.rooms.room import Room


def enforce_policy(room: Room) -> None:
    """Let the room's policy act on everybody, at once."""
    policy = room.roster.policy
    room.recording.obey(policy)
    room.end_forbidden_viewers()
    for membership in room.memberships:
        effective = room.policy_for(membership)
        membership.tell({"type": "policy", "policy": policy.describe(), "effective": effective.describe()})
        membership.tell({"type": "backgrounds", "backgrounds": room.backgrounds.offer(membership)})
        room.backgrounds.obey(membership, "policy")
        microphones.gate(membership)
        participant = membership.participant
        if any([participant.gate_camera(), participant.gate_captions(allowed=policy.captions)]):
            room.update(membership)
    if room.roster.sharer is not None:
        room.screens.end_forbidden(room.find(room.roster.sharer.id))
