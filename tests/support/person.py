"""The one person all tests have: scikit-image's astronaut, cut out down to the helmet that she holds."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""RGB, uint8, (height, width, 3)."""

BUST_HEIGHT = 345
"""Rows of the photo above the helmet, which is no part of a person."""

FACE = (190, 86, 64, 80)
"""x, y, width, height of the face (brows to chin) in the photo."""

# x, y around head, neck ring and shoulders, in pixels of the 512 × 512 photo.
_OUTLINE = """
    24,345 26,330 37,305 47,275 65,247 90,227 112,207 113,188 122,182 131,165 150,151 170,148 183,149
    181,131 172,122 165,112 157,100 154,82 154,65 165,47 185,35 200,22 225,16 250,19 275,32 292,52
    301,80 299,100 290,117 277,131 270,136 264,147 257,162 256,172 272,185 290,202 301,222 304,237
    320,245 340,265 352,290 361,320 366,345
"""


@cache
def astronaut() -> Picture:
    """Return the photo, RGB, (512, 512, 3)."""
    return np.asarray(skimage.data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]


@cache
def cutout() -> tuple[Picture, NDArray[np.float32]]:
    """Return the bust as RGB (345, 512, 3) and its matte (345, 512) in [0, 1]."""
    photo = astronaut()[:BUST_HEIGHT]
    mask = _snap(photo, _polygon(photo.shape[:2]))
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)
    return photo, np.clip((soft - 0.3) / 0.7, 0, 1).astype(np.float32)


def _polygon(shape: tuple[int, int]) -> Picture:
    points = [tuple(map(int, pair.split(","))) for pair in _OUTLINE.split()]
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.array(points, np.int32)], (1,))
    return mask


def _snap(photo: Picture, polygon: Picture, band: int = 9) -> Picture:
    """Move the hand-drawn outline to the photo's edges, by `band` pixels at most (GrabCut, Rother 2004)."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (band, band))
    mask = np.where(polygon > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[cv2.erode(polygon, kernel, borderValue=1) > 0] = cv2.GC_FGD
    mask[cv2.dilate(polygon, kernel) == 0] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    room, body = np.zeros((1, 65)), np.zeros((1, 65))  # OpenCV's colour models
    cv2.grabCut(photo[..., ::-1].copy(), mask, (0, 0, 1, 1), room, body, 3, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    return cv2.morphologyEx(person, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(np.uint8)
