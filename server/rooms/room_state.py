"""What a room takes along to another server: its policy, its host token, and who is in it, by the hash of the seat."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from server.access.policy import RoomPolicy, SignalingError
from server.access.tokens import OPEN
from server.rooms.membership import Returning, Room
from server.rooms.participant import Participant


def seat_hash(seat: str) -> str:
    """Return what is told of a seat: who reads it can't take the seat."""
    return hashlib.sha256(seat.encode(errors="surrogatepass")).hexdigest()


def describe(room: Room[Participant]) -> dict[str, Any]:
    """Return the state of a room as JSON values."""
    seats = {seat_hash(member.seat): _returning(room, member)._asdict() for member in room.members.values()}
    expected = {seat: back._asdict() for seat, back in room.returning.items()}
    return {"policy": room.policy.describe(), "token": room.token, "seats": expected | seats}


def _returning(room: Room[Participant], member: Participant) -> Returning:
    claims = member.grant.claims() if member.grant != OPEN else None
    never_host = member.id in room.never_hosts
    return Returning(room.role(member), never_host, room.founder == member.id, claims)


def restore(room: Room[Participant], state: Mapping[str, Any]) -> None:
    """Give a new room the state of one; raise ValueError."""
    try:
        policy = RoomPolicy().changed(state["policy"])
        token, seats = str(state["token"]), {str(s): Returning(**r) for s, r in state["seats"].items()}
    except (KeyError, TypeError, AttributeError, SignalingError) as error:
        raise ValueError("no state of a room") from error
    room.policy, room.token, room.returning = policy, token, seats
