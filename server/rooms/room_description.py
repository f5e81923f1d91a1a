"""What a room tells of itself and its people, as the signalling protocol has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.rooms.participant import Participant

if TYPE_CHECKING:
    from server.rooms.membership import Membership
    from server.rooms.room import Room


def describe_participant(room: Room, participant: Participant) -> dict[str, Any]:
    """Return the Participant of the signalling protocol."""
    roster = room.roster
    return participant.describe() | {
        "role": roster.role(participant),
        "screen": roster.sharer is participant,
        "spotlit": roster.spotlit is participant,
    }


def welcome(room: Room, membership: Membership) -> dict[str, Any]:
    """Return what `joined` and `entered` tell about a room."""
    roster, participant = room.roster, membership.participant
    inside, is_host = participant.id in roster.members, participant.id in roster.hosts
    people = roster.members.values() if inside else [participant]
    told: dict[str, Any] = {
        "participants": [describe_participant(room, p) for p in people],
        "chat": [chat.describe() for chat in roster.chat] if inside else [],
        "knocking": [knock(p) for p in roster.waiting.values()] if is_host else [],
        "lobby": lurking(room) if is_host else [],
        "banned": room.bans.describe() if is_host else [],
        "viewers": room.viewers.describe() if inside else [],
        "recording": room.recording.state,
    }
    if roster.founder == participant.id and inside:
        told["hostToken"] = roster.token
    return told


def lurking(room: Room) -> list[dict[str, str]]:
    """Return who is in the lobby and has not asked to be let in."""
    return [knock(p) for p in room.roster.lobby.values() if room.roster.state(p) == "lobby"]


def knock(participant: Participant) -> dict[str, str]:
    """Return what hosts are told of somebody outside."""
    return {"id": participant.id, "name": participant.name}
