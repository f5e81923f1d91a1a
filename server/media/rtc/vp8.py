"""The VP8 payload format (RFC 7741)."""

from __future__ import annotations

MAX_PAYLOAD = 1200
"""Bytes of RTP payload, as in libwebrtc: room for SRTP, TURN and tunnels below an MTU of 1280."""

DESCRIPTOR = 4
"""Length of the descriptors written here: flags, extension flags, picture id of 15 bits."""


def packetize_vp8(data: bytes, picture_id: int, *, max_payload: int = MAX_PAYLOAD) -> list[bytes]:
    """Cut one encoded frame into RTP payloads, each with a descriptor that carries the 15-bit picture id.

    RtpSender makes picture ids contiguous for each receiver, so any id will do as long as it grows by one.
    """
    identity = bytes((0x80, 0x80 | (picture_id >> 8) & 0x7F, picture_id & 0xFF))
    first, other = b"\x90" + identity, b"\x80" + identity
    step = max_payload - DESCRIPTOR
    return [(other if at else first) + data[at : at + step] for at in range(0, len(data), step)]


def picture_id_of(payload: bytes) -> int | None:
    """Return the picture id of a payload made by packetize_vp8, None for any other form of descriptor."""
    if len(payload) > DESCRIPTOR and payload[0] & 0xEF == 0x80 and payload[1] == 0x80 and payload[2] & 0x80:
        return (payload[2] & 0x7F) << 8 | payload[3]
    return None


def with_picture_id(payload: bytes, picture_id: int) -> bytes:
    """Return a payload made by packetize_vp8 with another picture id."""
    return payload[:2] + bytes((0x80 | picture_id >> 8, picture_id & 0xFF)) + payload[DESCRIPTOR:]


def is_droppable(payload: bytes) -> bool:
    """Tell whether no other frame refers to the one of this payload, by its sender's word (RFC 7741, 4.2, N)."""
    return bool(payload) and bool(payload[0] & 0x20)


def depayload_vp8(payload: bytes) -> tuple[bytes, bool]:
    """Return the payload without its descriptor, and whether it begins a keyframe.

    Raises ValueError when the descriptor is truncated.
    """
    try:
        flags = payload[0]
        at = 1
        if flags & 0x80:
            extension = payload[1]
            at = 2
            if extension & 0x80:
                at += 2 if payload[at] & 0x80 else 1
            if extension & 0x40:
                at += 1
            if extension & 0x30:
                at += 1
    except IndexError:
        raise ValueError("VP8 payload descriptor is truncated") from None
    if at > len(payload):
        raise ValueError("VP8 payload descriptor is truncated")
    starts_frame = flags & 0x17 == 0x10
    data = payload[at:]
    return data, starts_frame and bool(data) and not data[0] & 1
