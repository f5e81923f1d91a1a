"""One time for all streams of a file: it starts at 0 and never goes back, however often the file's own does."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
from av.stream import Stream

MAX_BACK: Final = Fraction(1, 2)  # second; times that go back by less are out of order, not another recording
MAX_REORDERED: Final = 4  # frames that one may be coded before its turn
MAX_AHEAD: Final = Fraction(
    10
)  # seconds without a packet where clocks may jump; FFmpeg's dts_delta_threshold


@dataclass(slots=True)
class _StreamPosition:
    """Where a stream is: in which recording, and when its last packet was due there, in its own seconds."""

    recording: int = 0
    last: Fraction | None = None


class Clock:
    """Moves the times of a file's packets, in the order of the file.

    Where recordings have been joined the second one goes on when all streams of the first have ended. `start` is what
    becomes 0, in seconds; `rate` is that of the frames; `jumps` tells that the format's clock may also jump ahead
    between recordings.
    """

    def __init__(self, start: Fraction, rate: Fraction, *, jumps: bool) -> None:
        self._offsets = [-start]
        self._jumps = jumps
        self._back = MAX_BACK + MAX_REORDERED / rate
        self._places: dict[int, _StreamPosition] = {}
        self._end = Fraction(0)

    def place(self, packet: av.Packet[Stream]) -> bool:
        """Give the packet the times of this clock; tell whether another recording begins with it."""
        due, unit = packet.pts if packet.dts is None else packet.dts, Fraction(packet.time_base)
        if due is None:
            return False
        begins = False
        here = self._places.setdefault(packet.stream_index, _StreamPosition())
        time = due * unit
        if packet.dts is not None:  # where only the time of display is known, it goes back with every B-frame
            begins = here.last is not None and self._is_another(time - here.last)
            if begins:
                here.recording += 1
                if here.recording == len(self._offsets):
                    self._offsets.append(self._end - time)
            here.last = time
        offset = self._offsets[here.recording]
        self._end = max(self._end, time + offset + (packet.duration or 0) * unit)
        if ticks := round(offset / unit):
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
        return begins

    def _is_another(self, step: Fraction) -> bool:
        return step < -self._back or (self._jumps and step > MAX_AHEAD)
