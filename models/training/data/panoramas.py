"""Panoramas, and what a camera in the middle of them would see: many different pictures of one room."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from models.training.data.pictures import Floats, Picture, to_bytes

SIZE = (960, 540)
"""(width, height) of a picture: as wide as rooms are drawn from."""

FIELD = (70.0, 110.0)
"""Horizontal fields of view, degrees: from a laptop's camera to a wide conference camera."""

PITCH, ROLL = 10.0, 3.0
"""Standard deviation and half the range, degrees, of how a camera stands: not quite level."""

MIDDLE_GREY = 0.18
"""Linear light that a camera shows in the middle of its scale, of 1."""

STOPS = 0.7
"""Standard deviation of the exposure around it, in stops."""

WHITE = (1.0, 8.0)
"""Linear light that becomes white, of MIDDLE_GREY's scale: hard highlights, and soft ones."""

DARK = 1e-4
"""Linear light that is added before a logarithm is taken."""

MARGIN = 2
"""Pixels that cubic interpolation needs beyond an edge."""


def read_panorama(path: Path) -> Floats:
    """Read an equirectangular Radiance file: linear RGB light, float32 (height, width, 3).

    Raises ValueError where it is none, or isn't twice as wide as high.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.float32 or picture.ndim != 3:
        raise ValueError(f"{path} is no picture of linear light")
    if picture.shape[1] != 2 * picture.shape[0]:
        raise ValueError(f"{path} is not twice as wide as high")
    return cast(Floats, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def view(panorama: Floats, turn: tuple[float, float, float], field: float, size: tuple[int, int]) -> Floats:
    """Return what a camera sees: `turn` is yaw, pitch (up) and roll, `field` the horizontal field of view, in degrees.

    At yaw 0 it looks at the middle of the panorama. `size` is (width, height).
    """
    width, height = size
    focus = width / 2 / np.tan(np.radians(field) / 2)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    rays = np.stack([columns - (width - 1) / 2, rows - (height - 1) / 2, np.full_like(rows, focus)], axis=-1)
    yaw, pitch, roll = np.radians(turn)
    rays = rays @ (_around(2, roll).T @ _around(0, pitch).T @ _around(1, yaw).T).astype(np.float32)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    down, across = panorama.shape[:2]
    x = (np.arctan2(rays[..., 0], rays[..., 2]) / (2 * np.pi) + 0.5) * across - 0.5
    y = (np.arcsin(rays[..., 1]) / np.pi + 0.5) * down - 0.5
    # The margin at both sides joins the ends of the circle; logarithms don't ring at a lamp's edge as light does.
    stops = cv2.copyMakeBorder(np.log(panorama + DARK), 0, 0, MARGIN, MARGIN, cv2.BORDER_WRAP)
    maps = (x + MARGIN).astype(np.float32), y.astype(np.float32)
    seen = cv2.remap(stops, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return cast(Floats, np.maximum(np.exp(seen) - DARK, 0))


def _around(axis: int, angle: float) -> Floats:
    """Return the matrix of a turn around x (right), y (down) or z (forward)."""
    vector = np.zeros(3)
    vector[axis] = angle
    return cast(Floats, cv2.Rodrigues(vector)[0])


def exposed(light: Floats, rng: np.random.Generator) -> Picture:
    """Return linear light as a camera shows it: exposed for the most part of the view, with one of many curves."""
    middle = float(np.median(light.mean(axis=2)))
    light = light * (MIDDLE_GREY * 2 ** rng.normal(0, STOPS) / max(middle, 1e-6))
    white = np.exp(rng.uniform(*np.log(WHITE)))
    light = np.minimum(light * (1 + light / white**2) / (1 + light), 1) * (1 + 1 / white) / (1 + 1 / white**2)
    return to_bytes(255 * np.clip(light, 0, 1) ** (1 / 2.2))


def views(panorama: Floats, name: str, count: int) -> list[Picture]:
    """Return `count` pictures of a room, all around it; the same name gives the same ones."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    pictures = []
    for index in range(count):
        yaw = 360 / count * (index + rng.uniform(-0.3, 0.3))
        turn = (yaw, float(rng.normal(0, PITCH)), float(rng.uniform(-ROLL, ROLL)))
        light = view(panorama, turn, float(rng.uniform(*FIELD)), SIZE)
        pictures.append(exposed(light, rng))
    return pictures
