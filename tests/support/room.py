"""A cluttered room, drawn: what a camera sees behind a person and the filter has to hide."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from tests.support.person import Picture

LONG_SIDE = 640
"""The room is laid out for pictures with this long side, in pixels, and scaled to others."""

Color = tuple[int, int, int]


@cache
def room(width: int, height: int) -> Picture:
    """Return the room without anybody in it, RGB, (height, width, 3)."""
    unit = max(width, height) / LONG_SIDE
    right, bottom = round(width / unit), round(height / unit)
    canvas = _wall(right * 2, bottom * 2)
    _window(canvas, 190, 24)
    _picture_frames(canvas, right, bottom)
    _shelf(canvas, right - 175, 40, bottom)
    _lamp(canvas, 60, bottom)
    soft = cv2.GaussianBlur(canvas, (0, 0), 1.4)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _wall(width: int, height: int) -> Picture:
    """Paint striped wallpaper, brighter to the top left."""
    x = np.arange(width)[None, :, None]
    y = np.arange(height)[:, None, None]
    wave = np.sin(x / 18.0)
    paper = np.array([176, 168, 150]) + 14 * np.sign(wave) + 6 * np.sin(y / 9.0 + wave)
    light = 1.12 - 0.35 * (x / width) - 0.2 * (y / height)
    return np.asarray(np.clip(paper * light, 0, 255), np.uint8)


def _box(canvas: Picture, x: float, y: float, width: float, height: float, color: Color) -> None:
    """Fill a rectangle that is given in layout pixels (half of the canvas's)."""
    cv2.rectangle(canvas, (int(2 * x), int(2 * y)), (int(2 * (x + width)), int(2 * (y + height))), color, -1)


def _window(canvas: Picture, x: int, y: int) -> None:
    _box(canvas, x, y, 110, 150, (235, 232, 225))
    for row in range(2):
        for column in range(2):
            sky = (150 + 30 * column, 190, 226 - 40 * row)
            _box(canvas, x + 6 + 52 * column, y + 6 + 72 * row, 46, 66, sky)
    for row in range(0, 150, 10):
        _box(canvas, x, y + row, 110, 2, (205, 200, 190))


def _picture_frames(canvas: Picture, right: int, bottom: int) -> None:
    rng = np.random.default_rng(3)
    for x, y, width, height in ((18, 125, 46, 58), (78, 132, 92, 56), (22, 200, 60, 44), (310, 40, 60, 80)):
        if x + width > right - 180 or y + height > bottom:
            continue
        _box(canvas, x, y, width, height, (62, 44, 30))
        _box(canvas, x + 4, y + 4, width - 8, height - 8, (228, 224, 214))
        for _ in range(14):
            center = int(2 * (x + rng.uniform(12, width - 12))), int(2 * (y + rng.uniform(12, height - 12)))
            cv2.circle(canvas, center, int(rng.uniform(4, 14)), _cloth(rng), -1, cv2.LINE_AA)


def _shelf(canvas: Picture, x: int, y: int, bottom: int) -> None:
    """Draw boards with books of every colour and width."""
    rng = np.random.default_rng(5)
    _box(canvas, x, y, 165, bottom - y, (70, 48, 32))
    for board in range(y + 6, bottom, 62):
        _box(canvas, x + 5, board, 155, 56, (44, 30, 20))
        left = x + 7.0
        while left < x + 148:
            width, height = rng.uniform(6, 15), rng.uniform(34, 52)
            _box(canvas, left, board + 56 - height, width - 1, height, _cloth(rng))
            _box(canvas, left, board + 56 - height * 0.8, width - 1, 3, (230, 214, 160))
            left += width


def _cloth(rng: np.random.Generator) -> Color:
    """Return any colour but the marker's saturated ones."""
    color = rng.uniform(25, 235, 3)
    red, green, blue = (0.65 * color + 0.35 * color.mean()).astype(int).tolist()
    return red, green, blue


def _lamp(canvas: Picture, x: int, bottom: int) -> None:
    """Draw a standing lamp with its glow on the wall."""
    height, width = canvas.shape[:2]
    y = bottom - 120
    columns, rows = np.arange(width)[None, :], np.arange(height)[:, None]
    glow = np.exp(-(((columns - 2 * x) / 130.0) ** 2 + ((rows - 2 * y) / 110.0) ** 2))
    canvas[:] = np.clip(canvas + glow[..., None] * np.array([90, 76, 40]), 0, 255).astype(np.uint8)
    _box(canvas, x - 2, y, 4, 120, (50, 46, 42))
    shade = np.array([[x - 16, y - 34], [x + 16, y - 34], [x + 30, y + 12], [x - 30, y + 12]]) * 2
    cv2.fillPoly(canvas, [shade.astype(np.int32)], (250, 226, 170), cv2.LINE_AA)
