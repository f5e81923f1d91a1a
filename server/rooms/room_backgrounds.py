"""What the people of one room may choose as their backgrounds, and the pictures that they have brought."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from server.core.errors import SignalingError
from server.rooms.backgrounds import Upload

if TYPE_CHECKING:
    from server.rooms.membership import Membership
    from server.rooms.room import Room


class RoomBackgrounds:
    """Offers backgrounds, and has everybody keep to the room's policy. `uploads` are those that the policy names."""

    def __init__(self, room: Room) -> None:
        self.uploads: dict[str, Upload] = {}
        self._room = room

    def offer(self, membership: Membership) -> list[dict[str, Any]]:
        """Return what a participant may choose from."""
        return membership.participant.library.list(self._room.name, self._room.policy_for(membership))

    def obey(self, membership: Membership, reason: str) -> None:
        """Move a participant whose background is forbidden or gone to the default, and say so."""
        participant = membership.participant
        if participant.obey(self._room.roster.policy):
            background = participant.background
            if reason == "policy" and background == participant.wanted:
                reason = "restored"
            membership.tell({"type": "background", "background": background, "reason": reason})

    def expect_upload(self, membership: Membership) -> None:
        """Raise SignalingError background-forbidden, too-many-uploads."""
        room = self._room
        if not room.policy_for(membership).allows_upload(room.role(membership)):
            raise SignalingError("background-forbidden", "This room does not allow pictures of one's own.")
        membership.participant.library.expect_space()

    @contextmanager
    def uploading(self, membership: Membership) -> Iterator[None]:
        """Let somebody upload a picture for as long as the context lasts: one at a time, because it is in memory.

        Raises SignalingError background-forbidden, too-many-uploads, upload-busy.
        """
        self.expect_upload(membership)
        if membership.uploading:
            raise SignalingError("upload-busy", "Your last picture is still on its way; wait for it.")
        membership.uploading = True
        try:
            yield
        finally:
            membership.uploading = False

    def delete(self, membership: Membership, key: str) -> bool:
        """Forget one of a participant's uploads; tell whether there was one."""
        deleted = membership.participant.library.delete(key)
        if deleted:
            self.obey(membership, "deleted")
        return deleted

    def thumbnail(self, key: str) -> bytes | None:
        """Return the JPEG thumbnail of somebody's upload."""
        own = (each.participant.library.upload(key) for each in self._room.memberships)
        upload = next((u for u in (*own, self.uploads.get(key)) if u is not None), None)
        return None if upload is None else upload.thumbnail
