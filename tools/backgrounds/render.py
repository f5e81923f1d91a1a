"""Render the built-in pictures and all thumbnails: python -m tools.backgrounds.render."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from filters.backgrounds.pictures import encode_jpeg
from filters.stills import Bgr
from tools.backgrounds import indoors, outdoors
from tools.backgrounds.brush import (
    HEIGHT,
    WIDTH,
    Image,
    Random,
    X,
    Y,
    below,
    blend,
    ellipse,
    flat,
    glow,
    noise,
    soften,
)

FOLDER: Final = Path(__file__).resolve().parents[2] / "static" / "backgrounds"
THUMBNAIL: Final = (256, 144)  # width and height in pixels; chosen
SCENES: Final[dict[str, Callable[[Random], Image]]] = {
    "studio": indoors.studio,
    "wainscot": indoors.wainscot,
    "window": indoors.window,
    "shelf": indoors.shelf,
    "loft": indoors.loft,
    "bokeh": outdoors.bokeh,
    "city": outdoors.city,
    "dusk": outdoors.dusk,
    "fjord": outdoors.fjord,
    "forest": outdoors.forest,
    "dunes": outdoors.dunes,
    "paper": outdoors.paper,
}


def develop(image: Image, random: Random) -> Bgr:
    """Darken the corners, add grain, which also hides banding, and round to 8-bit BGR."""
    corners = 0.86 + 0.14 * glow(WIDTH / 2, HEIGHT / 2, 900, 640)
    grain = 0.0045 * noise(random, 1.6, 1)
    coded = (image * corners[..., None] + grain[..., None]) * 255 + random.uniform(-0.5, 0.5, image.shape)
    picture: Bgr = np.clip(np.rint(coded), 0, 255).astype(np.uint8)[..., ::-1]
    return np.ascontiguousarray(picture)


def sitter(room: Image, sigma: float) -> Image:
    """Return a neutral bust in front of a blurred room, the sign for a blur."""
    shoulders = below(760 - 260 * np.sqrt(np.clip(1 - ((X[0] - 640) / 360) ** 2, 0, 1)))
    bust = np.maximum(ellipse(640, 300, 118, 150), shoulders * (np.abs(X - 640) < 360))
    tone = blend(flat("#e9edf0"), Y / HEIGHT, flat("#b9c3ca"))
    return blend(soften(room, sigma), soften(bust, 2), tone)


def main() -> None:
    """Paint everything; each name has its own seed, so that the same files come out every time."""
    for name, scene in SCENES.items():
        random = np.random.default_rng(zlib.crc32(name.encode()))
        picture = develop(scene(random), random)
        (FOLDER / f"{name}.jpg").write_bytes(encode_jpeg(picture, (WIDTH, HEIGHT)))
        (FOLDER / f"{name}.thumb.jpg").write_bytes(encode_jpeg(picture, THUMBNAIL))
    for name, sigma in (("blur", HEIGHT / 36), ("blur-strong", HEIGHT / 8)):
        random = np.random.default_rng(zlib.crc32(b"loft"))
        sign = develop(sitter(indoors.loft(random) * 1.15, sigma), random)
        (FOLDER / f"{name}.thumb.jpg").write_bytes(encode_jpeg(sign, THUMBNAIL))


if __name__ == "__main__":
    main()
