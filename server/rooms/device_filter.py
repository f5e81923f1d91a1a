"""What is known of the filter on a participant's device: what its sender claims."""

from __future__ import annotations

from typing import Literal

HowOften = Literal["always", "sometimes", "never"]


class DeviceFilterClaim:
    """Whether a camera's picture is filtered on the device before it is sent, as its sender says."""

    def __init__(self) -> None:
        self.now = False
        self._said = set[bool]()

    def say(self, filtered: bool, *, video: bool) -> None:
        """Take the sender's claim; what is said while there is no video counts for nothing."""
        self.now = filtered
        if video:
            self._said.add(filtered)

    @property
    def ever(self) -> HowOften:
        """Tell how it has been for all of the video so far."""
        if self._said == {True, False}:
            return "sometimes"
        return "always" if True in self._said else "never"
