"""Whether a reference picture of an H.264 stream is missing, by the frame numbers in its slices (ITU-T H.264, 7.4.3).

FFmpeg makes one up and says nothing.
"""

from __future__ import annotations

from typing import Final

SLICE: Final = (1, 5)  # NAL unit types of coded slices without partitions; 5 is IDR
SPS: Final = 7  # NAL unit type, ITU-T H.264, table 7-1
WITH_CHROMA_FORMAT: Final = (100, 110, 122, 244, 44, 83, 86, 118, 128)  # profiles, 7.3.2.1.1
HEADER: Final = 32  # bytes of a slice that are read at most


class FrameNumbers:
    """Follows the frame numbers of one stream."""

    def __init__(self) -> None:
        self._bits = 0
        """Of a frame number; 0 before the first sequence parameter set, or where gaps are allowed."""
        self._last: int | None = None

    def has_gap(self, data: bytes) -> bool:
        """Take the next access unit (Annex B); tell whether a picture that it may refer to is missing."""
        for start in _starts(data):
            kind, importance = data[start] & 0x1F, data[start] & 0x60
            try:
                if kind == SPS:
                    self._bits = _frame_number_bits(_Bits(data[start + 1 : start + 1 + 4 * HEADER]))
                elif kind in SLICE and self._bits:
                    return self._follow(_Bits(data[start + 1 : start + 1 + HEADER]), kind, importance)
            except IndexError:
                return False  # the decoder says what is wrong with it
        return False

    def _follow(self, bits: _Bits, kind: int, importance: int) -> bool:
        for _ in range(3):  # first_mb_in_slice, slice_type, pic_parameter_set_id
            bits.golomb()
        number, last = bits.read(self._bits), self._last
        if importance:
            self._last = number
        if kind == 5 or last is None:
            return False
        return number not in (last, (last + 1) % (1 << self._bits))


def _frame_number_bits(bits: _Bits) -> int:
    """Return how long a frame number is, 0 where a sender may leave some out (7.3.2.1.1)."""
    profile = bits.read(8)
    bits.read(16)
    bits.golomb()
    if profile in WITH_CHROMA_FORMAT:
        if bits.golomb() == 3:
            bits.read(1)
        bits.golomb()
        bits.golomb()
        if bits.read(2) & 1:
            return 0  # scaling matrices, which nobody sends live
    length = bits.golomb() + 4
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        return 0
    bits.golomb()
    return 0 if bits.read(1) else length


class _Bits:
    """Reads bits of a NAL unit, without the bytes that keep start codes out of it (7.4.1.1). Raises IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = data.replace(b"\0\0\3", b"\0\0")
        self._at = 0

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def golomb(self) -> int:
        """Return an unsigned Exp-Golomb code (9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def _starts(data: bytes) -> list[int]:
    """Return where the NAL units begin."""
    starts, at = [], data.find(b"\0\0\1")
    while 0 <= at < len(data) - 4:
        starts.append(at + 3)
        at = data.find(b"\0\0\1", at + 3)
    return starts
