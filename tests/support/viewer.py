"""Looks for the room in every frame that a receiver decodes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import av
import numpy as np

from tests.support.camera import Camera

READABLE = 0.02  # share of the marker's contrast
BLURRED = 0.05
"""The same where the room is blurred to 32 x 18 cells, not gone: single pictures reach .023, a sharp room's .3."""


@dataclass
class Viewer:
    """Looks at every frame of one participant as it comes."""

    camera: Camera
    worst: float = 0.0
    frames: int = 0
    last: av.VideoFrame | None = None
    sizes: set[tuple[int, int]] = field(default_factory=set)
    seen: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self, owner: str, frame: av.VideoFrame) -> None:
        picture = frame.to_ndarray(format="rgb24").astype(np.uint8)
        self.worst = max(self.worst, abs(self.camera.marker.contrast(picture)))
        self.frames += 1
        self.sizes.add((frame.width, frame.height))
        self.last = frame
        self.seen.set()

    async def wait(self, frames: int) -> None:
        """Wait for that many more frames."""
        goal = self.frames + frames
        async with asyncio.timeout(90):
            while self.frames < goal:
                self.seen.clear()
                await self.seen.wait()

    def face_is_there(self) -> bool:
        """Tell whether the last frame shows the face of the camera's person."""
        assert self.last is not None
        return self.camera.face_is_in(self.last.to_ndarray(format="rgb24").astype(np.uint8))
