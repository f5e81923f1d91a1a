"""Whether all of a file is there, by what its own structure says."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from av.container import InputContainer

from filters.files.errors import MediaError

MATROSKA_SEGMENT: Final = bytes.fromhex("18538067")  # EBML id, RFC 9559 section 5.1


def check_whole(container: InputContainer, path: Path) -> None:
    """Raise MediaError where the container's own index or header reaches beyond the end of the file."""
    size = path.stat().st_size
    indexed = max((e.pos + e.size for s in container.streams for e in s.index_entries), default=0)
    if indexed > size or _declared_size(path) > size:
        raise MediaError(f"{path}: is truncated")


def _declared_size(path: Path) -> int:
    """Return the size that a Matroska file's own structure calls for; 0 where it doesn't tell."""
    with path.open("rb") as file:
        head = file.read(4096)
    start = head.find(MATROSKA_SEGMENT) + len(MATROSKA_SEGMENT)
    if not head.startswith(b"\x1a\x45\xdf\xa3") or start < len(MATROSKA_SEGMENT) or start >= len(head):
        return 0
    # A variable-size integer: the leading zeros of its first byte tell its length, all ones mean "unknown".
    length = 9 - head[start].bit_length()
    value = int.from_bytes(head[start : start + length]) & ((1 << 7 * length) - 1)
    return 0 if value == (1 << 7 * length) - 1 else start + length + value
