"""What is known of the filter on a participant's device: the sender's word."""

from __future__ import annotations

from typing import Final, Literal

from filters.matting.matte import MatteOptions

HowOften = Literal["always", "sometimes", "never"]

PRIVACY: Final = MatteOptions().privacy
PRIVACY_BEHIND_DEVICE: Final = 0.4
"""What keeps receivers from seeing more of the room with the filter on the device than without: the sharp edge that it
leaves around the person looks like person to the network (benchmarks/device_filter.py)."""


class DeviceFilterWord:
    """Whether a camera's picture is filtered on the device before it is sent, as its sender says."""

    def __init__(self) -> None:
        self.now = False
        self._said = set[bool]()

    def say(self, filtered: bool, *, video: bool) -> None:
        """Take the sender's word; what is said while there is no video counts for nothing."""
        self.now = filtered
        if video:
            self._said.add(filtered)

    @property
    def privacy(self) -> float:
        """Return how much of what is uncertain the server's filter hides now; see MatteOptions."""
        return PRIVACY_BEHIND_DEVICE if self.now else PRIVACY

    @property
    def ever(self) -> HowOften:
        """Tell how it has been for all of the video so far."""
        if self._said == {True, False}:
            return "sometimes"
        return "always" if True in self._said else "never"
