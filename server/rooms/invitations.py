"""Whom hosts invite: links with a token, the room's PIN, the secret that makes a host."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection
from typing import Final, Literal, NamedTuple

from server.access.authenticator import Authenticator
from server.access.invitations import Invitation
from server.access.pins import pin_digest, pin_of
from server.access.policy import Role
from server.access.tokens import Grant, make_token
from server.config.options import Config
from server.core.errors import SignalingError
from server.core.messages import Message
from server.rooms.membership import Membership
from server.rooms.room import Room

How = Literal["links", "pin", "off"]
"""Whether hosts make links, or on a server without keys choose a PIN. Off: there is no key here that signs."""
MIN_LIFETIME: Final = 60.0  # seconds; chosen


def how(authenticator: Authenticator) -> How:
    """Tell how people are invited on this server."""
    if authenticator.open:
        return "pin"
    return "links" if authenticator.signing_key is not None else "off"


def describe(authenticator: Authenticator, host: Membership, made: str | None = None) -> Message:
    """Return the `invitations` message for a host; `made` is the id of a new one."""
    room = host.room
    return {
        "type": "invitations",
        "invitations": authenticator.invitations.describe(room.name),
        "made": made,
        "pin": room.pin or None,
        "hostToken": room.roster.token,
    }


class Maker(NamedTuple):
    """Who makes an invitation: to which room, by which rights, under which name."""

    room: str
    grant: Grant
    name: str


def invite(
    authenticator: Authenticator, config: Config, maker: Maker, role: Role, lifetime: float, pin: str | None
) -> str:
    """Make a link with a token for a room; return the invitation's id.

    `lifetime` is in seconds; no link is good longer than the server allows, and another host's no longer than the
    token of who makes it. Raises SignalingError no-keys, bad-message, too-many-invitations.
    """
    key = authenticator.signing_key
    if key is None or key.secret is None:
        raise SignalingError("no-keys", "This server has no key to sign invitations with.")
    allowed = _lifetime(maker.grant, role, lifetime, config.invitation_lifetime)
    jti, now = secrets.token_urlsafe(12), time.time()
    digest = pin_digest(key.secret, jti, pin_of(pin)) if pin is not None else ""
    grant = maker.grant.invite(maker.room, role, pin=digest, jti=jti)
    token = make_token(key, grant, allowed, now)
    made = Invitation(jti, grant.role or "guest", now + allowed, bool(pin), maker.name)
    authenticator.invitations.add(maker.room, made, token)
    return jti


def _lifetime(grant: Grant, role: Role, wanted: float, longest: float) -> float:
    """Return how long an invitation is good for, in seconds; raise SignalingError bad-message."""
    if wanted < MIN_LIFETIME:
        raise SignalingError("bad-message", f"The field lifetime must be {MIN_LIFETIME:g} seconds or more.")
    allowed = min(wanted, longest)
    if role == "host" and grant.expires is not None:
        return max(MIN_LIFETIME, min(allowed, grant.expires - time.time()))
    return allowed


def revoke(authenticator: Authenticator, name: str, room: Room | None, invitation: str) -> list[Membership]:
    """Let nobody into a room by an invitation any more, nor watch it; return those who are not in yet and came by it.

    Raises SignalingError unknown-invitation.
    """
    authenticator.invitations.revoke(name, invitation)
    return _outside(room, {invitation}) if room else []


def revoke_hosts(authenticator: Authenticator, room: Room) -> list[Membership]:
    """As `revoke`, for all links that make hosts, and the secret: who was host knows them. Raises SignalingError."""
    room.roster.renew_token()
    return _outside(room, authenticator.invitations.revoke_hosts(room.name))


def _outside(room: Room, invitations: Collection[str]) -> list[Membership]:
    """End what is watched by these; return those who are not in yet and came by one."""
    for viewer in room.viewers:
        if viewer.grant.invitation in invitations:
            room.viewers.discard(viewer)
    outside = (m for m in room.memberships if m.participant.id not in room.members)
    return [m for m in outside if m.participant.grant.invitation in invitations]


def set_pin(authenticator: Authenticator, host: Membership, pin: str) -> None:
    """Ask whoever comes into the room from now on for a PIN, or with an empty one for none.

    Raises SignalingError bad-message, also on a server with keys, where PINs are those of invitations.
    """
    if not authenticator.open:
        raise SignalingError("bad-message", "With token keys, PINs are those of invitations.")
    host.room.pin = pin_of(pin) if pin else ""
    host.room.end_forbidden_viewers()
