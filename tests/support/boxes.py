"""MP4 and Matroska files taken apart and put together again, to say in them what no muxer writes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

MASTERS = {b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xe0"}  # Segment, Tracks, TrackEntry, Video
PARENTS = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"stsd": 8, b"avc1": 78, b"hvc1": 78}

Change = Callable[[bytes, bytes], bytes]
"""Takes the name and the content of a box or an element, and returns what its content is to be."""


def box(name: bytes, content: bytes) -> bytes:
    """Return an MP4 box."""
    return struct.pack(">I4s", 8 + len(content), name) + content


def with_boxes(data: bytes, change: Change) -> bytes:
    """Return an MP4 file whose header comes last with every box of it changed, the innermost first."""
    out, at = b"", 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + size]
        if name in PARENTS:
            head = PARENTS[name]
            content = content[:head] + with_boxes(content[head:], change)
        if name != b"mdat":
            content = change(name, content)
        out += box(name, content)
        at += size
    return out


def clap(width: int, height: int, right: tuple[int, int] = (0, 1), down: tuple[int, int] = (0, 1)) -> bytes:
    """Return a clean aperture, its centre moved by two fractions of pixels."""
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, *right, *down))


def in_sample_entry(extra: bytes) -> Change:
    """Return a change that adds a box to every description of H.264 or HEVC."""
    return lambda name, content: content + extra if name in (b"avc1", b"hvc1") else content


def element(name: bytes, content: bytes) -> bytes:
    """Return a Matroska element, its size in 8 bytes."""
    return name + (1 << 56 | len(content)).to_bytes(8) + content


def number(name: bytes, value: int) -> bytes:
    """Return a Matroska element that holds a number."""
    return element(name, value.to_bytes(4))


def with_elements(data: bytes, extra: dict[bytes, Sequence[bytes]]) -> bytes:
    """Return a Matroska file with elements added inside those whose names are given (all of them masters)."""
    out, at = b"", 0
    while at < len(data):
        width = 9 - data[at].bit_length()
        name, size_at = data[at : at + width], at + width
        length = 9 - data[size_at].bit_length()
        value = int.from_bytes(data[size_at : size_at + length]) & ((1 << 7 * length) - 1)
        start = size_at + length
        unknown = value == (1 << 7 * length) - 1
        end = len(data) if unknown else start + value
        content = data[start:end]
        if name in MASTERS:
            content = b"".join(extra.get(name, [])) + with_elements(content, extra)
        out += data[at:start] + content if unknown else element(name, content)
        at = end
    return out
