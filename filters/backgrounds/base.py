"""What a background is."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from filters.base import Plane, Planes


class Background(Protocol):
    """Paints what is behind the person. One instance serves one stream and is not thread-safe."""

    tinted: bool = False
    """Whether it has the room's own light: then the room's tint at the person's edge is right in front of it."""

    @abstractmethod
    def paint(self, source: Planes, alpha: Plane, time: float) -> Planes:
        """Return the background at the size of `source`; it may be a buffer, valid until the next call.

        `alpha` is an 8-bit matte at luma size, 255 is person. `time` is that of the stream, in seconds.
        Raises FilterError if there is nothing to paint.
        """
        ...

    def full_blur(self) -> Background:
        """Return what is shown alone while there is no time for the network: it hides everything, as most do."""
        return self
