"""filter_file on photos."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from filters.files.filter_file import MatteSink, filter_file
from tests.support.media import Late, picture_bytes, quarters
from tests.support.person import Picture


def read(path: Path) -> Picture:
    """Return a picture as RGB, or RGBA where it has alpha, or grey."""
    picture = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)
    if picture.ndim == 2:
        return picture
    return np.concatenate([picture[..., 2::-1], picture[..., 3:]], axis=2)


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Put Exif with that Orientation (tag 0x112) into a JPEG."""
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".bmp"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_photo(tmp_path: Path, kind: str, suffix: str) -> None:
    source = tmp_path / f"in{kind}"
    source.write_bytes(picture_bytes(quarters(65, 47), kind))
    assert filter_file(source, tmp_path / f"out{suffix}", Late) == 1
    seen = read(tmp_path / f"out{suffix}").astype(int)
    assert np.abs(seen - quarters(65, 47)).mean() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_is_turned_as_its_exif_says(tmp_path: Path, orientation: int) -> None:
    source = tmp_path / "in.jpg"
    source.write_bytes(with_orientation(picture_bytes(quarters(64, 48), ".jpg"), orientation))
    filter_file(source, tmp_path / "out.png", Late, matte=tmp_path / "matte.png")
    upright = cv2.imread(str(source))[..., ::-1]  # type: ignore[index]
    assert upright.shape == ((64, 48, 3) if orientation > 4 else (48, 64, 3))
    assert np.abs(read(tmp_path / "out.png").astype(int) - upright).mean() < 8
    ramp = np.add.outer(np.arange(upright.shape[0]), np.arange(upright.shape[1]))
    np.testing.assert_array_equal(read(tmp_path / "matte.png"), ramp)


def test_transparent_photo_hides_no_room_behind_its_alpha(tmp_path: Path) -> None:
    class LeftHalf(Late):
        def __init__(self, on_matte: MatteSink) -> None:
            left = (np.arange(64) < 32) * np.full((48, 1), 255)
            super().__init__(lambda _: on_matte(left.astype(np.uint8)))

    source = tmp_path / "in.png"
    source.write_bytes(picture_bytes(quarters(64, 48), ".png"))
    filter_file(source, tmp_path / "out.png", LeftHalf, transparent=True)
    seen = read(tmp_path / "out.png")
    assert seen.shape == (48, 64, 4)
    assert not seen[:, 32:].any()
    assert (seen[:, :32, 3] == 255).all()
    assert np.abs(seen[:, :31, :3].astype(int) - quarters(64, 48)[:, :31]).mean() < 8


class Everything(Late):
    """Takes everything for a person."""

    def __init__(self, on_matte: MatteSink) -> None:
        super().__init__(lambda ramp: on_matte(np.full_like(ramp, 255)))


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("kind", [".png", ".webp"])
def test_what_a_photo_hides_already_stays_hidden(tmp_path: Path, kind: str, transparent: bool) -> None:
    pixels = np.dstack([quarters(64, 48), np.full((48, 64), 255, np.uint8)])
    pixels[:, :32, 3] = 0
    source = tmp_path / f"in{kind}"
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if kind == ".webp" else []
    source.write_bytes(cv2.imencode(kind, pixels[..., [2, 1, 0, 3]], lossless)[1].tobytes())
    matte = tmp_path / "matte.png"
    filter_file(source, tmp_path / "out.png", Everything, matte=matte, transparent=transparent)
    seen = read(tmp_path / "out.png")
    assert (seen[:, :32] == 0).all() if transparent else seen[:, :29].min() > 245
    assert np.abs(seen[:, 33:, :3].astype(int) - quarters(64, 48)[:, 33:]).mean() < 8
    np.testing.assert_array_equal(read(matte), pixels[..., 3])


def test_a_mirrored_photo_is_hidden_where_it_was(tmp_path: Path) -> None:
    pixels = np.dstack([quarters(64, 48), np.full((48, 64), 255, np.uint8)])
    pixels[:, :32, 3] = 0
    png = cv2.imencode(".png", pixels[..., [2, 1, 0, 3]])[1].tobytes()
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, 5, 0, 0)
    body = b"eXIf" + tiff
    exif = struct.pack(">I", len(tiff)) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "in.png").write_bytes(png[:33] + exif + png[33:])
    filter_file(tmp_path / "in.png", tmp_path / "out.png", Everything, transparent=True)
    np.testing.assert_array_equal(read(tmp_path / "out.png")[..., 3], pixels[..., 3].T)
