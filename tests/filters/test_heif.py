"""HEIC photos made of tiles, by hand: no library writes them here."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from filters.backgrounds.pictures import on_white
from filters.base import FilterError
from filters.heif import ALPHA, _File, _Item
from filters.stills import Bgr, read_photo
from tests.support.boxes import box, clap
from tests.support.media import quarters
from tests.support.profiles import DISPLAY_P3, matrix_profile

SIDE = 64
Pixels = NDArray[np.uint8]


def full(name: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags) + content)


def coded(pixels: Pixels, pix_fmt: str = "yuv420p") -> tuple[bytes, bytes]:
    """Return one HEVC picture: its configuration record, and its units with lengths before them."""
    context = av.CodecContext.create("libx265", "w")
    context.width, context.height, context.pix_fmt = pixels.shape[1], pixels.shape[0], pix_fmt
    context.options = {"x265-params": "log-level=none:qp=6:info=0:keyint=1"}
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pix_fmt)
    data = b"".join(map(bytes, [*context.encode(frame), *context.encode(None)]))
    units = [unit.rstrip(b"\0") for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    sets = [unit for unit in units if unit[0] >> 1 & 63 in (32, 33, 34)]
    arrays = b"".join(bytes((0x80 | u[0] >> 1 & 63, 0, 1)) + struct.pack(">H", len(u)) + u for u in sets)
    record = b"\1" + bytes(20) + b"\3" + bytes((len(sets),)) + arrays
    picture = b"".join(struct.pack(">I", len(u)) + u for u in units if u not in sets)
    return record, picture


def heic(
    picture: Pixels,
    *,
    extra: bytes = b"",
    extras: int = 0,
    alpha: Pixels | None = None,
    urn: bytes = ALPHA[0],
    rows: int = 2,
    columns: int = 3,
) -> bytes:
    """Return a HEIC file of tiles, with more properties of the whole."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, rows * SIDE - height), (0, columns * SIDE - width), (0, 0)), mode="edge")
    tiles = [
        coded(padded[SIDE * r : SIDE * (r + 1), SIDE * c : SIDE * (c + 1)])
        for r in range(rows)
        for c in range(columns)
    ]
    grid = bytes((0, 0, rows - 1, columns - 1)) + struct.pack(">HH", width, height)
    contents = [grid, *(data for _, data in tiles)]
    kinds = [b"grid", *([b"hvc1"] * len(tiles))]
    properties = box(b"hvcC", tiles[0][0]) + extra
    links = [struct.pack(">HB", 1, extras) + bytes(range(2, 2 + extras))]
    links += [struct.pack(">HBB", i + 2, 1, 1) for i in range(len(tiles))]
    references = box(b"dimg", struct.pack(f">HH{len(tiles)}H", 1, len(tiles), *range(2, 2 + len(tiles))))
    if alpha is not None:
        record, data = coded(alpha, "gray")
        contents, kinds = [*contents, data], [*kinds, b"hvc1"]
        properties += box(b"hvcC", record) + full(b"auxC", urn + b"\0")
        links.append(struct.pack(">HBBB", len(kinds), 2, extras + 2, extras + 3))
        references += box(b"auxl", struct.pack(">HHH", len(kinds), 1, 1))
    entries = b"".join(
        full(b"infe", struct.pack(">HH4sB", i + 1, 0, kind, 0), 2) for i, kind in enumerate(kinds)
    )

    def meta(start: int) -> bytes:
        places, at = b"", start
        for i, content in enumerate(contents):
            places += struct.pack(">HHHII", i + 1, 0, 1, at, len(content))
            at += len(content)
        parts = full(b"hdlr", bytes(4) + b"pict" + bytes(13)) + full(b"pitm", struct.pack(">H", 1))
        parts += full(b"iinf", struct.pack(">H", len(kinds)) + entries)
        parts += full(b"iloc", b"\x44\0" + struct.pack(">H", len(contents)) + places)
        association = full(b"ipma", struct.pack(">I", len(links)) + b"".join(links))
        return full(
            b"meta", parts + box(b"iprp", box(b"ipco", properties) + association) + full(b"iref", references)
        )

    head = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", b"".join(contents))


def shown(folder: Path, data: bytes) -> Bgr:
    (folder / "in.heic").write_bytes(data)
    still = read_photo(folder / "in.heic")
    assert still is not None
    return on_white(still)[..., ::-1]


PICTURE = quarters(180, 120)


def test_tiles_are_put_together(tmp_path: Path) -> None:
    picture = shown(tmp_path, heic(PICTURE))
    assert picture.shape == PICTURE.shape
    assert np.abs(picture.astype(int) - PICTURE).mean() < 5


def test_a_photo_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand tiles of any size may be one and the same few bytes."""
    decoded: list[None] = []
    decode = _File._decode_tile

    def counted(file: _File, item: _Item, pix_fmt: str) -> Pixels:
        decoded.append(None)
        return decode(file, item, pix_fmt)

    monkeypatch.setattr(_File, "_decode_tile", counted)
    monkeypatch.setattr("filters.heif.MAX_PIXELS", 6 * SIDE * SIDE - 1)
    with pytest.raises(FilterError, match="million pixels"):
        shown(tmp_path, heic(PICTURE))
    assert len(decoded) == 1


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_photo_is_turned(tmp_path: Path, turns: int) -> None:
    picture = shown(tmp_path, heic(PICTURE, extra=box(b"irot", bytes((turns,))), extras=1))
    upright = np.rot90(PICTURE, turns)
    assert picture.shape == upright.shape
    assert np.abs(picture.astype(int) - upright).mean() < 5


@pytest.mark.parametrize("axis", [0, 1])
def test_a_photo_is_mirrored(tmp_path: Path, axis: int) -> None:
    picture = shown(tmp_path, heic(PICTURE, extra=box(b"imir", bytes((axis,))), extras=1))
    assert np.abs(picture.astype(int) - (PICTURE[:, ::-1] if axis else PICTURE[::-1])).mean() < 5


def test_what_a_photo_crops_stays_hidden(tmp_path: Path) -> None:
    picture = PICTURE // 4
    picture[:, :20] = 255
    cropped = shown(tmp_path, heic(picture, extra=clap(150, 100, (10, 1)), extras=1))
    assert cropped.shape == (100, 150, 3)
    assert cropped.max() < 100


@pytest.mark.parametrize("urn", ALPHA)
def test_what_is_transparent_is_white(tmp_path: Path, urn: bytes) -> None:
    alpha = np.full((*PICTURE.shape[:2], 3), 255, np.uint8)
    alpha[:, :90] = 0
    data = heic(PICTURE, alpha=alpha, urn=urn)
    first, last = data.index(b"pitm") - 4, data.index(b"mdat") - 4
    primary = data[first : first + 14]
    for variant in (data, data[:first] + data[first + 14 : last] + primary + data[last:]):
        picture = shown(tmp_path, variant).astype(int)
        assert picture[:, :84].min() > 240
        assert np.abs(picture[10:50, 100:] - (0, 255, 0)).mean() < 8


def test_a_profile_is_converted(tmp_path: Path) -> None:
    picture = np.full((120, 180, 3), (201, 106, 74), np.uint8)
    profile = box(b"colr", b"prof" + matrix_profile(DISPLAY_P3))
    seen = shown(tmp_path, heic(picture, extra=profile, extras=1))[60, 90].astype(int)
    assert np.abs(seen - (216, 100, 62)).max() <= 6


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_what_is_not_whole_is_refused(tmp_path: Path, share: float) -> None:
    data = heic(PICTURE)
    with pytest.raises(FilterError):
        shown(tmp_path, data[: int(share * len(data))])


def test_other_kinds_are_named(tmp_path: Path) -> None:
    with pytest.raises(FilterError, match="save it as a JPEG"):
        shown(tmp_path, heic(PICTURE).replace(b"grid", b"iovl"))
