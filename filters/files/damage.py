"""Marks of damage on packets, told apart from those that FFmpeg puts where recordings were joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import av
from av.stream import Stream

JOINT: Final = 3  # packets before and after a joint that may be marked


@dataclass(slots=True)
class _Marks:
    """Of one stream: since when packets are marked, in seconds; packets since then, and since a recording began."""

    suspected: float | None = None
    waited: int = 0
    age: int = JOINT


class DamageWatch:
    """Follows the packets of a file in their order."""

    def __init__(self) -> None:
        self._streams: dict[int, _Marks] = {}
        self._marked: set[int | None] = set()

    def see(self, packet: av.Packet[Stream], now: float, *, joined: bool) -> float | None:
        """Take the next packet, `joined` where a recording begins with it; return when there was damage, if so."""
        marks = self._streams.setdefault(packet.stream_index, _Marks())
        marks.age = 0 if joined else marks.age + 1
        marks.waited += 1
        if joined:
            marks.suspected = None
        if packet.is_corrupt:
            self._marked.add(packet.pts)
            if marks.age >= JOINT and marks.suspected is None:
                marks.suspected, marks.waited = now, 0
        if marks.suspected is not None and (marks.waited >= JOINT or not packet.size):
            suspected, marks.suspected = marks.suspected, None
            return suspected
        return None

    def is_known(self, frame: av.VideoFrame) -> bool:
        """Tell whether a frame is marked only because its packet was."""
        return frame.pts in self._marked
