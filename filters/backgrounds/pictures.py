"""Still pictures: decode what a stranger sent, crop to a frame, convert to planes, encode thumbnails."""

from __future__ import annotations

import struct
from typing import Final, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.base import FilterError, Plane, Planes
from filters.stills import DAMAGED, JPEG, MAX_SCANS, PNG, Bgr, Still, jpeg_end, read_still

Picture: TypeAlias = NDArray[np.uint8]
MAX_PIXELS: Final = 25_000_000
"""What a telephone's camera makes today; three bytes each while a picture is decoded."""

# BT.601 limited range from full-range B, G, R (and 1), the matrix WebRTC receivers assume.
_BT601: Final = np.array(
    [
        [24.966 / 255, 128.553 / 255, 65.481 / 255, 16],
        [112.0 / 255, -74.203 / 255, -37.797 / 255, 128],
        [-18.214 / 255, -93.786 / 255, 112.0 / 255, 128],
    ]
)
KEEP: Final = (1920, 1080)
"""A picture is kept no larger than it needs to be to cover this."""

MAX_SIDE: Final = 3840
"""Pixels: at 1080 lines a frame that is over three times as wide as high. What is kept is under MAX_PIXELS."""

STRIPS: Final = 16  # in which transparency is worked on, as its floats take four times the memory
FORMATS: Final = ("JPEG", "PNG", "WEBP")
"""Pillow's names of what is read."""

# Markers SOF0 to SOF15, ITU-T T.81, table B.1.
_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def decode_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> Bgr:
    """Decode a JPEG, PNG or WebP: upright, in sRGB, flattened on white, no larger than covering 1920x1080 takes.

    The size is read from the header and refused before anything is decoded. Raises FilterError with a
    message that can be shown to the sender.
    """
    width, height = _header_size(data)
    if width * height > max_pixels:
        raise FilterError(f"the picture is {width}x{height}, over {max_pixels / 1e6:.3g} million pixels")
    if width * height == 0 or (data.startswith(JPEG) and jpeg_end(data)[1] > MAX_SCANS):
        raise FilterError(DAMAGED)
    image, opacity = read_still(data, FORMATS, KEEP)
    image = _fitting(image)
    if opacity is not None:
        image = flatten(np.dstack([image, _fitting(opacity)]))
    return image


def _fitting(image: Picture) -> Picture:
    """Return the picture shrunk to cover 1920x1080, and of a panorama the middle, so that no side is over MAX_SIDE."""
    height, width = image.shape[:2]
    scale = min(1, max(KEEP[0] / width, KEEP[1] / height))
    # Cut first: what is left of a panorama is small.
    longest = int(MAX_SIDE / scale)
    left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
    image = image[top : top + longest, left : left + longest]
    if scale < 1:
        return cast(Picture, cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return image


def encode_jpeg(image: Bgr, size: tuple[int, int], quality: int = 85) -> bytes:
    """Crop a picture to (width, height) and encode it as JPEG."""
    done, data = cv2.imencode(".jpg", cover(image, *size), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise FilterError("the picture cannot be encoded")
    return data.tobytes()


def cover(image: Bgr, width: int, height: int) -> Bgr:
    """Scale a picture to fill width x height and cut off evenly what sticks out."""
    have_height, have_width = image.shape[:2]
    scale = max(width / have_width, height / have_height)
    take_width = min(max(round(width / scale), 1), have_width)
    take_height = min(max(round(height / scale), 1), have_height)
    left, top = (have_width - take_width) // 2, (have_height - take_height) // 2
    part = image[top : top + take_height, left : left + take_width]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(part, (width, height), interpolation=interpolation)  # type: ignore[return-value]


def to_planes(image: Bgr) -> Planes:
    """Convert a picture to BT.601 limited range; a chroma sample is the mean of its four pixels."""
    y, u, v = cv2.split(cv2.transform(image, _BT601))
    return Planes(y, _subsample(u), _subsample(v))  # type: ignore[arg-type]


def _subsample(plane: cv2.typing.MatLike) -> Plane:
    height, width = plane.shape
    even = cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    size = ((width + 1) // 2, (height + 1) // 2)
    return cv2.resize(even, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def on_white(still: Still) -> Bgr:
    """Return the picture, on white where it is transparent."""
    return still.pixels if still.opacity is None else flatten(np.dstack([still.pixels, still.opacity]))


def flatten(image: cv2.typing.MatLike) -> Bgr:
    """Put a picture with transparency, 8-bit BGRA, on white."""
    flat = np.empty((*image.shape[:2], 3), np.uint8)
    for part, rows in zip(np.array_split(image, STRIPS), np.array_split(flat, STRIPS), strict=True):
        alpha = part[..., 3:] / np.float32(255)
        rows[:] = np.rint(part[..., :3] * alpha + 255 * (1 - alpha))
    return flat


def _header_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) as the header states them."""
    try:
        if data.startswith(JPEG):
            return _jpeg_size(data)
        if data.startswith(PNG):
            return struct.unpack_from(">II", data, 16)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_size(data)
    except struct.error as error:
        raise FilterError(DAMAGED) from error
    raise FilterError("the file is not a JPEG, PNG or WebP picture")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the segments to the frame header (ITU-T T.81, B.1.1 and B.2.2)."""
    at = 2
    while True:
        prefix, marker, length = struct.unpack_from(">BBH", data, at)
        # Only markers that a length follows may come before the frame header.
        if prefix != 0xFF or marker < 0xC0 or 0xD0 <= marker <= 0xDA or length < 2:
            raise FilterError(DAMAGED)
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length


def _webp_size(data: bytes) -> tuple[int, int]:
    """Read the size from a lossy (RFC 6386, 9.1), lossless (RFC 9649, 3.4) or extended (2.7) WebP."""
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        low, high = struct.unpack_from("<IH", data, 24)
        return (low & 0xFFFFFF) + 1, (low >> 24 | high << 8) + 1
    raise FilterError(DAMAGED)
