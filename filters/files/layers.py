"""Layers that a coded picture may have beside the one that FFmpeg decodes: transparency, as a rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

H264_AUXILIARY_SLICE: Final = 19  # NAL unit type, ITU-T H.264, table 7-1


def has_hidden_layer(codec: str, data: bytes, length_size: int) -> bool:
    """Tell whether coded data of H.264 or HEVC has NAL units of another layer than the base one.

    `length_size` is that of the lengths before NAL units in bytes, 0 for start codes (Annex B).
    """
    if codec == "hevc":  # nuh_layer_id, ITU-T H.265, 7.3.1.2
        return any(unit[0] & 1 or unit[1] >> 3 for unit in _units(data, length_size))
    if codec == "h264":
        return any(unit[0] & 0x1F == H264_AUXILIARY_SLICE for unit in _units(data, length_size))
    return False


def length_size_of(codec: str, extradata: bytes | None) -> int:
    """Return how long the lengths before NAL units are, by the decoder's configuration (ISO/IEC 14496-15)."""
    at = {"h264": 4, "hevc": 21}.get(codec, 0)
    if not extradata or len(extradata) <= at or extradata[0] != 1:
        return 0
    return (extradata[at] & 3) + 1


def _units(data: bytes, length_size: int) -> Iterator[bytes]:
    """Yield the first two bytes of each NAL unit."""
    at = 0
    if not length_size:
        while (at := data.find(b"\0\0\1", at) + 3) > 2:
            if at + 2 <= len(data):
                yield data[at : at + 2]
        return
    while at + length_size + 2 <= len(data):
        size, at = int.from_bytes(data[at : at + length_size]), at + length_size
        if size >= 2:
            yield data[at : at + 2]
        at += size
