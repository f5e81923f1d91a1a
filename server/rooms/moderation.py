"""What hosts may do to a room and to the people in it."""

from __future__ import annotations

from collections.abc import Mapping

from server.access.policy import Role, RoomPolicy
from server.access.tokens import Grant, grant_of_state
from server.core.errors import SignalingError
from server.core.messages import UPLOAD
from server.rooms.admission import Viewer
from server.rooms.backgrounds import BackgroundLibrary, Upload
from server.rooms.membership import Membership
from server.rooms.policy_enforcement import enforce_policy
from server.rooms.room import Room


def expect_host(membership: Membership) -> None:
    """Raise SignalingError host-only for anybody else."""
    if membership.room.role(membership) != "host":
        raise SignalingError("host-only", "Only a host may do this.")


def member(room: Room, participant: str) -> Membership:
    """Return somebody who is in the room; raise SignalingError unknown-participant."""
    membership = room.find(participant)
    if participant not in room.members:
        raise SignalingError("unknown-participant", "Nobody with this id is in the room.")
    return membership


def ban(target: Membership) -> None:
    """Keep somebody out of the room from now on, whatever they come by."""
    participant = target.participant
    keys = (participant.grant.holder, participant.seat, target.origin)
    keep_out(target.room, participant.id, participant.name, *keys)


def keep_viewer_out(room: Room, viewer: Viewer) -> None:
    """Let somebody watch no more, and keep them out."""
    room.viewers.discard(viewer)
    keep_out(room, viewer.id, viewer.name, viewer.grant.holder, viewer.origin)


def keep_out(room: Room, key: str, name: str, *keys: str) -> None:
    """Ban by keys, and end what is watched with one of them; the hosts know the ban by the first.

    Who has left by the same token, or is yet to come after the room moved, may be who is removed, and has no seat to
    come back to any more.
    """
    known = set(filter(None, keys))
    room.bans.add(key, name, *known)
    room.seats_left.forget(known)
    room.roster.returning = {
        seat: back
        for seat, back in room.roster.returning.items()
        if back.grant is None or grant_of_state(back.grant).holder not in known
    }
    for viewer in room.viewers:
        if {viewer.grant.holder, viewer.origin} & known:
            room.viewers.discard(viewer)
    room.tell_lobby()


def allow(host: Membership, participant: str) -> None:
    """Let somebody come back who was removed; raise SignalingError unknown-participant."""
    host.room.bans.allow(participant)
    host.room.tell_lobby()


def lurkers(room: Room) -> list[Membership]:
    """Return those in the lobby who have not asked to be let in."""
    return [m for m in room.memberships if room.roster.state(m.participant) == "lobby"]


def mute(host: Membership, participant: str | None) -> None:
    """Pass somebody's sound on no more, or without `participant` that of everybody else."""
    room, by = host.room, host.participant.id
    targets = [member(room, participant)] if participant else room.memberships
    for target in targets:
        everybody_but_me = participant is None and target is host
        if not everybody_but_me and target.participant.mute(by):
            target.tell({"type": "muted", "by": by})
            room.update(target)


def set_role(host: Membership, participant: str, role: Role) -> None:
    """Promote somebody, who is told what hosts know, or demote them: a screen that a guest may not share ends.

    Raises SignalingError unknown-participant, last-host.
    """
    target = member(host.room, participant)
    roster, somebody = host.room.roster, target.participant
    was_host = somebody.id in roster.hosts
    if role == "host":
        roster.promote(somebody)
    elif was_host:
        roster.demote(somebody, somebody.grant.holder)
    if role == "host" and not was_host:
        host.room.tell_host(target)
    else:
        host.room.update(target)
    host.room.screens.end_forbidden(target)


def spotlight(host: Membership, participant: str | None) -> None:
    """Have everybody see somebody large, or nobody any more; raise SignalingError unknown-participant."""
    host.room.spotlight(member(host.room, participant) if participant is not None else None)


def lower_hands(host: Membership) -> None:
    """Lower everybody's hand."""
    for target in host.room.memberships:
        if target.participant.hand is not None:
            target.participant.hand = None
            host.room.update(target)


def everybody(host: Membership) -> list[Membership]:
    """Return all whom the end of the meeting sends out: the hosts last, so that nobody inherits their part."""
    room = host.room
    for viewer in room.viewers:
        room.viewers.discard(viewer)
    return sorted(room.memberships, key=lambda m: (room.role(m) == "host", m is host))


def lower_hand(host: Membership, participant: str) -> None:
    """Lower somebody's hand."""
    target = member(host.room, participant)
    target.participant.hand = None
    host.room.update(target)


def admit(host: Membership, participant: str) -> None:
    """Let somebody in who waits; raise SignalingError unknown-participant, room-full."""
    host.room.roster.admit(participant)
    host.room.entered(host.room.find(participant), waited=True)


def waiting(host: Membership, participant: str) -> Membership:
    """Return somebody who waits; raise SignalingError unknown-participant."""
    if participant not in host.room.roster.waiting:
        raise SignalingError("unknown-participant", "Nobody with this id is waiting.")
    return host.room.find(participant)


def record(host: Membership, *, on: bool) -> None:
    """Start or stop recording the room; raise SignalingError recording-off, recording-forbidden."""
    room, participant = host.room, host.participant
    if on:
        start_recording(room, participant.grant, participant.id)
    else:
        room.recording.stop("stopped")


def start_recording(room: Room, grant: Grant, by: str | None = None) -> None:
    """As `record`, for somebody who need not be in the room."""
    room.recording.start(room.roster.policy, grant, by, list(room.members.values()))


def set_policy(host: Membership, wish: Mapping[str, object]) -> None:
    """Change the room's policy and let it act at once.

    Raises SignalingError bad-message, unknown-background; nothing has changed then.
    """
    change_policy(host.room, host.participant.library, wish)


def change_policy(room: Room, library: BackgroundLibrary, wish: Mapping[str, object]) -> None:
    """As `set_policy`, for somebody who need not be in the room; `library` holds the uploads to be named."""
    policy = room.roster.policy.changed(wish)
    uploads = _named_uploads(room, library, policy)
    opened = room.roster.policy.waiting_room and not policy.waiting_room
    room.roster.policy = policy
    room.backgrounds.uploads.clear()
    room.backgrounds.uploads.update(uploads)
    enforce_policy(room)
    if opened:
        _let_everybody_in(room)


def _named_uploads(room: Room, library: BackgroundLibrary, policy: RoomPolicy) -> dict[str, Upload]:
    """Return the uploads that a policy names; raise SignalingError unknown-background for what isn't there."""
    named = dict[str, Upload]()
    if isinstance(policy.backgrounds, str):
        return named
    for name in policy.backgrounds:
        library.background(name)
        key = name.removeprefix(UPLOAD)
        upload = library.upload(key) or room.backgrounds.uploads.get(key)
        if name.startswith(UPLOAD) and upload is not None:
            named[key] = upload
    return named


def _let_everybody_in(room: Room) -> None:
    for participant in list(room.roster.waiting):
        try:
            room.roster.admit(participant)
        except SignalingError:
            return  # full; the rest go on waiting for a place
        room.entered(room.find(participant), waited=True)
