"""What travels between the network and the workers."""

from __future__ import annotations

from typing import Final, NamedTuple

VIDEO_CLOCK_RATE: Final = 90_000  # ticks per second of VP8 (RFC 7741, 4.1) and H.264 (RFC 6184, 8.2.1)
AUDIO_CLOCK_RATE: Final = 48_000  # ticks per second of Opus (RFC 7587, 4.1), and its samples per second


class EncodedFrame(NamedTuple):
    """One encoded picture, in decoding order."""

    data: bytes
    timestamp: int
    """90 kHz, not wrapping, 0 at the first frame."""
    keyframe: bool
    codec: str
    """"VP8" or "H264" (Annex B)."""
    arrival: float
    """time.monotonic() when the packet that completed it was read."""
    droppable: bool = False
    """Whether no other frame refers to it, so that it need not be decoded where it isn't shown."""
