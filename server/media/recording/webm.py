"""WebM (RFC 9559 on RFC 8794) of one VP8 and one Opus track, which is whole up to its last second at any moment.

The segment has no size, and every cluster is written in one piece: a process that is killed leaves a file that
players, FFmpeg among them, read to its last cluster.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

from server.media.codec.encoder import FilteredVideo, vp8_size
from server.media.codec.frames import AUDIO_CLOCK_RATE

CLUSTER = 1000  # ms, longest; also what is lost when the process is killed
REORDERING = 500  # ms that a packet may be late; chosen
VIDEO, AUDIO = 1, 2  # numbers of the tracks, and TrackType (RFC 9559, 5.1.4.1.3)
OPUS_HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, AUDIO_CLOCK_RATE, 0, 0)  # RFC 7845, section 5.1
SEEK_PRE_ROLL = 80_000_000  # ns; what Opus decodes before it is exact, RFC 7845, section 4.6
DURATION_SIZE = 11  # bytes of the element, whose place is kept free by a Void of that size
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7  # eight bytes, all bits of the value set: RFC 8794, 6.2
KEYFRAME = 0x80  # flag of a SimpleBlock, RFC 9559, 10.2


class Block(NamedTuple):
    """One packet; `time` in ms."""

    time: int
    track: int
    data: bytes
    keyframe: bool


class WebmFile:
    """Made by the first packets; times are in ms of the caller's clock, and 0 in the file is that of the earliest.

    Not thread-safe, and it waits for the disk. All methods raise OSError.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        """Take the width and height that stand in for those of the first picture while there is none."""
        self.path = path
        self.start: int | None = None
        self.end = 0
        self._size = size
        self._waiting: list[Block] = []
        self._written = 0  # ms up to which everything is on the disk
        self._pictured = -1
        self._file: int | None = None
        self._duration_at = 0

    def write_video(self, video: FilteredVideo, time: int) -> None:
        """Take the next picture, at the earliest possible time when it is too late for its own.

        The first one must be a keyframe: pictures depend on those before, so none is left out or changes its place.
        """
        if video.keyframe and self._file is None:
            self._size = vp8_size(video.data) or self._size
        self._pictured = max(time, self._written, self._pictured + 1)
        self._take(Block(self._pictured, VIDEO, video.data, video.keyframe))

    def write_audio(self, opus: bytes, time: int) -> None:
        """Take one Opus packet; what is later than REORDERING may be left out."""
        if time >= self._written:
            self._take(Block(time, AUDIO, opus, True))

    def close(self) -> None:
        """Write what waits, and the duration."""
        try:
            self._flush(0)
            if self._file is not None and self.start is not None:
                duration = _element(0x4489, struct.pack(">d", float(self.end - self.start)))
                os.pwrite(self._file, duration, self._duration_at)
        finally:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _take(self, block: Block) -> None:
        self._waiting.append(block)
        self.end = max(self.end, block.time)
        if self.end - self._waiting[0].time >= CLUSTER + REORDERING:
            self._flush(REORDERING)

    def _flush(self, kept: int) -> None:
        """Write everything but the last `kept` ms, as clusters in the order of time."""
        until = self.end + 1 - kept
        blocks = sorted(self._waiting, key=lambda block: block.time)
        ready = [block for block in blocks if block.time < until]
        self._waiting = [block for block in blocks if block.time >= until]
        if not ready:
            return
        if self._file is None:
            self._open()
            self.start = ready[0].time
        first = 0
        for i, block in enumerate(ready):
            if block.time - ready[first].time >= CLUSTER:
                self._write_cluster(ready[first:i])
                first = i
        self._write_cluster(ready[first:])
        self._written = until

    def _write_cluster(self, blocks: list[Block]) -> None:
        assert self.start is not None
        time = blocks[0].time
        body = [_element(0xE7, _uint(time - self.start))]
        for block in blocks:
            flags = KEYFRAME if block.keyframe else 0
            body.append(
                _element(0xA3, struct.pack(">BhB", 0x80 | block.track, block.time - time, flags) + block.data)
            )
        self._write(_element(0x1F43B675, *body))

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)
        before, after = _header(*self._size)
        self._duration_at = len(before)
        self._write(before + _element(0xEC, bytes(DURATION_SIZE - 2)) + after)

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]


def _header(width: int, height: int) -> tuple[bytes, bytes]:
    """Return what comes before the element of the duration, and after it."""
    ebml = _element(
        0x1A45DFA3,
        *(_element(id_, b"\x01") for id_ in (0x4286, 0x42F7)),  # version, read version
        *(_element(id_, _uint(size)) for id_, size in ((0x42F2, 4), (0x42F3, 8))),  # longest id, size
        _element(0x4282, b"webm"),
        *(_element(id_, _uint(version)) for id_, version in ((0x4287, 4), (0x4285, 2))),
    )
    info = [
        _element(0x2AD7B1, _uint(1_000_000)),
        _element(0x4D80, b"Greenroom"),
        _element(0x5741, b"Greenroom"),
    ]
    info_size = sum(map(len, info)) + DURATION_SIZE
    segment = bytes.fromhex("18538067") + UNKNOWN_SIZE
    return ebml + segment + bytes.fromhex("1549A966") + _size(info_size) + b"".join(info), _tracks(
        width, height
    )


def _tracks(width: int, height: int) -> bytes:
    video = _element(0xE0, _element(0xB0, _uint(width)), _element(0xBA, _uint(height)))
    audio = _element(0xE1, _element(0xB5, struct.pack(">d", AUDIO_CLOCK_RATE)), _element(0x9F, _uint(2)))
    opus = _element(0x63A2, OPUS_HEAD) + _element(0x56BB, _uint(SEEK_PRE_ROLL))
    return _element(0x1654AE6B, _track(VIDEO, b"V_VP8", video), _track(AUDIO, b"A_OPUS", opus + audio))


def _track(number: int, codec: bytes, more: bytes) -> bytes:
    """Describe a track; its number is also its type and its UID. There is no lacing."""
    numbers = [
        _element(id_, _uint(value))
        for id_, value in ((0xD7, number), (0x73C5, number), (0x83, number), (0x9C, 0))
    ]
    return _element(0xAE, *numbers, _element(0x86, codec), more)


def _element(id_: int, *content: bytes) -> bytes:
    body = b"".join(content)
    return _uint(id_) + _size(len(body)) + body


def _uint(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8))


def _size(value: int) -> bytes:
    """Return a data size in as many bytes as it takes (RFC 8794, section 4)."""
    length = next(n for n in range(1, 9) if value < (1 << 7 * n) - 1)
    return (value | 1 << 7 * length).to_bytes(length)
