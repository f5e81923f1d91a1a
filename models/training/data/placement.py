"""Where a person stands in a frame, so that no cut edge floats.

A cut-out that its picture's border cuts, at the waist say, has a straight edge there. Real cameras cut people at the
border of the frame and nowhere else, so that edge has to lie on the border or beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from models.training.data.pictures import Floats, Plane

MARGIN = 2.0
"""How far beyond the frame, in its pixels, a cut edge ends: interpolation softens it inwards."""

SIDES = ("left", "top", "right", "bottom")


class Pose(NamedTuple):
    """How a person is put: scale, stretch, turn, mirror image, and where `anchor` of the cut-out comes to lie."""

    scale: float
    stretch: float
    degrees: float
    mirrored: bool
    anchor: tuple[float, float]
    target: tuple[float, float]


def cut_points(alpha: Plane, side: str) -> Floats:
    """Return the ends (x, y) of the person's cut edge at one side of the cut-out, (2, 2)."""
    height, width = alpha.shape
    line = {"left": alpha[:, 0], "right": alpha[:, -1], "top": alpha[0], "bottom": alpha[-1]}[side]
    shown = np.flatnonzero(line > 12)
    first, last = (float(shown[0]), float(shown[-1])) if len(shown) else (0.0, 0.0)
    across = {"left": 0.0, "right": width - 1.0, "top": 0.0, "bottom": height - 1.0}[side]
    upright = side in ("left", "right")
    points = [(across, first), (across, last)] if upright else [(first, across), (last, across)]
    return np.array(points, np.float32)


def matrix(pose: Pose) -> Floats:
    """Return the affine map (2, 3) of the cut-out's pixels to the frame's."""
    angle = math.radians(pose.degrees)
    flip = -1.0 if pose.mirrored else 1.0
    across = pose.scale * pose.stretch * flip
    linear = np.array(
        [
            [across * math.cos(angle), -pose.scale * math.sin(angle)],
            [across * math.sin(angle), pose.scale * math.cos(angle)],
        ],
        np.float32,
    )
    moved = np.array(pose.target, np.float32) - linear @ np.array(pose.anchor, np.float32)
    return np.hstack([linear, moved[:, None]]).astype(np.float32)


def seen_side(side: str, mirrored: bool) -> str:
    """Return the side of the frame at which a side of the cut-out ends up."""
    other = {"left": "right", "right": "left"}
    return other.get(side, side) if mirrored else side


def in_contact(pose: Pose, alpha: Plane, cut: tuple[str, ...], size: tuple[int, int]) -> Floats:
    """Return the map of a pose, moved and enlarged so that each cut edge lies beyond its side of the frame.

    `size` is (width, height) of the frame. What is cut on two opposite sides spans the frame.
    """
    height, width = alpha.shape
    edges = {seen_side(side, pose.mirrored): cut_points(alpha, side) for side in cut}
    spans = []
    if "left" in edges and "right" in edges:
        spans.append((size[0] + 2 * MARGIN) / (width - 1) / pose.stretch)
    if "top" in edges and "bottom" in edges:
        spans.append((size[1] + 2 * MARGIN) / (height - 1))
    if spans:
        pose = pose._replace(scale=max(pose.scale, *spans), degrees=0.0)
    move = matrix(pose)
    beyond: dict[str, Callable[[Floats], float]] = {
        "left": lambda p: min(0.0, -MARGIN - float(p[:, 0].max())),
        "right": lambda p: max(0.0, size[0] - 1 + MARGIN - float(p[:, 0].min())),
        "top": lambda p: min(0.0, -MARGIN - float(p[:, 1].max())),
        "bottom": lambda p: max(0.0, size[1] - 1 + MARGIN - float(p[:, 1].min())),
    }
    for side, points in edges.items():
        placed = points @ move[:, :2].T + move[:, 2]
        move[0 if side in ("left", "right") else 1, 2] += beyond[side](placed)
    return move
