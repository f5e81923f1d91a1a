"""Labels for a second task: key points of prepared people, as BlazePose (Bazarevsky et al., CVPRW 2020) sees them.

The network is `pose_landmark_lite.tflite` of npm's @mediapipe/pose, Apache-2.0. It looks at a square around a person.
MediaPipe's detector, which finds the first square, isn't needed: the matte knows where the person is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.training.data.people import Cutout, KeyPoint, Person, Store, outline
from models.training.data.pictures import Floats, Picture, Plane

SIDE = 256
"""Pixels of the square that the network looks at."""

POINTS, VALUES = 39, 5
"""The network's points, and its values for each: x, y, z, visibility, presence (logits)."""

KINDS = {0: 1, 11: 2, 12: 2, 13: 3, 14: 3, 15: 4, 16: 4, 23: 5, 24: 5, 25: 6, 26: 6, 27: 7, 28: 7}
"""Which kind of key point each is that is used: head, shoulder, elbow, wrist, hip, knee, ankle; left as right."""

HIPS, CIRCLE = 33, 34
"""The points that tell the next square: its middle, and a point of the circle around the whole body."""

MARGIN = 1.25
"""How much larger the square is than the body, as in MediaPipe."""

LOOKS = 3
"""Each look's square comes from the look before."""

SEEN = 0.5
"""Visibility, and the network's certainty that somebody is there, from which on a point is used."""


class NoPoseNetworkError(ValueError):
    """The file isn't BlazePose's, or what runs TFLite isn't installed."""


class BlazePose:
    """The network on one thread."""

    def __init__(self, path: Path) -> None:
        """Load the network; raises NoPoseNetworkError where that can't be done."""
        try:
            from ai_edge_litert.interpreter import Interpreter

            self._network: Any = Interpreter(str(path), num_threads=1)
        except (ImportError, ValueError) as error:
            raise NoPoseNetworkError(f"{path}: {error}") from error
        self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]["index"]
        sizes = {int(np.prod(d["shape"])): d["index"] for d in self._network.get_output_details()}
        if not {1, POINTS * VALUES} <= set(sizes):
            raise NoPoseNetworkError(f"{path} gives no {POINTS} points")
        self._there, self._points = sizes[1], sizes[POINTS * VALUES]

    def __call__(self, cutout: Cutout) -> list[KeyPoint]:
        """Return the key points that are seen, in pixels of the cut-out; none where no person is made out."""
        middle, side = first_square(cutout.alpha)
        for _ in range(LOOKS):
            points, seen, there = self._look(cutout.colour, middle, side)
            middle, side = points[HIPS], 2 * MARGIN * float(np.linalg.norm(points[CIRCLE] - points[HIPS]))
        if there < SEEN:
            return []
        return [
            KeyPoint(kind, float(points[index, 0]), float(points[index, 1]))
            for index, kind in KINDS.items()
            if seen[index] > SEEN
        ]

    def _look(self, picture: Picture, middle: Floats, side: float) -> tuple[Floats, Floats, float]:
        """Return the points (n, 2) in the picture, how visible each is, and how sure it is that somebody is there."""
        scale = SIDE / max(side, 1.0)
        moved = SIDE / 2 - scale * middle
        move = np.array([[scale, 0, moved[0]], [0, scale, moved[1]]], np.float32)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        view = cv2.warpAffine(picture, move, (SIDE, SIDE), flags=how)
        self._network.set_tensor(self._input, view[None].astype(np.float32) / 255)
        self._network.invoke()
        values = self._network.get_tensor(self._points).reshape(POINTS, VALUES)
        points: Floats = (values[:, :2] - SIDE / 2) / scale + middle
        seen: Floats = 1 / (1 + np.exp(-values[:, 3]))
        return points, seen, float(self._network.get_tensor(self._there).ravel()[0])


def first_square(alpha: Plane) -> tuple[Floats, float]:
    """Return middle and side of the square that a person's whole body is about in.

    Of who is cut at the bottom, half is taken to be there: the hips are at the border.
    """
    left, top, right, bottom = outline(alpha)
    height, cut = bottom - top, bottom == len(alpha) and 2 * (right - left) > bottom - top
    middle = np.array([(left + right) / 2, bottom if cut else (top + bottom) / 2], np.float32)
    return middle, MARGIN * (2 * height if cut else max(height, right - left))


def label(store: Store, people: list[Person], network: BlazePose, report: Callable[[str], None]) -> int:
    """Store the key points of prepared people; return how many of them have some."""
    found = dict[str, list[KeyPoint]]()
    for person in people:
        report(person.name)
        found[person.name] = network(store.cutout(person))
    store.save_keypoints(found)
    return sum(1 for points in found.values() if points)
