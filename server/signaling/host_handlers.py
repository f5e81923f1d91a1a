"""What hosts may ask for: one function per message type of protocol.md. `handle` has found out that a host asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from server.access.invitations import REVOKED
from server.access.policy import ROLES
from server.core.errors import SignalingError, TokenError
from server.core.messages import Message, number, one_of, optional, required
from server.rooms import invitations, microphones, moderation
from server.signaling.session import Session

Request: TypeAlias = Callable[[Session, Message], Awaitable[None]]
"""Does what a message asks for; raises SignalingError when it can't be done."""


async def _mute(session: Session, message: Message) -> None:
    moderation.mute(session.membership, optional(message, "participant", str, "") or None)


async def _remove(session: Session, message: Message) -> None:
    """Take somebody out, whether member, in the lobby or a viewer, and keep them out."""
    room, key = session.membership.room, required(message, "participant", str)
    viewer = room.viewers.find(key)
    if viewer is not None:
        moderation.keep_viewer_out(room, viewer)
        return
    target = room.find(key)
    removed = SignalingError("removed", "A host has removed you from this room.", fatal=True)
    await session.rooms.remove(target, removed)


async def _allow(session: Session, message: Message) -> None:
    moderation.allow(session.membership, required(message, "participant", str))


async def _clear_lobby(session: Session, message: Message) -> None:
    cleared = SignalingError("denied", "A host has cleared the lobby.", fatal=True)
    for target in moderation.lurkers(session.membership.room):
        await session.rooms.expel(target, cleared)


async def _lower_hands(session: Session, message: Message) -> None:
    moderation.lower_hands(session.membership)


async def _spotlight(session: Session, message: Message) -> None:
    moderation.spotlight(session.membership, optional(message, "participant", str, "") or None)


async def _end(session: Session, message: Message) -> None:
    ended = SignalingError("ended", "A host has ended this meeting for everybody.", fatal=True)
    for target in moderation.everybody(session.membership):
        await session.rooms.expel(target, ended)


async def _role(session: Session, message: Message) -> None:
    whose, role = required(message, "participant", str), one_of(message, "role", ROLES)
    room = session.membership.room
    demoted = role == "guest" and whose in room.roster.hosts
    moderation.set_role(session.membership, whose, role)
    if demoted:
        await session.rooms.renew_secrets(room)


async def _allow_unmute(session: Session, message: Message) -> None:
    room = session.membership.room
    microphones.allow_unmute(session.membership, room.find(required(message, "participant", str)))


async def _invitations(session: Session, message: Message) -> None:
    session.send(invitations.describe(session.rooms.authenticator, session.membership))


async def _invite(session: Session, message: Message) -> None:
    rooms, membership = session.rooms, session.membership
    maker = invitations.Maker(membership.room.name, membership.participant.grant, membership.participant.name)
    role, lifetime = one_of(message, "role", ROLES), number(message, "lifetime")
    pin = required(message, "pin", str) if "pin" in message else None
    made = invitations.invite(rooms.authenticator, rooms.config, maker, role, lifetime, pin)
    session.send(invitations.describe(rooms.authenticator, membership, made))


async def _revoke(session: Session, message: Message) -> None:
    authenticator, invitation = session.rooms.authenticator, required(message, "invitation", str)
    room, revoked = session.membership.room, TokenError("token-revoked", REVOKED)
    for target in invitations.revoke(authenticator, room.name, room, invitation):
        await session.rooms.expel(target, revoked)
    session.send(invitations.describe(authenticator, session.membership))


async def _pin(session: Session, message: Message) -> None:
    authenticator = session.rooms.authenticator
    invitations.set_pin(authenticator, session.membership, optional(message, "pin", str, ""))
    session.send(invitations.describe(authenticator, session.membership))


async def _admit(session: Session, message: Message) -> None:
    moderation.admit(session.membership, required(message, "participant", str))


async def _deny(session: Session, message: Message) -> None:
    target = moderation.waiting(session.membership, required(message, "participant", str))
    await session.rooms.expel(target, SignalingError("denied", "A host did not let you in.", fatal=True))


async def _policy(session: Session, message: Message) -> None:
    moderation.set_policy(session.membership, required(message, "policy", dict))


async def _recording(session: Session, message: Message) -> None:
    moderation.record(session.membership, on=required(message, "on", bool))


HOST_REQUESTS: dict[str, Request] = {
    "mute": _mute,
    "remove": _remove,
    "allow": _allow,
    "clear-lobby": _clear_lobby,
    "lower-hands": _lower_hands,
    "spotlight": _spotlight,
    "end": _end,
    "role": _role,
    "allow-unmute": _allow_unmute,
    "invitations": _invitations,
    "invite": _invite,
    "revoke": _revoke,
    "pin": _pin,
    "admit": _admit,
    "deny": _deny,
    "policy": _policy,
    "recording": _recording,
}
