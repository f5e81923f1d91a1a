"""HEIC photos, as telephones write them: a grid of HEVC tiles, turned, cropped and made transparent as it says.

ISO/IEC 23008-12 (HEIF) and ISO/IEC 14496-12. FFmpeg takes each tile for a film.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Final, NamedTuple, cast

import av
import cv2
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from filters.base import FilterError, Plane

UNREADABLE: Final = "is a HEIC photo of a kind that cannot be read: save it as a JPEG or PNG"
HDR_TRANSFERS: Final = (16, 18)  # PQ and HLG, ISO/IEC 23091-2
MAX_TILES: Final = 1024  # of a photo; chosen, as telephones have 512x512 px in each
MAX_PIXELS: Final = 1 << 28
"""Pixels of a photo: more than the 200 million that telephones have made so far; chosen."""
ALPHA: Final = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
Pixels = NDArray[np.uint8]


class Heif(NamedTuple):
    """A picture as stored colours (uint8, BGR), its opacity if it has one, and its ICC profile."""

    pixels: Pixels
    opacity: Plane | None
    profile: bytes | None


@dataclass(slots=True)
class _Item:
    kind: bytes = b""
    extents: list[tuple[int, int]] = field(default_factory=list)
    inside: bool = False  # whether the extents are those of the `idat` box
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    tiles: list[int] = field(default_factory=list)

    def first(self, name: bytes) -> bytes | None:
        return next((data for kind, data in self.properties if kind == name), None)


def read_heif(data: bytes) -> Heif:
    """Decode the primary picture of a HEIC file. Raises FilterError, also for what is stored in another way."""
    try:
        file = _File(data)
        primary = file.items[file.primary]
        pixels = file.decode(file.primary, "bgr24")
        alpha = next((i for i in file.auxiliary if file.is_alpha(i)), None)
        opacity = None if alpha is None else file.decode(alpha, "gray")
    except (struct.error, LookupError, ValueError, av.FFmpegError) as error:
        raise FilterError(UNREADABLE) from error
    if opacity is not None and opacity.shape != pixels.shape[:2]:
        opacity = cast(Plane, cv2.resize(opacity, (pixels.shape[1], pixels.shape[0])))
    for name, content in primary.properties:
        pixels = _transformed(pixels, name, content)
        opacity = None if opacity is None else _transformed(opacity, name, content)
    profile = next(
        (c[4:] for n, c in primary.properties if n == b"colr" and c[:4] in (b"prof", b"rICC")), None
    )
    return Heif(
        np.ascontiguousarray(pixels), None if opacity is None else np.ascontiguousarray(opacity), profile
    )


def _transformed(picture: Pixels, name: bytes, content: bytes) -> Pixels:
    if name == b"irot":
        return np.rot90(picture, content[0] & 3)
    if name == b"imir":
        return picture[:, ::-1] if content[0] & 1 else picture[::-1]
    if name == b"clap":
        height, width = picture.shape[:2]
        numbers = struct.unpack(">IIIIiIiI", content[:32])
        wide, high, right, down = (Fraction(*numbers[i : i + 2]) for i in range(0, 8, 2))
        left, top = ceil((width - wide) / 2 + right), ceil((height - high) / 2 + down)
        picture = picture[max(0, top) : max(0, top) + int(high), max(0, left) : max(0, left) + int(wide)]
        if not picture.size:
            raise FilterError(UNREADABLE)
    return picture


class _File:
    """The items of a file: pictures, tiles, and what is said of them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._idat = b""
        self.items: dict[int, _Item] = {}
        self.auxiliary: list[int] = []
        meta = dict(boxes(data))[b"meta"][4:]
        primary = dict(boxes(meta))[b"pitm"]  # which may come behind what refers to it
        self.primary = int.from_bytes(primary[4 : 6 if primary[0] == 0 else 8])
        for name, content in boxes(meta):
            if name == b"iinf":
                self._kinds(content)
            elif name == b"iloc":
                self._places(content)
            elif name == b"iprp":
                self._properties(content)
            elif name == b"iref":
                self._references(content)
            elif name == b"idat":
                self._idat = content

    def decode(self, number: int, pix_fmt: str) -> Pixels:
        """Return an item's picture, of tiles or whole."""
        item = self.items[number]
        if item.kind == b"hvc1":
            return self._decode_tile(item, pix_fmt)
        if item.kind != b"grid":
            raise ValueError("neither a picture nor a grid")
        head = self._content(item)
        rows, columns = head[2] + 1, head[3] + 1
        width, height = struct.unpack_from(">II" if head[1] & 1 else ">HH", head, 4)
        if len(item.tiles) != rows * columns or len(item.tiles) > MAX_TILES:
            raise ValueError("tiles are missing")
        tiles: list[Pixels] = []
        for tile in item.tiles:
            tiles.append(self._decode_tile(self.items[tile], pix_fmt))
            expect_pixels(len(item.tiles) * tiles[-1].shape[0] * tiles[-1].shape[1])
        lines = [np.concatenate(tiles[row * columns : (row + 1) * columns], axis=1) for row in range(rows)]
        whole = np.concatenate(lines, axis=0)
        if whole.shape[0] < height or whole.shape[1] < width:
            raise ValueError("tiles do not cover the picture")
        return whole[:height, :width]

    def is_alpha(self, number: int) -> bool:
        """Tell whether an auxiliary picture is how opaque another one is."""
        stated = (self.items[number].first(b"auxC") or bytes(4))[4:].split(b"\0")[0]
        return stated in ALPHA

    def _decode_tile(self, item: _Item, pix_fmt: str) -> Pixels:
        context = av.CodecContext.create("hevc", "r")
        context.extradata = item.first(b"hvcC")
        context.flags |= Flags.unaligned
        packet = av.Packet(self._content(item))
        frames = [*context.decode(packet), *context.decode(None)]
        frame = frames[0]
        nclx = next((c for n, c in item.properties if n == b"colr" and c[:4] == b"nclx"), None)
        if nclx is not None:
            _, transfer, matrix = struct.unpack_from(">HHH", nclx, 4)
            if transfer in HDR_TRANSFERS:
                raise FilterError("is an HDR photo: save it as a JPEG or PNG")
            frame.colorspace = matrix
            frame.color_range = ColorRange.JPEG if nclx[10] >> 7 else ColorRange.MPEG
        if pix_fmt == "gray":
            return cast(Pixels, frame.reformat(format="gray", dst_color_range=ColorRange.JPEG).to_ndarray())
        return cast(Pixels, frame.reformat(format="bgr24", threads=1).to_ndarray())

    def _content(self, item: _Item) -> bytes:
        source = self._idat if item.inside else self._data
        if any(at + length > len(source) for at, length in item.extents):
            raise LookupError("truncated")
        return b"".join(source[at : at + length or None] for at, length in item.extents)

    def _item(self, number: int) -> _Item:
        return self.items.setdefault(number, _Item())

    def _kinds(self, content: bytes) -> None:
        for name, entry in boxes(content[6 if content[0] == 0 else 8 :]):
            if name == b"infe" and entry[0] >= 2:
                wide = 4 if entry[0] == 3 else 2
                number = int.from_bytes(entry[4 : 4 + wide])
                self._item(number).kind = entry[6 + wide : 10 + wide]

    def _places(self, content: bytes) -> None:
        version = content[0]
        sizes = content[4] >> 4, content[4] & 15, content[5] >> 4, content[5] & 15 if version else 0
        read = _Reader(content, 6)
        for _ in range(read.take(4 if version == 2 else 2)):
            item = self._item(read.take(4 if version == 2 else 2))
            item.inside = bool(version and read.take(2) & 1)
            read.take(2)
            base = read.take(sizes[2])
            for _ in range(read.take(2)):
                read.take(sizes[3])
                at = base + read.take(sizes[0])
                item.extents.append((at, read.take(sizes[1])))

    def _properties(self, content: bytes) -> None:
        known = list(boxes(dict(boxes(content))[b"ipco"]))
        for name, entry in boxes(content):
            if name != b"ipma":
                continue
            read, long = _Reader(entry, 4), bool(entry[3] & 1)
            for _ in range(read.take(4)):
                item = self._item(read.take(4 if entry[0] else 2))
                for _ in range(read.take(1)):
                    index = read.take(2) & 0x7FFF if long else read.take(1) & 0x7F
                    if index:
                        item.properties.append(known[index - 1])

    def _references(self, content: bytes) -> None:
        wide = 4 if content[0] else 2
        for name, entry in boxes(content[4:]):
            read = _Reader(entry, 0)
            source = read.take(wide)
            targets = [read.take(wide) for _ in range(read.take(2))]
            if name == b"dimg":
                self._item(source).tiles = targets
            elif name == b"auxl" and self.primary in targets:
                self.auxiliary.append(source)


def expect_pixels(count: int) -> None:
    """Raise FilterError for a photo of so many pixels that a small file can fill the memory with."""
    if count > MAX_PIXELS:
        raise FilterError(f"has over {MAX_PIXELS // 10**6} million pixels: make it smaller")


class _Reader:
    """Reads numbers of so many bytes one after the other. Raises LookupError at the end."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def take(self, size: int) -> int:
        if self._at + size > len(self._data):
            raise LookupError("truncated")
        value = int.from_bytes(self._data[self._at : self._at + size])
        self._at += size
        return value


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the content of each box (ISO/IEC 14496-12, 4.2), which ends early where the data does."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        size = size or len(data) - at
        if size < start - at:
            return
        yield name, data[start : at + size]
        at += size
