"""Photos of any kind, as everybody else shows them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from filters.backgrounds.pictures import on_white
from filters.base import FilterError
from filters.stills import Bgr, read_photo
from tests.support.boxes import clap
from tests.support.media import quarters
from tests.support.profiles import DISPLAY_P3, matrix_profile

ORANGE = (216, 100, 62)
ORANGE_IN_P3 = (201, 106, 74)


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:  # noqa: ANN401 - of each format's own
    file = BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def photo(folder: Path, data: bytes, name: str = "photo") -> Bgr | None:
    path = folder / name
    path.write_bytes(data)
    still = read_photo(path)
    return None if still is None else on_white(still)


def shown(folder: Path, data: bytes) -> Bgr:
    picture = photo(folder, data)
    assert picture is not None
    return picture


PLAIN = Image.fromarray(quarters(160, 90))
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "JPEG2000", "PPM")


@pytest.mark.parametrize("form", FORMATS)
def test_any_format(tmp_path: Path, form: str) -> None:
    picture = shown(tmp_path, saved(PLAIN, form))
    assert picture.shape == (90, 160, 3)
    assert np.abs(picture[..., ::-1].astype(int) - quarters(160, 90)).mean() < 6


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_profile_is_converted(tmp_path: Path, form: str) -> None:
    options = {"quality": 100} if form in ("JPEG", "WEBP", "AVIF") else {}
    picture = Image.new("RGB", (64, 48), ORANGE_IN_P3)
    data = saved(picture, form, icc_profile=matrix_profile(DISPLAY_P3), **options)
    assert np.abs(shown(tmp_path, data)[20, 20, ::-1].astype(int) - ORANGE).max() <= 5


@pytest.mark.parametrize("profile", [b"rubbish", matrix_profile(DISPLAY_P3)[:200], b"\0" * 128])
def test_a_profile_that_nobody_can_read_is_left_out(tmp_path: Path, profile: bytes) -> None:
    data = saved(Image.new("RGB", (64, 48), ORANGE), "PNG", icc_profile=profile)
    assert shown(tmp_path, data)[20, 20].tolist() == list(ORANGE[::-1])


@pytest.mark.parametrize("mode", ["CMYK", "L", "1"])
def test_modes_that_are_no_rgb(tmp_path: Path, mode: str) -> None:
    data = saved(Image.new("RGB", (64, 48), (255, 255, 255)).convert(mode), "TIFF")
    assert shown(tmp_path, data).min() > 240


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "TIFF", "AVIF", "JPEG2000"])
def test_what_is_transparent_is_white(tmp_path: Path, form: str) -> None:
    pixels = np.dstack([quarters(160, 90), np.full((90, 160), 255, np.uint8)])
    pixels[:, :80, 3] = 0
    picture = shown(tmp_path, saved(Image.fromarray(pixels), form))
    assert picture[:, :72].min() > 240
    assert picture[10:30, 90:].min() < 60


def png(colours: int, transparent: bytes, row: bytes) -> bytes:
    """Return a PNG of 16 bits a channel, its rows all the same."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    width = len(row) // (2 if colours == 0 else 6)
    head = struct.pack(">IIBBBBB", width, 8, 16, colours, 0, 0, 0)
    data = zlib.compress((b"\0" + row) * 8)
    chunks = chunk(b"IHDR", head), chunk(b"tRNS", transparent), chunk(b"IDAT", data), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_one_colour_of_sixteen_bits_that_is_transparent(tmp_path: Path) -> None:
    hidden, seen = b"\x12\x34", b"\x80\x00"
    grey = shown(tmp_path, png(0, hidden, hidden * 8 + seen * 8))
    assert grey[:, :8].min() == 255
    assert np.abs(grey[:, 8:].astype(int) - 128).max() <= 1
    colour = shown(tmp_path, png(2, hidden * 3, hidden * 24 + seen * 24))
    assert colour[:, :8].min() == 255
    assert np.abs(colour[:, 8:].astype(int) - 128).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.slow
def test_orientation(tmp_path: Path, form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = quarters(160, 90)
    turns, mirrored = {
        1: (0, 0),
        2: (0, 1),
        3: (2, 0),
        4: (2, 1),
        5: (1, 1),
        6: (1, 0),
        7: (3, 1),
        8: (3, 0),
    }[orientation]
    stored = np.rot90(upright[:, ::-1] if mirrored else upright, turns)
    picture = shown(tmp_path, saved(Image.fromarray(np.ascontiguousarray(stored)), form, exif=exif))
    assert np.abs(picture[..., ::-1].astype(int) - upright).mean() < 6


def test_what_lies_behind_a_jpeg_is_ignored(tmp_path: Path) -> None:
    whole = saved(PLAIN, "JPEG")
    film = np.random.default_rng(5).bytes(200_000)
    for cut in (film.rfind(b"\xff\xda") + 2, film.rfind(b"\xff\xd9") + 2, 100):
        data = whole + bytes(8) + b"ftypmp42" + film[:cut]
        assert shown(tmp_path, data).shape == (90, 160, 3)
    assert shown(tmp_path, saved(PLAIN, "JPEG", progressive=True) + film).shape == (90, 160, 3)
    with pytest.raises(FilterError, match="truncated"):
        photo(tmp_path, whole[:-300])


def test_a_jpeg_with_others_behind_it_is_a_photo_and_a_film_of_them_is_none(tmp_path: Path) -> None:
    several = saved(PLAIN, "MPO", save_all=True, append_images=[Image.new("RGB", (80, 45))])
    assert shown(tmp_path, several).shape == (90, 160, 3)
    assert photo(tmp_path, saved(PLAIN, "JPEG") * 3) is None


def test_films_are_no_photos_and_what_nobody_reads_is_named(tmp_path: Path) -> None:
    options = {"save_all": True, "append_images": [Image.new("RGB", (160, 90), "red")], "duration": 100}
    for form in ("GIF", "PNG", "AVIF"):
        assert photo(tmp_path, saved(PLAIN, form, **options)) is None, form
    with pytest.raises(FilterError, match="animated WebP"):
        photo(tmp_path, saved(PLAIN, "WEBP", **options))
    with pytest.raises(FilterError, match="HEIC"):  # nothing of it is there
        photo(tmp_path, struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(400))


def test_an_avif_that_is_cropped_is_refused(tmp_path: Path) -> None:
    data = saved(PLAIN, "AVIF")
    assert b"pixi" in data
    with pytest.raises(FilterError, match="cropped"):
        photo(tmp_path, data.replace(b"pixi", b"clap"))


def test_an_avif_whose_crop_comes_behind_its_picture_is_refused(tmp_path: Path) -> None:
    data, crop = bytearray(saved(PLAIN, "AVIF")), clap(80, 90)
    pixi = data.index(b"pixi") - 4
    data[pixi : pixi + 16] = crop
    for name in (b"meta", b"iprp", b"ipco"):
        at = data.index(name) - 4
        data[at : at + 4] = struct.pack(">I", struct.unpack_from(">I", data, at)[0] + len(crop) - 16)
    data[data.index(b"ipma") + 16] |= 0x80  # essential, without which no decoder takes it
    meta, mdat = data.index(b"meta") - 4, data.index(b"mdat") - 4
    stored = struct.pack(">I", mdat - len(crop) + 16 + 8)
    moved = data[meta:mdat].replace(stored, struct.pack(">I", meta + 8))
    with pytest.raises(FilterError, match="cropped"):
        photo(tmp_path, bytes(data[:meta] + data[mdat:] + moved))


def test_an_hdr_avif_is_refused(tmp_path: Path) -> None:
    data = saved(PLAIN, "AVIF")
    at = data.index(b"colrnclx") + 10
    for transfer in (16, 18):
        with pytest.raises(FilterError, match="HDR"):
            photo(tmp_path, data[:at] + struct.pack(">H", transfer) + data[at + 2 :])


@pytest.mark.parametrize("form", FORMATS)
def test_a_photo_that_would_fill_the_memory_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr("filters.heif.MAX_PIXELS", 160 * 90 - 1)
    monkeypatch.setattr("filters.stills.read_still", lambda *_: pytest.fail("it is decoded"))
    with pytest.raises(FilterError, match="million pixels"):
        photo(tmp_path, saved(PLAIN, form))
