"""Put a person in front of a background, plane by plane, without leaving 8-bit 4:2:0."""

from __future__ import annotations

import cv2
import numpy as np

from filters import kernels
from filters.base import FilterError, Plane, Planes
from filters.framing import CropBox


def composite(source: Planes, alpha: Plane, background: Planes, out: Planes) -> None:
    """Write source · α + background · (1 − α) into every plane of `out`.

    `alpha` is an 8-bit matte at luma size, 255 is person. Where it is 255 the result is the source and
    where it is 0 the background, exactly; in between each product is rounded to the nearest level.
    Only the bounding box of the person is blended. `out` may share memory with `background`, not with
    `source`. Raises FilterError when the sizes differ, before anything is written.
    """
    _check_sizes(source, alpha, background, out)
    if kernels.native.composite(*source, alpha, *background, *out):
        return
    for plane, behind in zip(out, background, strict=True):
        np.copyto(plane, behind)
    x, y, width, height = cv2.boundingRect(alpha)
    if width == 0:
        return
    # Even corners, so that the box covers whole chroma samples; slicing clips it at an odd border.
    top, left, bottom, right = y & ~1, x & ~1, y + height + 1 & ~1, x + width + 1 & ~1
    luma = np.s_[top:bottom, left:right]
    chroma = np.s_[top // 2 : bottom // 2, left // 2 : right // 2]
    matte = alpha[luma]
    _blend(source.y[luma], matte, background.y[luma], out.y[luma])
    matte = chroma_alpha(matte)
    _blend(source.u[chroma], matte, background.u[chroma], out.u[chroma])
    _blend(source.v[chroma], matte, background.v[chroma], out.v[chroma])


def composite_crop(source: Planes, alpha: Plane, background: Planes, crop: CropBox, out: Planes) -> Plane:
    """Do as `composite` with a part of source and alpha enlarged to all of `out`; return the alpha that is shown.

    What is interpolated is the source times alpha, so that no pixel of alpha 0 gets into its neighbours. `out` shares
    no memory with the others. Raises FilterError as `composite` does.
    """
    _check_sizes(source, alpha, background, out)
    shown = np.empty(alpha.shape, np.uint8)
    if kernels.native.composite_crop(*source, alpha, *background, *crop, *out, shown):
        return shown
    black = Planes(*(np.zeros(plane.shape, np.uint8) for plane in source))
    white = Planes(*(np.full(plane.shape, 255, np.uint8) for plane in source))
    person, share = (Planes(*(np.empty(plane.shape, np.uint8) for plane in source)) for _ in range(2))
    composite(source, alpha, black, person)
    composite(white, alpha, black, share)
    for plane, part, weight, behind in zip(out, person, share, background, strict=True):
        rest = cv2.bitwise_not(_enlarged(weight, crop))
        cv2.multiply(behind, rest, dst=plane, scale=1 / 255)
        cv2.add(plane, _enlarged(part, crop), dst=plane)
    return _enlarged(alpha, crop)


def _enlarged(plane: Plane, crop: CropBox) -> Plane:
    """Return a part of the plane at the plane's size, bilinear."""
    height, width = plane.shape
    left, top = ((middle - crop.side / 2) * length for middle, length in ((crop.x, width), (crop.y, height)))
    # The middle of pixel n is at n + 1/2.
    shift = (crop.side - 1) / 2
    matrix = np.array([[crop.side, 0, left + shift], [0, crop.side, top + shift]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def chroma_alpha(alpha: Plane) -> Plane:
    """Return the matte at chroma size (halves rounded up): the least of each 2 × 2 luma samples.

    A chroma sample is shared by four pixels. Taking the minimum, and not the mean, keeps the room's colour
    out of every pixel whose own alpha is 0, at the price of half a pixel of the person's colour.
    """
    height, width = alpha.shape
    if height % 2 or width % 2:
        alpha = cv2.copyMakeBorder(alpha, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    rows = cv2.min(alpha[::2], alpha[1::2])
    return np.minimum(rows[:, ::2], rows[:, 1::2])


def _blend(source: Plane, alpha: Plane, background: Plane, out: Plane) -> None:
    person = cv2.multiply(source, alpha, scale=1 / 255)
    cv2.multiply(background, cv2.bitwise_not(alpha), dst=out, scale=1 / 255)
    cv2.add(out, person, dst=out)


def _check_sizes(source: Planes, alpha: Plane, background: Planes, out: Planes) -> None:
    height, width = alpha.shape
    half = ((height + 1) // 2, (width + 1) // 2)
    expected = [alpha.shape, half, half]
    for name, planes in (("source", source), ("background", background), ("output", out)):
        shapes = [plane.shape for plane in planes]
        if shapes != expected:
            raise FilterError(f"alpha is {width}x{height}, but the planes of the {name} are {shapes}")
