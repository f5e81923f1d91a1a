"""Still pictures as everybody else shows them: upright, in sRGB, and no larger a risk than their header says."""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from filters.base import FilterError, Plane
from filters.heif import HDR_TRANSFERS, boxes, expect_pixels, read_heif

Bgr: TypeAlias = NDArray[np.uint8]
"""A picture as OpenCV holds it: uint8, (height, width, 3), blue first, full range, sRGB."""

DAMAGED: Final = "the picture is damaged"
PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8\xff"
MAX_SCANS: Final = 100
"""A progressive JPEG can ask for thousands of passes over the whole picture in a few kilobytes."""

SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
SPACES: Final = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}  # an ICC profile's name of the space of a mode
TRANSPARENT: Final = ("RGBA", "LA", "PA", "RGBa", "La")
# A marker that is none of entropy-coded data: neither a stuffed FF, nor a restart, nor a fill byte.
MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
SOS, EOI, RST = 0xDA, 0xD9, range(0xD0, 0xD8)  # markers of ITU-T T.81, table B.1

# What Pillow raises for files that are broken in one way or another.
_ERRORS: Final = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, MemoryError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
_TAGGED_DEEP: Final = "16"  # in the name of a raw mode with 16 bits a channel

Image.init()
Image.MAX_IMAGE_PIXELS = None  # who calls has read the size, and has a limit of their own


class Still(NamedTuple):
    """A picture, and how opaque it is (uint8, 255 is opaque), None for all of it."""

    pixels: Bgr
    opacity: Plane | None


def read_still(data: bytes, formats: tuple[str, ...], size: tuple[int, int] | None = None) -> Still:
    """Decode a picture of one of Pillow's `formats`: upright, its profile converted to sRGB.

    A JPEG that is much larger than `size` (width, height) is decoded smaller, but not smaller than that. Raises
    FilterError.
    """
    _expect_sdr_and_whole(data)
    try:
        with Image.open(BytesIO(data), formats=formats) as image:
            if size is not None:
                image.draft(None, size)
            deep = _TAGGED_DEEP in str(image.tile)
            image.load()
            picture, alpha = _split(ImageOps.exif_transpose(image), image.info, deep=deep)
            colours = _in_srgb(picture, image.info.get("icc_profile"))
    except _ERRORS as error:
        raise FilterError(DAMAGED) from error
    pixels = np.asarray(colours)[..., ::-1]
    opacity = None if alpha is None else np.asarray(alpha)
    return Still(np.ascontiguousarray(pixels), opacity)


def jpeg_end(data: bytes) -> tuple[int | None, int]:
    """Return where a JPEG ends (ITU-T T.81, B.2), and how many scans it has; None where its end is missing.

    Phones put films behind it.
    """
    at, scans = 2, 0
    while at + 2 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker == EOI:
            return (at + 2 if data[at] == 0xFF else None), scans
        if marker == 0xFF:
            at += 1
            continue
        if marker in RST or marker == 1:
            at += 2
            continue
        if at + 4 > len(data):
            break
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
        if marker == SOS:
            scans += 1
            following = MARKER.search(data, at)
            if following is None:
                break
            at = following.start()
    return None, scans


def expect_whole_png(data: bytes) -> None:
    """Raise FilterError where a chunk claims more than the file has (ISO/IEC 15948, 5.3)."""
    at = len(PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if length > len(data) - at - 12:
            break
        if data[at + 4 : at + 8] == b"IEND":
            return
        at += 12 + length
    raise FilterError(DAMAGED)


def _expect_sdr_and_whole(data: bytes) -> None:
    if data.startswith(PNG):
        expect_whole_png(data)
    if data[4:8] != b"ftyp":
        return
    properties = b"".join(content for name, content in boxes(data) if name != b"mdat")
    if b"clap" in properties:
        raise FilterError("the picture is cropped in a way that cannot be read: save it as a JPEG or PNG")
    for found in re.finditer(b"colrnclx", properties):
        if struct.unpack_from(">H", properties.ljust(found.end() + 4), found.end() + 2)[0] in HDR_TRANSFERS:
            raise FilterError("the picture is HDR: save it as a JPEG or PNG")


def _split(
    image: Image.Image, info: dict[str | tuple[int, int], object], *, deep: bool
) -> tuple[Image.Image, Image.Image | None]:
    """Return the colours, in a mode that profiles know, and the opacity."""
    key = info.get("transparency")
    if image.mode.startswith("I"):  # 16 bits of grey
        grey = np.asarray(image).astype(np.uint32)
        opacity = None if key is None else np.where(grey == key, 0, 255).astype(np.uint8)
        shown = Image.fromarray((grey >> 8).clip(0, 255).astype(np.uint8))
        return shown, None if opacity is None else Image.fromarray(opacity)
    if deep and isinstance(key, tuple):
        # Of 16 bits only 8 were kept: all colours that begin as the transparent one does are hidden.
        image.info["transparency"] = tuple(value >> 8 for value in key)
    if image.mode in TRANSPARENT or "transparency" in image.info:
        whole = image.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    if image.mode in ("1", "F"):
        image = image.convert("L")
    return (image if image.mode in SPACES else image.convert("RGB")), None


def _in_srgb(image: Image.Image, profile: object) -> Image.Image:
    if isinstance(profile, bytes) and profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            space = source.profile.xcolor_space.strip()
            if space == "RGB" and image.mode == "L":
                image = image.convert("RGB")
            if space == SPACES.get(image.mode):
                converted = ImageCms.profileToProfile(
                    image,
                    source,
                    SRGB,
                    renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                    outputMode="RGB",
                    flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
                )
                return cast(Image.Image, converted)
        except (ImageCms.PyCMSError, OSError):
            pass  # a profile that nobody can read is left out by others, too
    return image.convert("RGB")


PHOTOS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "JPEG2000", "PPM")
"""Pillow's names of what is taken for a photo where anything may come."""

FILMS: Final = ("GIF", "PNG", "AVIF")  # of more than one frame
PICTURES_BEHIND: Final = b"MPF\0"  # in the header of a JPEG with others behind it, CIPA DC-007
AVIF_BRAND: Final = b"avif"
HEIC_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"mif1")  # ISO/IEC 23008-12, B.4.1


def read_photo(path: Path) -> Still | None:
    """Decode a photo of any kind; None where the file is a film, or nothing known. Raises FilterError."""
    head = b""
    try:
        with path.open("rb") as file:
            head = file.read(64)
        if _is_heic(head):
            return _of_heif(path.read_bytes())
        if head[8:12] == AVIF_BRAND:
            _expect_sdr_and_whole(path.read_bytes())
        with Image.open(path, formats=PHOTOS) as image:
            form, frames = image.format or "", int(getattr(image, "n_frames", 1))
            width, height = image.size
    except _ERRORS as error:
        if head[8:12] == AVIF_BRAND:
            raise FilterError(DAMAGED) from error
        return None  # FFmpeg says what is wrong with it
    if form == "WEBP" and frames > 1:
        raise FilterError("is an animated WebP, which cannot be read: convert it to a GIF or a video")
    if form in FILMS and frames > 1:
        return None
    expect_pixels(width * height)
    data = path.read_bytes()
    if data.startswith(JPEG):
        end, _ = jpeg_end(data)
        if end is None:
            raise FilterError("is truncated")
        if data[end : end + len(JPEG)] == JPEG and PICTURES_BEHIND not in data[:end]:
            return None  # a film of JPEGs
    return read_still(data, (form,) if form != "MPO" else ("JPEG",))


def _of_heif(data: bytes) -> Still:
    picture = read_heif(data)
    colours = _in_srgb(Image.fromarray(picture.pixels[..., ::-1]), picture.profile)
    return Still(np.ascontiguousarray(np.asarray(colours)[..., ::-1]), picture.opacity)


def _is_heic(head: bytes) -> bool:
    if head[4:8] != b"ftyp":
        return False
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, len(head), 4))]
    return b"avif" not in brands and b"avis" not in brands and head[8:12] in HEIC_BRANDS
