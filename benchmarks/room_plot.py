"""Charts of the room benchmark, drawn with OpenCV: frame rate and latency over the number of participants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.room_report import HOLDS, WAYS, Result

Point = tuple[float, float]
Color = tuple[int, int, int]
"""Blue, green, red."""

SCALE = 2  # pixels drawn per pixel of the layout; chosen, as are the layout and its colours
PANEL = (520, 340)  # width and height in pixels of the layout
LEFT, RIGHT, TOP, BOTTOM = 58, 18, 46, 84  # pixels of the layout around the axes
INK, GRID, PAPER = (60, 60, 60), (228, 228, 228), (255, 255, 255)
COLORS: Mapping[str, Color] = {
    "greenroom": (90, 140, 20),
    "remote": (160, 60, 160),
    "janus": (40, 150, 190),
    "stock": (200, 120, 40),
    "stock-filter": (50, 70, 210),
}
LATENCIES = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)  # ms: the axis; chosen


class Axis(NamedTuple):
    """Values to a share of the axis's length, and where to put ticks."""

    share: Callable[[float], float]
    ticks: Sequence[float]


def plot(results: Sequence[Result], path: Path) -> None:
    """Draw a PNG with two panels; where a way ran more than once at one N, the median counts."""
    width, height = PANEL
    canvas = np.full((height * SCALE, 2 * width * SCALE, 3), PAPER, np.uint8)
    across = _participants(results)
    fps = _curves(results, lambda r: r.worst_fps)
    rates = Axis(lambda v: v / 32, (0, 5, 10, 15, 20, 25, 30))
    _panel(canvas[:, : width * SCALE], "Frames per second, worst stream", across, rates, fps, HOLDS)
    hops = _curves(results, lambda r: r.hop["p95"])
    low, high = np.log(LATENCIES[0]), np.log(LATENCIES[-1])
    latencies = Axis(lambda v: (float(np.log(max(v, LATENCIES[0]))) - low) / (high - low), LATENCIES)
    _panel(canvas[:, width * SCALE :], "Latency in ms, 95th percentile", across, latencies, hops)
    _legend(canvas, list(fps))
    if not cv2.imwrite(str(path), canvas):
        raise OSError(f"{path} can't be written")


def _participants(results: Sequence[Result]) -> Axis:
    numbers = sorted({r.participants for r in results})
    first, last = numbers[0], max(numbers[-1], numbers[0] + 1)
    return Axis(lambda v: 0.04 + 0.92 * (v - first) / (last - first), range(first, last + 1))


def _curves(results: Sequence[Result], value: Callable[[Result], float | None]) -> dict[str, list[Point]]:
    """Return the points of each way, from left to right."""
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for r in results:
        y = value(r)
        if y is not None:
            found[r.way][r.participants].append(y)
    return {way: [(n, median(ys)) for n, ys in sorted(found[way].items())] for way in WAYS if way in found}


def _panel(
    canvas: NDArray[np.uint8],
    title: str,
    across: Axis,
    up: Axis,
    curves: Mapping[str, Sequence[Point]],
    goal: float | None = None,
) -> None:
    width, height = PANEL

    def at(x: float, y: float) -> tuple[int, int]:
        """Return the pixel of two shares."""
        column = LEFT + x * (width - LEFT - RIGHT)
        row = height - BOTTOM - y * (height - TOP - BOTTOM)
        return round(column * SCALE), round(row * SCALE)

    _text(canvas, title, (LEFT, 28), 0.5, bold=True)
    for tick in up.ticks:
        _line(canvas, [at(0, up.share(tick)), at(1, up.share(tick))], GRID, 1)
        _text(canvas, f"{tick:g}", (LEFT - 8, at(0, up.share(tick))[1] / SCALE + 4), 0.38, anchor=1.0)
    for tick in across.ticks:
        _text(
            canvas,
            f"{tick:g}",
            (at(across.share(tick), 0)[0] / SCALE, height - BOTTOM + 18),
            0.38,
            anchor=0.5,
        )
    _text(canvas, "participants", (at(0.5, 0)[0] / SCALE, height - BOTTOM + 36), 0.4, anchor=0.5)
    if goal is not None:
        _line(canvas, [at(0, up.share(goal)), at(1, up.share(goal))], (170, 170, 170), 1)
    for way, points in curves.items():
        pixels = [at(across.share(x), up.share(y)) for x, y in points]
        _line(canvas, pixels, COLORS[way], 2)
        for pixel in pixels:
            cv2.circle(canvas, pixel, 4 * SCALE, COLORS[way], cv2.FILLED, cv2.LINE_AA)


def _legend(canvas: NDArray[np.uint8], ways: Sequence[str]) -> None:
    x, y = LEFT, PANEL[1] - 20
    for way in ways:
        cv2.circle(canvas, (x * SCALE, (y - 4) * SCALE), 5 * SCALE, COLORS[way], cv2.FILLED, cv2.LINE_AA)
        x += 12 + _text(canvas, WAYS[way], (x + 12, y), 0.42) + 28


def _line(canvas: NDArray[np.uint8], pixels: Sequence[tuple[int, int]], color: Color, width: int) -> None:
    points = np.array(pixels, np.int32).reshape(-1, 1, 2)
    cv2.polylines(
        canvas, [points], isClosed=False, color=color, thickness=width * SCALE, lineType=cv2.LINE_AA
    )


def _text(
    canvas: NDArray[np.uint8],
    text: str,
    position: tuple[float, float],
    size: float,
    *,
    anchor: float = 0.0,
    bold: bool = False,
) -> int:
    """Write text that begins (anchor 0) or ends (1) at a position of the layout; return its width there."""
    thickness = SCALE if bold else max(1, SCALE // 2)
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size * SCALE, thickness)
    origin = round(position[0] * SCALE - anchor * width), round(position[1] * SCALE)
    cv2.putText(canvas, text, origin, cv2.FONT_HERSHEY_SIMPLEX, size * SCALE, INK, thickness, cv2.LINE_AA)
    return width // SCALE
