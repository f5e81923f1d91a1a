"""What makes mattes of frames: of a stream or of photos."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from filters.base import Plane, Planes
from filters.matting.follow import FollowState, Target


@dataclass(eq=False, slots=True)
class MatteFrame:
    """A frame and its matte, uint8, of the size of the frame's luma; 0 is room and stays hidden.

    The matte is None until its turn comes, and stays so where the stream was forgotten before.
    """

    planes: Planes
    alpha: Plane | None = None


PlateState: TypeAlias = Literal["none", "recording", "used"]
"""What is known of a clean plate; `recording` while an empty room is waited for."""


class Matting(Protocol):
    """Gives each frame of one stream its matte, `delay` frames later. Whoever pushes frames keeps them meanwhile."""

    network_interval: float

    @property
    def delay(self) -> int: ...

    @property
    def plate(self) -> PlateState: ...

    @property
    def followed(self) -> FollowState:
        """Whether one person is followed, and in sight."""
        ...

    def push(self, planes: Planes) -> MatteFrame:
        """Take a frame; return where its matte will be."""
        ...

    def flush(self) -> None:
        """Give those that still wait their mattes: what follows is another picture."""
        ...

    def reset(self) -> None:
        """Forget the stream; what still waits gets no matte."""
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


def mattes(matting: Matting, pictures: Iterable[Planes]) -> Iterator[Plane]:
    """Yield the mattes of a whole stream, in order; frames whose matte is ready are let go."""
    waiting: deque[MatteFrame] = deque()
    for planes in pictures:
        waiting.append(matting.push(planes))
        while waiting and (alpha := waiting[0].alpha) is not None:
            waiting.popleft()
            yield alpha
    matting.flush()
    yield from (frame.alpha for frame in waiting if frame.alpha is not None)
