"""What strangers send: read if it is a picture, refused in words if it is not, never expanded blindly."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filters.backgrounds.pictures import cover, decode_picture, encode_jpeg, to_planes
from filters.base import FilterError
from filters.stills import Bgr

SUFFIXES = [".jpg", ".png", ".webp"]


def quadrants(width: int = 80, height: int = 48) -> Bgr:
    """Return a picture that shows which way up it is: blue, green over red, white."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (255, 0, 0)
    image[: height // 2, width // 2 :] = (0, 255, 0)
    image[height // 2 :, : width // 2] = (0, 0, 255)
    image[height // 2 :, width // 2 :] = 255
    return image


def encode(image: NDArray[np.integer[Any]], suffix: str) -> bytes:
    flags = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    done, data = cv2.imencode(suffix, image, flags)
    assert done
    return data.tobytes()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def jpeg_header(width: int, height: int) -> bytes:
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 900) + b"\xff\xc0" * 450
    return b"\xff\xd8" + comment + b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)


def webp_header(kind: bytes, body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 40) + b"WEBP" + kind + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pictures_are_decoded(suffix: str) -> None:
    image = decode_picture(encode(quadrants(), suffix))
    assert image.shape == (48, 80, 3)
    assert np.abs(image.astype(int) - quadrants()).mean() < 4


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
def test_grey_pictures_get_three_channels(suffix: str) -> None:
    assert decode_picture(encode(np.full((9, 7), 99, np.uint8), suffix)).shape == (9, 7, 3)


@pytest.mark.parametrize(("suffix", "kind"), [(".png", np.uint8), (".png", np.uint16), (".webp", np.uint8)])
def test_transparency_becomes_white(suffix: str, kind: type[np.unsignedinteger]) -> None:
    image = np.zeros((20, 20, 4), kind)
    image[:, 10:] = np.iinfo(kind).max  # the left half is transparent black
    assert decode_picture(encode(image, suffix)).min() == 255


def test_the_camera_s_orientation_is_applied() -> None:
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0) + bytes(4)
    data = encode(quadrants(), ".jpg")
    turned = decode_picture(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    upright = cv2.rotate(quadrants(), cv2.ROTATE_90_CLOCKWISE)
    assert turned.shape == (80, 48, 3)
    assert np.abs(turned.astype(int) - upright).mean() < 4


@pytest.mark.slow
def test_a_large_photo_is_kept_no_larger_than_a_frame_needs() -> None:
    image = decode_picture(encode(np.full((2400, 3200, 3), 50, np.uint8), ".jpg"))
    assert image.shape == (1440, 1920, 3)


@pytest.mark.parametrize(
    "bomb",
    [
        png_header(100_000, 100_000),
        jpeg_header(65_500, 65_500),
        webp_header(b"VP8 ", bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 16_383, 16_383)),
        webp_header(b"VP8L", b"\x2f" + struct.pack("<I", 0x0FFFFFFF)),
        webp_header(b"VP8X", bytes(4) + b"\xff\xff\xff" * 2),
    ],
    ids=["png", "jpeg", "webp lossy", "webp lossless", "webp extended"],
)
def test_a_bomb_is_refused_by_its_header(bomb: bytes) -> None:
    with pytest.raises(FilterError, match="million pixels"):
        decode_picture(bomb)


def test_the_limit_can_be_set() -> None:
    data = encode(quadrants(), ".png")
    assert decode_picture(data, max_pixels=80 * 48).shape == (48, 80, 3)
    with pytest.raises(FilterError, match="80x48"):
        decode_picture(data, max_pixels=80 * 48 - 1)


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    with pytest.raises(FilterError, match="damaged"):
        decode_picture(encode(quadrants(), ".jpg")[:-2] + b"\xff\xda\0\x02" * 1000 + b"\xff\xd9")


@pytest.mark.parametrize("data", [b"", b"GIF89a" + bytes(40), b"<svg>", b"RIFF\0\0\0\0WAVEfmt ", b"\0" * 64])
def test_what_is_no_picture_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(FilterError, match="not a JPEG, PNG or WebP"):
        decode_picture(data)


@pytest.mark.parametrize("data", [png_header(0, 9), png_header(9, 9), jpeg_header(9, 9), jpeg_header(0, 0)])
def test_a_header_without_a_picture_is_damaged(data: bytes) -> None:
    with pytest.raises(FilterError, match="damaged"):
        decode_picture(data)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_cut_or_garbled_picture_is_decoded_or_refused(suffix: str) -> None:
    whole = encode(quadrants(), suffix)
    random = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole[: random.integers(1, len(whole))])
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        with suppress(FilterError):
            assert decode_picture(bytes(data), 10_000).dtype == np.uint8


@pytest.mark.parametrize(("width", "height"), [(40, 24), (24, 40), (200, 10), (81, 47), (1, 1)])
def test_cover_fills_and_keeps_the_middle(width: int, height: int) -> None:
    image = quadrants()
    image[20:28, 36:44] = 128
    fitted = cover(image, width, height)
    assert fitted.shape == (height, width, 3)
    assert np.abs(fitted[height // 2, width // 2].astype(int) - 128).max() < 30


def test_cover_does_not_stretch() -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    cv2.circle(image, (80, 45), 20, (255, 255, 255), -1)
    mask = cover(image, 90, 90)[..., 0] > 128
    assert abs(np.ptp(np.flatnonzero(mask.any(0))) - np.ptp(np.flatnonzero(mask.any(1)))) <= 1


@pytest.mark.parametrize(
    ("bgr", "yuv"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((0, 0, 255), (81, 90, 240)),
        ((0, 255, 0), (145, 54, 34)),
        ((255, 0, 0), (41, 240, 110)),
    ],
)
def test_colours_follow_bt601_limited_range(bgr: tuple[int, int, int], yuv: tuple[int, int, int]) -> None:
    planes = to_planes(np.full((3, 5, 3), bgr, np.uint8))
    assert [plane.shape for plane in planes] == [(3, 5), (2, 3), (2, 3)]
    assert all(np.ptp(plane) == 0 for plane in planes)
    assert [int(plane[0, 0]) for plane in planes] == pytest.approx(yuv, abs=1)


def test_thumbnails_are_jpegs_of_the_size_asked_for() -> None:
    data = encode_jpeg(quadrants(400, 400), (256, 144))
    assert data.startswith(b"\xff\xd8")
    assert decode_picture(data).shape == (144, 256, 3)
