"""A camera of benchmarks.chaos: it plays encoded films, and not always in their order."""

from __future__ import annotations

import random

from benchmarks.chaos_media import FPS, Clip, frames
from server.media.rtc import packetize_h264, packetize_vp8

PICTURE_IDS = 1 << 15  # RFC 7741, 4.2


class Camera:
    """Chooses what is sent next. `clip` may be changed at any time: without `rewind` that is a splice."""

    on = True
    fps = float(FPS)
    deaf = False
    """Whether requests for a keyframe are ignored."""
    missing = 0.0
    """Share of frames that are never sent, without a gap in the packets' numbers."""
    swapped = 0.0
    """Share of frames that are sent after the next one."""
    keyframes_only = False

    def __init__(self, rng: random.Random) -> None:
        self.clip = Clip()
        self.sent = 0
        self._rng = rng
        self._next = 0
        self._picture = 0
        self._late: bytes | None = None

    def rewind(self) -> None:
        """Begin anew, with a keyframe."""
        self._next, self._late = 0, None

    def asked_for_keyframe(self) -> None:
        if not self.deaf:
            self.rewind()

    def shoot(self) -> list[list[bytes]]:
        """Return the RTP payloads of the frames that are due: none, one, or two."""
        film = frames(self.clip)
        data = film[self._next % len(film)]
        self._next = 0 if self.keyframes_only else self._next + 1
        if self._rng.random() < self.missing:
            return []
        if self._late is None and self._rng.random() < self.swapped:
            self._late = data
            return []
        due, self._late = ([data] if self._late is None else [data, self._late]), None
        return [self._payloads(each) for each in due]

    def _payloads(self, data: bytes) -> list[bytes]:
        self.sent += 1
        if self.clip.codec == "H264":
            return packetize_h264(data)
        self._picture = (self._picture + 1) % PICTURE_IDS
        return packetize_vp8(data, self._picture)
