"""What MP4 and Matroska files say of their tracks and FFmpeg, or PyAV, does not pass on: what is not to be shown.

ISO/IEC 14496-12 (boxes), the QuickTime File Format Specification, RFC 9559 (Matroska).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import BinaryIO, Final, NamedTuple


class Crop(NamedTuple):
    """What is cut off at each side of the coded picture, as a share of its width or height."""

    left: Fraction = Fraction(0)
    top: Fraction = Fraction(0)
    right: Fraction = Fraction(0)
    bottom: Fraction = Fraction(0)

    def __or__(self, other: Crop) -> Crop:
        """Return the crop that hides what either hides."""
        return Crop(*(max(one, two) for one, two in zip(self, other, strict=True)))


UNCROPPED: Final = Crop()


@dataclass(frozen=True, slots=True)
class Track:
    """One track: its number, whether players take it, and what of its picture is shown."""

    number: int
    enabled: bool = True
    group: int = 0
    """Of tracks in one group (not 0) players show one."""
    crop: Crop = UNCROPPED
    stereo: bool = False
    auxiliary: str = ""
    """What an auxiliary track holds, as a URN; empty for a picture."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The video tracks in the order of the file, and why the file can't be shown as players show it, if so."""

    tracks: list[Track] = field(default_factory=list)
    refusal: str | None = None
    sounds: list[Track] = field(default_factory=list)
    """The tracks of sound of a Matroska file; FFmpeg passes on what MP4 says of them."""


MAX_DEPTH: Final = 16  # boxes in boxes; a sample table lies five deep (moov, trak, mdia, minf, stbl)
MAX_ELEMENTS: Final = 1_000_000  # read of one file; a film of a day has fewer clusters
ALPHA_URNS: Final = ("auxiliary:alpha", "hevc:2015:auxid:1")  # ISO/IEC 23000-22, 7.3.5.2; 23008-12, B.2.1


def declared(file: BinaryIO) -> Declared:
    """Read what a file's own structure says; nothing of a file of another kind. The file's position is lost.

    An MP4 file may begin with any box, so that every file is looked through for its header, `moov`.
    """
    file.seek(0)
    try:
        return _Matroska(file).read() if file.read(4) == EBML else _Mp4(file).read()
    except (struct.error, ValueError, RecursionError):
        return Declared()  # FFmpeg says what is wrong with it


class _Span(NamedTuple):
    """A box or an element: its name, where its content begins, and ends."""

    name: bytes
    start: int
    end: int


CONTAINERS: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"tref")
VISUAL_SAMPLE_ENTRY: Final = 78  # bytes before the boxes of one, ISO/IEC 14496-12, 12.1.3.2
DOLBY_VISION_ONLY: Final = 5  # the profile without a base layer in other colours
TRACK_ENABLED: Final = 1  # flag of a track header, ISO/IEC 14496-12, 8.3.2.3


class _Mp4:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_ELEMENTS
        self._refusal: str | None = None
        self._tracks: list[Track] = []

    def read(self) -> Declared:
        end = self._file.seek(0, 2)
        for box in self._boxes(0, end):
            if box.name == b"moov":
                self._movie(box)
        shown = [track for track in self._tracks if track.enabled and not track.auxiliary]
        together = len(shown) > 1 and len({track.group or -track.number for track in shown}) > 1
        if any(urn in track.auxiliary for track in self._tracks for urn in ALPHA_URNS):
            self._refusal = "what is transparent in it is kept in a track of its own"
        elif together:
            self._refusal = "it shows several pictures on top of each other"
        return Declared(self._tracks, self._refusal)

    def _movie(self, movie: _Span) -> None:
        for box in self._boxes(movie.start, movie.end):
            if box.name == b"cmov":
                self._refusal = "its header is compressed"
            elif box.name in (b"clip", b"matt"):
                self._refusal = "parts of its picture are masked"
            elif box.name == b"trak":
                self._track(box)

    def _track(self, trak: _Span) -> None:
        # The handler first: it may come behind what it is the handler of.
        handler = self._first(self._first(trak, b"mdia"), b"hdlr")
        track, kind = Track(0), self._bytes(handler, 12)[8:]
        for box in self._within(trak):
            if box.name == b"tkhd":
                track = self._header(box, track)
            elif box.name == b"stsd" and kind in (b"vide", b"auxv", b"pict"):
                track = self._descriptions(box, track)
            elif box.name in (b"clip", b"matt"):
                self._refusal = "parts of its picture are masked"
        if kind in (b"vide", b"pict", b"auxv"):
            self._tracks.append(replace(track, auxiliary=track.auxiliary or "unknown" * (kind == b"auxv")))

    def _first(self, span: _Span, name: bytes) -> _Span:
        """Return the first box of a name right inside, an empty one where there is none."""
        return next((box for box in self._boxes(span.start, span.end) if box.name == name), _Span(name, 0, 0))

    def _header(self, box: _Span, track: Track) -> Track:
        data = self._bytes(box, 104)
        flags = int.from_bytes(data[1:4])
        number, after = (20, 36) if data[0] == 1 else (12, 24)
        (group,) = struct.unpack_from(">H", data, after + 10)
        (name,) = struct.unpack_from(">I", data, number)
        return replace(track, number=name, enabled=bool(flags & TRACK_ENABLED), group=group)

    def _descriptions(self, box: _Span, track: Track) -> Track:
        for entry in self._boxes(box.start + 8, box.end):
            width, height = struct.unpack_from(">HH", self._bytes(entry, 28), 24)
            for part in self._boxes(entry.start + VISUAL_SAMPLE_ENTRY, entry.end):
                if part.name == b"clap" and width and height:
                    track = replace(
                        track, crop=track.crop | clean_aperture(self._bytes(part, 32), width, height)
                    )
                elif part.name == b"vexu":
                    track = replace(track, stereo=True)
                elif part.name == b"dvcC" and self._bytes(part, 3)[2] >> 1 == DOLBY_VISION_ONLY:
                    self._refusal = "its colours are those of Dolby Vision alone"
                elif part.name == b"auxi":
                    track = replace(
                        track, auxiliary=self._bytes(part, 200)[4:].split(b"\0")[0].decode("latin-1")
                    )
        return track

    def _within(self, span: _Span, depth: int = 0) -> Iterator[_Span]:
        """Yield all boxes inside, however deep, in the order of the file."""
        for box in self._boxes(span.start, span.end):
            yield box
            if box.name in CONTAINERS and depth < MAX_DEPTH:
                yield from self._within(box, depth + 1)

    def _boxes(self, at: int, end: int) -> Iterator[_Span]:
        while at + 8 <= end and self._left > 0:
            self._left -= 1
            self._file.seek(at)
            size, name = struct.unpack(">I4s", self._file.read(8))
            start = at + 8
            if size == 1:
                (size,) = struct.unpack(">Q", self._file.read(8))
                start += 8
            size = size or end - at
            if size < start - at:
                return
            yield _Span(name, start, min(at + size, end))
            at += size

    def _bytes(self, span: _Span, most: int) -> bytes:
        self._file.seek(span.start)
        return self._file.read(min(most, span.end - span.start))


def clean_aperture(data: bytes, width: int, height: int) -> Crop:
    """Return what a CleanApertureBox leaves out of a picture of that size (ISO/IEC 14496-12, 12.1.4)."""
    numbers = struct.unpack(">IIIIiIiI", data[:32])
    if not all(numbers[1::2]):
        return UNCROPPED
    wide, high, right, down = (Fraction(*numbers[i : i + 2]) for i in range(0, 8, 2))
    left, top = (width - wide) / 2 + right, (height - high) / 2 + down
    edges = (left / width, top / height, (width - wide - left) / width, (height - high - top) / height)
    return Crop(*(max(Fraction(0), edge) for edge in edges))


EBML: Final = b"\x1a\x45\xdf\xa3"
SEGMENT: Final = 0x18538067  # element ID, RFC 9559, 5.1
TRACKS: Final = 0x1654AE6B  # element ID, RFC 9559, 5.1.4
TRACK_ENTRY: Final = 0xAE  # element ID, RFC 9559, 5.1.4.1
TRACK_NUMBER: Final = 0xD7  # element ID, RFC 9559, 5.1.4.1.1
TRACK_TYPE: Final = 0x83  # element ID, RFC 9559, 5.1.4.1.3
VIDEO_TRACK, AUDIO_TRACK = 1, 2  # RFC 9559, 5.1.4.1.3
CODEC_ID: Final = 0x86  # element ID, RFC 9559, 5.1.4.1.21
CODEC_PREFIX: Final = {VIDEO_TRACK: b"V", AUDIO_TRACK: b"A"}  # RFC 9559, 5.1.4.1.21
FLAG_ENABLED: Final = 0xB9  # element ID, RFC 9559, 5.1.4.1.4
VIDEO: Final = 0xE0  # element ID, RFC 9559, 5.1.4.1.28
CHAPTERS: Final = 0x1043A770  # element ID, RFC 9559, 5.1.7
EDITION_ENTRY: Final = 0x45B9  # element ID, RFC 9559, 5.1.7.1
EDITION_FLAG_ORDERED: Final = 0x45DD  # element ID, RFC 9559, in 5.1.7.1
PIXEL_WIDTH: Final = 0xB0  # element ID, RFC 9559, in 5.1.4.1.28
PIXEL_HEIGHT: Final = 0xBA  # element ID, RFC 9559, in 5.1.4.1.28
PIXEL_CROPS: Final = (0x54CC, 0x54BB, 0x54DD, 0x54AA)  # left, top, right, bottom


class _Element(NamedTuple):
    id: int
    start: int
    end: int


class _Matroska:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_ELEMENTS
        self._size = file.seek(0, 2)

    def read(self) -> Declared:
        tracks: dict[int, list[Track]] = {VIDEO_TRACK: [], AUDIO_TRACK: []}
        refusal, found = None, False
        for segment in self._elements(0, self._size):
            if segment.id != SEGMENT:
                continue
            for part in self._elements(segment.start, segment.end):
                if part.id == TRACKS and not found:
                    found = True
                    for entry in self._elements(part.start, part.end):
                        if entry.id == TRACK_ENTRY:
                            self._track(entry, tracks)
                elif part.id == CHAPTERS and self._is_ordered(part):
                    refusal = "it plays in the order of its chapters, which may leave out parts"
        return Declared(tracks[VIDEO_TRACK], refusal, tracks[AUDIO_TRACK])

    def _is_ordered(self, chapters: _Element) -> bool:
        return any(
            part.id == EDITION_FLAG_ORDERED and self._number(part)
            for edition in self._elements(chapters.start, chapters.end)
            if edition.id == EDITION_ENTRY
            for part in self._elements(edition.start, edition.end)
        )

    def _track(self, entry: _Element, tracks: dict[int, list[Track]]) -> None:
        """Add the track to those of its kind; one that names no codec of that kind is no stream of FFmpeg's."""
        parts = {part.id: part for part in self._elements(entry.start, entry.end)}
        kind, number = (
            self._number(parts[name]) if name in parts else 0 for name in (TRACK_TYPE, TRACK_NUMBER)
        )
        codec = self._bytes(parts[CODEC_ID], 1) if CODEC_ID in parts else b""
        if kind not in tracks or codec != CODEC_PREFIX[kind]:
            return
        video = parts.get(VIDEO, _Element(VIDEO, 0, 0))
        numbers = {part.id: self._number(part) for part in self._elements(video.start, video.end)}
        width, height = numbers.get(PIXEL_WIDTH, 0), numbers.get(PIXEL_HEIGHT, 0)
        crop = UNCROPPED
        if width and height:
            lengths = (width, height, width, height)
            cut = zip(PIXEL_CROPS, lengths, strict=True)
            crop = Crop(*(Fraction(numbers.get(name, 0), length) for name, length in cut))
        enabled = FLAG_ENABLED not in parts or self._number(parts[FLAG_ENABLED]) != 0
        tracks[kind].append(Track(number, enabled, crop=crop))

    def _number(self, element: _Element) -> int:
        return int.from_bytes(self._bytes(element, 8))

    def _bytes(self, element: _Element, most: int) -> bytes:
        self._file.seek(element.start)
        return self._file.read(min(most, element.end - element.start))

    def _elements(self, at: int, end: int) -> Iterator[_Element]:
        while at < end and self._left > 0:
            self._left -= 1
            self._file.seek(at)
            head = self._file.read(12)
            name_length = 9 - head[0].bit_length() if head and head[0] else 9
            if name_length > 4 or len(head) <= name_length:
                return
            start, size = _vint(head, name_length)
            # An unknown size reaches to the end of what is around it.
            start, stop = at + start, end if size is None else min(at + start + size, end)
            yield _Element(int.from_bytes(head[:name_length]), start, stop)
            at = stop


def _vint(data: bytes, at: int) -> tuple[int, int | None]:
    """Return where a variable-size integer ends, and its value, None for all ones (RFC 8794, 4)."""
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length]) & ((1 << 7 * length) - 1)
    if length > 8 or at + length > len(data):
        raise ValueError("no size")
    return at + length, None if value == (1 << 7 * length) - 1 else value
