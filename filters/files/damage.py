"""What is damaged in a film: packets, told apart from those that FFmpeg marks at joints, and pictures of no camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import av
from av.stream import Stream
from av.video.frame import PictureType

from filters.base import Plane
from filters.blockiness import MAX_DOUBTED, BlockWatch
from filters.frames import luma_of
from filters.matting.stillness import changed, scene_cells

JOINT: Final = 3  # packets before and after a joint that may be marked
CUT: Final = 0.5
"""Share of cells that another scene changes, at the least: of 456 cuts those of one pair of scenes, 15, change .45 to
.48, all others .54 and more; rubbish that showed the room had begun with .44 at most."""


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


class PictureWatch:
    """Follows a film's pictures, which a decoder also makes where it has a wrong one to refer to, and says nothing.

    An editor may cut anywhere, so another scene is not doubted, keyframe or not, unless rubbish turns into it. Lines of
    text and black bars have steps across blocks in one direction only, blocks that have been moved about in both.
    """

    def __init__(self) -> None:
        self._rows, self._columns = BlockWatch(), BlockWatch()
        self._before: Plane | None = None
        self._doubted = 0  # in a row

    def doubts(self, frame: av.VideoFrame, *, damaged: bool = False) -> bool:
        """Take the next picture as it was decoded; tell whether it may be none of the film's.

        `damaged` is one of which the decoder says so itself; what follows refers to it.
        """
        luma = luma_of(frame)
        before, self._before = self._before, scene_cells(luma)
        complete = frame.pict_type == PictureType.I
        if complete:
            self._doubted = 0
        cut = before is None or changed(self._before, before) > CUT
        anew = complete or (cut and not self._doubted)
        seen = self._rows.doubts(luma, anew=anew), self._columns.doubts(luma.T, anew=anew)
        unfit = any(seen) if self._doubted else all(seen)
        doubtful = damaged or unfit or self._doubted > MAX_DOUBTED
        self._doubted = self._doubted + 1 if doubtful else 0
        return doubtful
