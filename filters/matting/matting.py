"""What makes mattes of frames: of a stream or of photos."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeAlias

from filters.base import Plane, Planes
from filters.matting.follow import FollowState, Target


class MatteFrame(NamedTuple):
    """A frame and its matte, uint8, of the size of the frame's luma; 0 is room and stays hidden."""

    planes: Planes
    alpha: Plane


PlateState: TypeAlias = Literal["none", "recording", "used"]
"""What is known of a clean plate; `recording` while an empty room is waited for."""


class Matting(Protocol):
    """Frames of one stream in, the same frames with their mattes out, `delay` frames later."""

    network_interval: float
    privacy: float

    @property
    def delay(self) -> int: ...

    @property
    def plate(self) -> PlateState: ...

    @property
    def followed(self) -> FollowState:
        """Whether one person is followed, and in sight."""
        ...

    def push(self, planes: Planes) -> MatteFrame | None:
        """Take a frame; return the one whose turn it is."""
        ...

    def flush(self) -> list[MatteFrame]:
        """Return what is still inside."""
        ...

    def reset(self) -> None:
        """Forget the stream."""
        ...

    def record_plate(self) -> None:
        """Make a plate of the next frames in which nobody is in sight."""
        ...

    def use_plate(self, planes: Planes | None) -> None:
        """Know the room from a picture of it without people; None forgets it."""
        ...

    def follow(self, target: Target | None) -> None:
        """Show one person only from the next frame on; None shows everybody."""
        ...
