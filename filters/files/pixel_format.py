"""Any frame of a file as a filter takes it: upright, opaque, 8-bit 4:2:0 in the colours of the backgrounds."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Final, cast

import av
import cv2
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideData
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from filters.backgrounds.pictures import flatten
from filters.base import FilterError, Plane, new_frame, planes_of
from filters.files.containers import UNCROPPED, Crop
from filters.files.hdr import BT_709, is_hdr, to_sdr
from filters.frames import part_of

BT_601: Final = 6  # matrix coefficients, ISO/IEC 23091-2
# What red and blue weigh in luma, in BT.601, and in BT.709, FCC, SMPTE 240M and BT.2020 by their numbers.
BT_601_WEIGHTS: Final = (0.299, 0.114)
OTHER_WEIGHTS: Final = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
DISPLAY_MATRIX: Final = 6  # AV_FRAME_DATA_DISPLAYMATRIX of libavutil/frame.h
OTHER_SIDE_DATA: Final = [kind for kind in range(32) if kind != DISPLAY_MATRIX]  # of FFmpeg 8.1


def to_standard_format(frame: av.VideoFrame, crop: Crop = UNCROPPED) -> av.VideoFrame:
    """Return the frame as yuv420p in limited range, on white where it is transparent, upright by its display matrix.

    `crop` is what the file wants cut off before it is turned. The matrix is `matrix_of(frame)`; HDR becomes SDR,
    other primaries and transfers (`light_of`) stay what they are. The frame itself may be returned.
    """
    plain = _limited(frame)
    if any(crop):
        plain = _cropped(plain, crop)
    turns, mirrored = quarter_turns(frame), _is_mirrored(frame)
    if not turns and not mirrored:
        return plain
    size = (plain.height, plain.width) if turns % 2 else (plain.width, plain.height)
    turned, planes = new_frame(*size)
    for target, source in zip(planes, planes_of(plain), strict=True):
        target[:] = _upright(source, turns, mirrored=mirrored)
    return turned


def matrix_of(frame: av.VideoFrame) -> int:
    """Return the matrix coefficients (ISO/IEC 23091-2) of the normal frame: BT.601, or what can't be converted."""
    is_rgb = frame.format.is_rgb or _has_alpha(frame) or is_hdr(frame)
    is_converted = is_rgb or frame.colorspace in OTHER_WEIGHTS
    return BT_601 if is_converted else int(frame.colorspace)


def light_of(frame: av.VideoFrame) -> tuple[int, int]:
    """Return primaries and transfer (ISO/IEC 23091-2) of the normal frame."""
    return (BT_709, BT_709) if is_hdr(frame) else (int(frame.color_primaries), int(frame.color_trc))


def opacity_of(frame: av.VideoFrame) -> Plane | None:
    """Return how opaque the upright frame is, 255 is opaque; None for a format without transparency."""
    if not _has_alpha(frame):
        return None
    return _upright(_bgra(frame)[..., 3], quarter_turns(frame), mirrored=_is_mirrored(frame))


def quarter_turns(frame: av.VideoFrame) -> int:
    """Return how many quarters of a turn counter-clockwise make the picture upright, to the nearest."""
    return round(frame.rotation / 90) % 4


def cropped_size(width: int, height: int, crop: Crop) -> tuple[int, int, int, int]:
    """Return the first column and row that remain of a picture, and those after the last. Raises FilterError."""
    left, top = ceil(crop.left * width), ceil(crop.top * height)
    right, bottom = width - ceil(crop.right * width), height - ceil(crop.bottom * height)
    if left >= right or top >= bottom:
        raise FilterError("nothing remains of the picture that the file crops")
    return left, top, right, bottom


def _cropped(frame: av.VideoFrame, crop: Crop) -> av.VideoFrame:
    left, top, right, bottom = cropped_size(frame.width, frame.height, crop)
    return part_of(frame, left, top, right - left, bottom - top)


def _limited(frame: av.VideoFrame) -> av.VideoFrame:
    if is_hdr(frame) or _has_alpha(frame):
        frame = av.VideoFrame.from_ndarray(_opaque(frame), format="bgr24")
    if frame.format.name != "yuv420p" or _is_full(frame):
        frame = frame.reformat(
            format="yuv420p",
            src_color_range=_source_range(frame),
            dst_color_range=ColorRange.MPEG,
            dst_colorspace=Colorspace.ITU601 if frame.format.is_rgb else None,
            threads=1,
        )
    weights = OTHER_WEIGHTS.get(frame.colorspace)
    return _converted(frame, _to_bt601(*weights)) if weights else frame


def _opaque(frame: av.VideoFrame) -> NDArray[np.uint8]:
    if not is_hdr(frame):
        return flatten(_bgra(frame))
    colours = to_sdr(frame)
    return flatten(np.dstack([colours, _bgra(frame)[..., 3]])) if _has_alpha(frame) else colours


def _converted(frame: av.VideoFrame, matrix: NDArray[np.float64]) -> av.VideoFrame:
    """Multiply all pixels by a matrix whose first column is that of a unit matrix."""
    target, out = new_frame(frame.width, frame.height)
    y, u, v = planes_of(frame)
    shift, out.u[:], out.v[:] = (
        cv2.addWeighted(u, from_u, v, from_v, 128 * (1 - from_u - from_v)) for _, from_u, from_v in matrix
    )
    # For each pixel, as a chroma sample belongs to four.
    shift = cv2.resize(shift, (frame.width, frame.height), interpolation=cv2.INTER_LINEAR)
    cv2.addWeighted(y, 1, shift, 1, -128, dst=out.y)
    return target


@lru_cache
def _to_bt601(red: float, blue: float) -> NDArray[np.float64]:
    """Return the matrix that makes Y, Cb and Cr in BT.601 of those with other weights, all in limited range."""
    return _from_rgb(*BT_601_WEIGHTS) @ np.linalg.inv(_from_rgb(red, blue))


def _from_rgb(red: float, blue: float) -> NDArray[np.float64]:
    luma = np.array([red, 1 - red - blue, blue])
    differences = [(np.eye(3)[2] - luma) / (1 - blue), (np.eye(3)[0] - luma) / (1 - red)]
    return np.array([219 * luma, *(112 * difference for difference in differences)])


def _is_full(frame: av.VideoFrame) -> bool:
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")


def _source_range(frame: av.VideoFrame) -> ColorRange:
    return ColorRange.JPEG if _is_full(frame) else ColorRange.UNSPECIFIED


def _has_alpha(frame: av.VideoFrame) -> bool:
    form = frame.format
    return form.has_palette or any(component.is_alpha for component in form.components)


def _bgra(frame: av.VideoFrame) -> NDArray[np.uint8]:
    pixels = frame.reformat(format="bgra", src_color_range=_source_range(frame), threads=1).to_ndarray()
    return pixels.astype(np.uint8, copy=False)


def _upright(plane: Plane, turns: int, *, mirrored: bool) -> Plane:
    return np.rot90(plane[::-1] if mirrored else plane, turns)


def _is_mirrored(frame: av.VideoFrame) -> bool:
    """Tell whether the display matrix turns the picture upside down before it rotates it."""
    graph = _only_display_matrix(frame.width, frame.height, frame.format.name)
    graph.push(frame)
    data = cast(Mapping[str, SideData], graph.vpull().side_data).get("DISPLAYMATRIX")
    if data is None:
        return False
    a, b, _, c, d = struct.unpack_from("5i", data)
    return bool(a * d < b * c)


@lru_cache(maxsize=4)
def _only_display_matrix(width: int, height: int, pix_fmt: str) -> Graph:
    """Return a graph that takes from frames all side data but the display matrix.

    PyAV 18.1 frees the metadata of side data twice (that of a PNG's profile, say), and gives none at all as long as
    there is any that it has no name for.
    """
    graph = Graph()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat(pix_fmt), time_base=Fraction(1)
    )
    deletions = [graph.add("sidedata", f"mode=delete:type={kind}") for kind in OTHER_SIDE_DATA]
    graph.link_nodes(source, *deletions, graph.add("buffersink")).configure()
    return graph
