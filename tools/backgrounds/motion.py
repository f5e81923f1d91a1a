"""The built-in clips: python -m tools.backgrounds.motion. Every movement ends where it began, so they loop unseen."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import pi
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from filters.backgrounds.pictures import encode_jpeg

FOLDER: Final = Path(__file__).resolve().parents[2] / "static" / "backgrounds"
WIDTH, HEIGHT, RATE, SECONDS = 640, 360, 15, 8  # pixels, frames per second, and a loop's length; chosen
Frame = NDArray[np.float32]
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)


def colour(code: str) -> NDArray[np.float32]:
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], np.float32)


def vertical(top: str, bottom: str) -> Frame:
    share: Frame = (Y / HEIGHT)[..., None]
    picture: Frame = colour(top) * (1 - share) + colour(bottom) * share
    return picture


def drift(phase: float) -> Frame:
    """Warm lights, far out of focus, that breathe and wander a little."""
    random = np.random.default_rng(5)
    picture = vertical("#1c1712", "#3a2a1c")
    for _ in range(26):
        x, y = random.uniform(0, WIDTH), random.uniform(0, HEIGHT * 0.75)
        radius, start, way = random.uniform(14, 46), random.uniform(0, 2 * pi), random.uniform(6, 16)
        tint = colour(str(random.choice(["#ffcf8a", "#f2a65a", "#e8b890", "#b8c4d8"])))
        cx, cy = x + way * np.cos(phase + start), y + way * np.sin(phase + start)
        distance = np.hypot(X - cx, Y - cy)
        disc = np.clip((radius - distance) / 6 + 0.5, 0, 1) * (0.75 + 0.25 * np.clip(distance / radius, 0, 1))
        strength = random.uniform(0.1, 0.3) * (0.8 + 0.2 * np.sin(phase + 2 * start))
        picture = picture + (disc * strength)[..., None] * tint
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.0), np.float32)


def tide(phase: float) -> Frame:
    """Hills of mist that rise and sink like slow water."""
    picture = vertical("#dfe7ea", "#b9cbd0")
    for layer in range(5):
        depth = layer / 4
        level = HEIGHT * (0.42 + 0.13 * layer)
        line = level + 16 * np.sin(2 * pi * X[0] / WIDTH * (1 + layer % 3) + layer * 1.7 + phase)
        line = line + 7 * np.sin(2 * pi * X[0] / WIDTH * (2 + layer) - phase + layer)
        mask = np.clip((Y - line) / 3 + 0.5, 0, 1)[..., None]
        tone = colour("#a9c2c6") * (1 - depth) + colour("#3d6670") * depth
        picture = picture * (1 - mask) + tone * mask
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.5), np.float32)


CLIPS: Final[dict[str, Callable[[float], Frame]]] = {"drift": drift, "tide": tide}


def film(path: Path, scene: Callable[[float], Frame]) -> None:
    """Write one loop as VP9, which every FFmpeg can read."""
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (HEIGHT, WIDTH, 3)).astype(np.float32)
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libvpx-vp9", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "36", "b": "0", "row-mt": "0", "cpu-used": "2"}
        for index in range(RATE * SECONDS):
            picture = np.clip(scene(2 * pi * index / (RATE * SECONDS)) + noise, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p", threads=1)
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    """Render every clip and its thumbnail."""
    for name, scene in CLIPS.items():
        film(FOLDER / f"{name}.webm", scene)
        still = np.ascontiguousarray(np.clip(scene(0.0), 0, 255).astype(np.uint8)[..., ::-1])
        (FOLDER / f"{name}.thumb.jpg").write_bytes(encode_jpeg(still, (256, 144)))
        (FOLDER / f"{name}.jpg").write_bytes(encode_jpeg(still, (WIDTH, HEIGHT)))


if __name__ == "__main__":
    main()
