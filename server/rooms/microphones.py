"""Whose sound is passed on: who may unmute themselves, where a room's policy leaves that to the hosts."""

from __future__ import annotations

from server.core.errors import SignalingError
from server.rooms.membership import Membership


def may_unmute(membership: Membership) -> bool:
    """Tell whether somebody's sound may be passed on as soon as they send it."""
    room, participant = membership.room, membership.participant
    return (
        room.roster.policy.unmute == "allowed"
        or "host" in (room.role(membership), room.claim_of(participant))
        or participant.sends_audio
        or participant.may_unmute
    )


def gate(membership: Membership) -> None:
    """Pass no sound on of who has said nothing about it, where that takes a host's word."""
    if not may_unmute(membership):
        membership.participant.audio.paused = True


def set_media(membership: Membership, *, audio: bool, video: bool, device_filter: bool = False) -> None:
    """Note what somebody sends; who may not unmute stays muted, and is told so."""
    participant = membership.participant
    refused = audio and not may_unmute(membership)
    participant.set_media(audio=audio and not refused, video=video, device_filter=device_filter)
    if refused:
        membership.tell({"type": "muted", "by": None})


def allow_unmute(host: Membership, membership: Membership) -> None:
    """Let somebody unmute themselves once more; raise SignalingError unknown-participant for who isn't in the room."""
    target = membership.participant
    if target.id not in host.room.members:
        raise SignalingError("unknown-participant", "Nobody with this id is in the room.")
    target.may_unmute = True
    membership.tell({"type": "unmute-allowed", "by": host.participant.id})
