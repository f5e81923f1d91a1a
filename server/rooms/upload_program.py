"""A process that decodes one uploaded picture, and can do no more than that.

    python -m server.rooms.upload_program MAX_PIXELS     (started by uploads.py)

The picture comes in on standard input; standard output gets its length as a JPEG, that JPEG, and its thumbnail.
"""

from __future__ import annotations

import sys
from typing import Final

import cv2

from filters.backgrounds.pictures import decode_picture, encode_jpeg
from filters.base import FilterError
from server.core.confinement import confine

MEMORY: Final = 1 << 30
"""Bytes beside those of the program: 40 million pixels with transparency, converted from one profile to another."""
SECONDS: Final = 20  # of CPU; such a picture takes 3
REFUSED: Final = 3  # exit status: standard error has the reason in words
THUMBNAIL: Final = (256, 144)  # px: width and height; 16:9, as the tiles
QUALITY: Final = 95  # JPEG quality of 100, as OpenCV counts; its default


def main(max_pixels: str) -> None:
    """Decode what standard input has."""
    cv2.setNumThreads(1)
    data = sys.stdin.buffer.read()
    confine(MEMORY, SECONDS)
    try:
        image = decode_picture(data, int(max_pixels))
        picture = encode_jpeg(image, (image.shape[1], image.shape[0]), quality=QUALITY)
        thumbnail = encode_jpeg(image, THUMBNAIL)
    except FilterError as error:
        print(error, end="", file=sys.stderr)  # noqa: T201 - a program's answer
        sys.exit(REFUSED)
    sys.stdout.buffer.write(len(picture).to_bytes(4) + picture + thumbnail)


if __name__ == "__main__":
    main(*sys.argv[1:])
