"""What a room takes along to another server: policy, host token, PIN, who is in it (hashed), who is kept out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from server.access.policy import OPAQUE, RoomPolicy
from server.access.tokens import OPEN
from server.core.errors import SignalingError
from server.core.messages import UPLOAD
from server.rooms.participant import Participant
from server.rooms.room import Room
from server.rooms.roster import Returning, Roster


def seat_hash(seat: str) -> str:
    """Return what is told of a seat: who reads it can't take the seat."""
    return hashlib.sha256(seat.encode(errors="surrogatepass")).hexdigest()


def describe(room: Room) -> dict[str, Any]:
    """Return the state of a room as JSON values."""
    roster = room.roster
    seats = {
        seat_hash(member.seat): _returning(roster, member)._asdict() for member in roster.members.values()
    }
    expected = {seat: back._asdict() for seat, back in roster.returning.items()}
    return {
        "policy": roster.policy.describe(),
        "token": roster.token,
        "seats": expected | seats,
        "bans": room.bans.state(),
        "demoted": sorted(roster.demoted),
        "pin": room.pin,
    }


def _returning(roster: Roster[Participant], member: Participant) -> Returning:
    grant = member.grant.state() if member.grant != OPEN else None
    never_host = member.id in roster.never_hosts
    founder, spotlit = roster.founder == member.id, roster.spotlit is member
    return Returning(roster.role(member), never_host, founder, grant, spotlit)


def _without_uploads(policy: RoomPolicy) -> RoomPolicy:
    """Return a policy without the pictures that it names, which did not come along; a colour hides as much."""
    if isinstance(policy.backgrounds, str):
        return policy
    kept = tuple(each for each in policy.backgrounds if not each.startswith(UPLOAD))
    return policy if kept == policy.backgrounds else replace(policy, backgrounds=kept or (OPAQUE,))


def restore(room: Room, state: Mapping[str, Any]) -> None:
    """Give a new room the state of one; raise ValueError."""
    try:
        policy = RoomPolicy().changed(state["policy"])
        token, seats = str(state["token"]), {str(s): Returning(**r) for s, r in state["seats"].items()}
        demoted, pin = {str(who) for who in state["demoted"]}, str(state["pin"])
        bans = [(str(who), str(name), [str(key) for key in keys]) for who, name, keys in state["bans"]]
    except (KeyError, TypeError, ValueError, AttributeError, SignalingError) as error:
        raise ValueError("no state of a room") from error
    room.roster.policy, room.roster.token, room.roster.returning = _without_uploads(policy), token, seats
    room.roster.demoted, room.pin = demoted, pin
    for who, name, keys in bans:
        room.bans.add(who, name, *keys)
