"""What travels between the network and the workers."""

from __future__ import annotations

from typing import NamedTuple


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
