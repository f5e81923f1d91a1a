"""What people say, as their own devices write it down. It passes through, and is kept nowhere."""

from __future__ import annotations

from server.access.policy import caption_text
from server.core.errors import SignalingError
from server.rooms.membership import Membership
from server.rooms.microphones import may_unmute


def set_captions(membership: Membership, *, wanted: bool) -> None:
    """Note whether somebody captions what they say; where the policy forbids it, they don't."""
    membership.participant.captions = wanted
    membership.participant.gate_captions(allowed=membership.room.roster.policy.captions)


def caption(membership: Membership, text: str, *, final: bool) -> None:
    """Show everybody in the room what somebody says.

    Nothing is shown of who has not said that they caption, or may not be heard.
    Raises SignalingError not-in-room, captions-forbidden, bad-message.
    """
    room, participant = membership.room, membership.participant
    room.expect_inside(membership)
    if not room.roster.policy.captions:
        raise SignalingError("captions-forbidden", "Captions are not allowed in this room.")
    shown = caption_text(text)
    # What was said before muting oneself comes after it: what counts is who may be heard.
    if participant.captions and participant.muted_by is None and may_unmute(membership):
        room.broadcast({"type": "caption", "participant": participant.id, "text": shown, "final": final})
