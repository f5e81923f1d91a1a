"""The H.264 payload format (RFC 6184), on top of aiortc's."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from aiortc.codecs.h264 import NAL_TYPE_FU_A, NAL_TYPE_STAP_A, H264Encoder, h264_depayload

NAL_IDR = 5  # NAL unit type, ITU-T H.264, table 7-1
NAL_SPS = 7  # likewise
FIRST_FRAGMENT = 0x80  # S bit of the FU header, RFC 6184, 5.8
START_CODE = b"\0\0\0\1"
MAX_UNITS = 64
"""NAL units that one packet may aggregate; each takes the event loop 1 µs. Chosen: parameter sets and some slices."""


def packetize_h264(data: bytes) -> list[bytes]:
    """Cut one access unit (Annex B byte stream) into RTP payloads of at most 1300 bytes."""
    # aiortc/codecs/h264.py:196 and 224; the public `pack` wants an av.Packet with a time base. It can't pack the empty
    # units that two start codes in a row make, or one at the end.
    return H264Encoder._packetize(unit for unit in H264Encoder._split_bitstream(data) if unit)


def depayload_h264(payload: bytes) -> tuple[bytes, bool]:
    """Return the payload as Annex B, and whether it may begin a keyframe: holds an SPS, or starts an IDR.

    Raises ValueError when the payload is truncated, aggregates more than MAX_UNITS, or is of a packetization mode that
    is not supported.
    """
    aggregated = payload[:1] and payload[0] & 0x1F == NAL_TYPE_STAP_A
    if aggregated and len(list(islice(_nal_types(payload), MAX_UNITS + 1))) > MAX_UNITS:
        raise ValueError("a packet of too many NAL units")
    data = h264_depayload(payload)
    return data, any(kind in (NAL_IDR, NAL_SPS) for kind in _nal_types(payload))


def has_parameter_sets(data: bytes) -> bool:
    """Tell whether an access unit (Annex B, as depayload_h264 makes it) begins with a sequence parameter set.

    An access unit delimiter and supplemental information may come before it.
    """
    kinds = [unit[0] & 0x1F for unit in data[: 1 << 10].split(START_CODE)[1:] if unit]
    return NAL_SPS in kinds


def _nal_types(payload: bytes) -> Iterator[int]:
    """Types of the NAL units that begin in this payload, which h264_depayload has accepted, or which aggregates."""
    kind = payload[0] & 0x1F
    if kind == NAL_TYPE_STAP_A:
        at = 1
        while at + 2 < len(payload):
            yield payload[at + 2] & 0x1F
            at += 2 + int.from_bytes(payload[at : at + 2], "big")
    elif kind != NAL_TYPE_FU_A:
        yield kind
    elif payload[1] & FIRST_FRAGMENT:
        yield payload[1] & 0x1F
