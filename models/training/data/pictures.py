"""What pictures are here: RGB and mattes, 8 bit, as OpenCV's functions take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
"""RGB, uint8 (height, width, 3)."""

Plane: TypeAlias = NDArray[np.uint8]
"""A matte or a mask, uint8 (height, width), 0 to 255."""

Floats: TypeAlias = NDArray[np.floating[Any]]
"""Floats of any shape; float32 unless numpy made float64 of them on the way."""

JPEG_QUALITY = 95  # of 100, as OpenCV's own default


def read_rgb(path: Path) -> Picture:
    """Read a colour picture; raises ValueError where there is none."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path} is no picture")
    return cast(Picture, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def read_plane(path: Path) -> Plane:
    """Read a grey picture; raises ValueError where there is none."""
    plane = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if plane is None:
        raise ValueError(f"{path} is no picture")
    return cast(Plane, plane)


def read_rgba(path: Path) -> tuple[Picture, Plane]:
    """Read a cut-out: colours and alpha; raises ValueError where there is no alpha."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        raise ValueError(f"{path} is no picture with transparency")
    return cast(Picture, cv2.cvtColor(picture[..., :3], cv2.COLOR_BGR2RGB)), cast(Plane, picture[..., 3])


def write_rgb(path: Path, picture: Picture) -> None:
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []
    _write(path, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)


def write_plane(path: Path, plane: Plane) -> None:
    _write(path, plane, [])


def _write(path: Path, picture: Any, options: list[int]) -> None:  # noqa: ANN401 - OpenCV's own type
    if not cv2.imwrite(str(path), picture, options):
        raise OSError(f"{path} can't be written")


def resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the picture at (width, height), averaged where it shrinks."""
    shrinks = size[0] < picture.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cast(NDArray[np.uint8], cv2.resize(picture, size, interpolation=how))


def blurred(values: Floats, sigma: float) -> Floats:
    """Return the values after a Gaussian of that many pixels."""
    return cast(Floats, cv2.GaussianBlur(values, (0, 0), sigma))


def to_bytes(values: Floats) -> NDArray[np.uint8]:
    """Return the values rounded and clipped to [0, 255]."""
    rounded: NDArray[np.uint8] = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return rounded
