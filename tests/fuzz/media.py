"""Pictures: what people upload, and what cameras send to a worker."""

from __future__ import annotations

import contextlib
import fractions
from functools import cache, partial

import av
import cv2
import numpy as np

from filters.backgrounds.background import Color
from filters.backgrounds.pictures import decode_picture
from filters.base import FilterError
from filters.matting.segmenter import Segmenter, load_card
from filters.person import PersonFilter
from server.config.options import DEFAULT_MODEL, MODELS
from server.core.errors import DecodeError, EncodeError
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import Transcoder
from tests.fuzz.target import Target, of_bytes, of_many

MAX_PIXELS = 1_000_000
LONGEST = 60_000
"""Bytes of a picture: two tell its length in a file of the corpus."""


def _pictures() -> list[bytes]:
    picture = np.zeros((12, 16, 3), np.uint8)
    return [cv2.imencode(suffix, picture)[1].tobytes() for suffix in (".jpg", ".png", ".webp")]


def _take_upload(data: bytes) -> None:
    """As the process does that decodes uploads."""
    with contextlib.suppress(FilterError):
        decode_picture(data, MAX_PIXELS)


@cache
def segmenter() -> Segmenter:
    return Segmenter(load_card(DEFAULT_MODEL, MODELS))


@cache
def _transcoder() -> Transcoder:
    return Transcoder(PersonFilter(segmenter(), Color(0, 255, 0)))


@cache
def _encoded() -> list[tuple[str, bytes]]:
    """Return pictures of both codecs, 64 x 48."""
    found = []
    for codec, name in (("VP8", "libvpx"), ("H264", "libx264")):
        encoder = av.CodecContext.create(name, "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
        encoder.time_base = fractions.Fraction(1, 30)
        frames = [
            av.VideoFrame.from_ndarray(np.full((72, 64), 40 * i, np.uint8), "yuv420p") for i in range(3)
        ]
        packets = [p for frame in (*frames, None) for p in encoder.encode(frame)]
        found += [(codec, bytes(packet)) for packet in packets]
    return found


def _take_pictures(codec: str, pictures: list[bytes]) -> None:
    for data in pictures:
        with contextlib.suppress(DecodeError, EncodeError):
            frame = EncodedFrame(data, 0, True, codec, 0.0)
            _transcoder().transcode([frame], ["VP8"], keyframe=True)


def targets() -> dict[str, Target]:
    """Return what reads pictures, none of it on the loop."""
    found = {"upload": of_bytes(_pictures(), _take_upload, 100_000, on_loop=False)}
    for codec in ("VP8", "H264"):
        seeds = [data for name, data in _encoded() if name == codec]
        take = partial(_take_pictures, codec)
        found[f"{codec} pictures"] = of_many(seeds, take, LONGEST, on_loop=False)
    return found
