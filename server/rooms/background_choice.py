"""What one participant stands in front of: their own choice, as far as the room's policy allows it."""

from __future__ import annotations

from server.access.policy import RoomPolicy
from server.core.errors import SignalingError
from server.core.messages import background_id
from server.media.workers.base import FilterControl
from server.rooms.backgrounds import BackgroundLibrary


class BackgroundChoice:
    """Sets the background of one camera's filter. Policies are what the room's means for this participant.

    `usual` is the background of those who have chosen none.
    """

    def __init__(
        self, background: str, library: BackgroundLibrary, camera_filter: FilterControl, usual: str
    ) -> None:
        self.shown = background_id(background)
        self.wanted = self.shown
        """What was chosen, by oneself or with `choose`; the policy may show another one."""
        self._library = library
        self._filter = camera_filter
        self._usual = usual

    def choose(self, background: str, policy: RoomPolicy) -> None:
        """Change the background from the next frame on.

        Raises SignalingError unknown-background or background-forbidden; the old one stays then.
        """
        self._show(background, policy)
        self.wanted = self.shown

    def obey(self, policy: RoomPolicy) -> bool:
        """Change the background from the next frame on if the present one is forbidden or gone.

        The one that was chosen comes back as soon as it may; until then there is the default, no less private where
        the policy has anything as private. Tell whether anything changed.
        """

        def may(background: str) -> bool:
            return policy.allows_background(background) and self._library.has(background)

        if may(self.wanted):
            background = self.wanted
        elif may(self.shown):
            background = self.shown
        else:
            background = policy.default_background(self._usual, self.wanted)
        if background == self.shown and self._library.has(background):
            return False
        self._show(background, policy)
        return True

    def _show(self, background: str, policy: RoomPolicy) -> None:
        behind = self._library.background(background)
        if not policy.allows_background(background_id(background)):
            raise SignalingError("background-forbidden", "This room does not allow that background.")
        self._filter.background = behind
        self.shown = background_id(background)
