"""What is shown instead of the room. A background is a class with `paint`."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from filters.backgrounds.base import Background
from filters.backgrounds.blur import Blur, Strength
from filters.backgrounds.clip import Clip
from filters.backgrounds.pictures import cover, decode_picture, encode_jpeg, on_white, to_planes
from filters.base import FilterError, Plane, Planes
from filters.stills import Bgr, read_photo

__all__ = [
    "BUILTIN",
    "CLIPS",
    "Background",
    "Blur",
    "Clip",
    "Color",
    "Picture",
    "PictureFile",
    "decode_picture",
    "encode_jpeg",
    "parse_background",
    "read_background",
    "write_background",
]

BUILTIN: Final[dict[str, str]] = {
    "studio": "Studio",
    "wainscot": "Sage wall",
    "window": "Window light",
    "shelf": "Bookshelf",
    "loft": "Evening loft",
    "bokeh": "Warm lights",
    "city": "City at night",
    "dusk": "Dusk mountains",
    "fjord": "Fjord",
    "forest": "Misty forest",
    "dunes": "Dunes",
    "paper": "Paper waves",
}
"""Id and title of the pictures that come with the program, as <id>.jpg and <id>.thumb.jpg."""

CLIPS: Final[dict[str, str]] = {"drift": "Drifting lights", "tide": "Slow tide"}
"""Id and title of the looping videos that come with the program, as <id>.webm, <id>.jpg and <id>.thumb.jpg."""

_BLURS: Final[dict[str, Strength]] = {"blur": "soft", "blur-strong": "strong"}


class Picture(Background):
    """A still picture, cropped to cover the frame. The picture itself may be shared and is not copied."""

    def __init__(self, image: Bgr) -> None:
        self.image = image
        self._planes: Planes | None = None

    def paint(self, source: Planes, alpha: Plane, time: float) -> Planes:
        if self._planes is None or self._planes.size != source.size:
            self._planes = to_planes(cover(self.image, *source.size))
        return self._planes


class PictureFile(Background):
    """A picture that is decoded when it is first painted."""

    def __init__(self, source: Path | bytes) -> None:
        """Raise FilterError where there is no such file."""
        if isinstance(source, Path) and not source.is_file():
            raise FilterError(f"the built-in picture {source.name} is missing")
        self.source = source
        self._picture: Picture | None = None

    def paint(self, source: Planes, alpha: Plane, time: float) -> Planes:
        if self._picture is None:
            content = self.source
            self._picture = Picture(decode_picture(content) if isinstance(content, bytes) else _load(content))
        return self._picture.paint(source, alpha, time)


class Color(Picture):
    """One colour; red, green and blue are 0 to 255."""

    def __init__(self, red: int, green: int, blue: int) -> None:
        self.spec = f"#{red:02x}{green:02x}{blue:02x}"
        super().__init__(np.array([[[blue, green, red]]], np.uint8))


def parse_background(spec: str, pictures: Path, *, files: bool = False) -> Background:
    """Return a new background for 'blur', 'blur-strong', '#rrggbb' or the id of a built-in picture or clip.

    `pictures` is the folder of the built-in ones. With `files`, the path of a picture or a video is
    understood too. Raises FilterError, also for a file that can't be used.
    """
    if spec in _BLURS:
        return Blur(_BLURS[spec])
    if re.fullmatch(r"#[0-9a-fA-F]{6}", spec):
        return Color(*bytes.fromhex(spec[1:]))
    if spec in BUILTIN:
        return PictureFile(pictures / f"{spec}.jpg")
    if spec in CLIPS:
        return Clip(pictures / f"{spec}.webm")
    if files and Path(spec).is_file():
        return _open(Path(spec))
    known = [*_BLURS, "#rrggbb", *BUILTIN, *CLIPS, *(["the path of a picture or video"] if files else [])]
    raise FilterError(f"unknown background {spec[:80]!r}; known: {', '.join(known)}")


def write_background(background: Background) -> tuple[str, bytes]:
    """Return a background as a name and a file's content, which mean the same on another machine.

    The content is empty for what comes with the program. Raises FilterError for what is neither that nor a picture.
    """
    match background:
        case Blur():
            return next(spec for spec, strength in _BLURS.items() if strength == background.strength), b""
        case Color():
            return background.spec, b""
        case PictureFile(source=bytes(content)):
            return "", content
        case PictureFile(source=Path(stem=name)) | Clip(path=Path(stem=name)) if name in BUILTIN | CLIPS:
            return name, b""
        case Picture(image=image):
            return "", cv2.imencode(".png", image)[1].tobytes()
    raise FilterError(f"a {type(background).__name__} can't go to another process")


def read_background(spec: str, content: bytes, pictures: Path) -> Background:
    """Undo write_background, with the built-in pictures of a folder; raise FilterError."""
    return PictureFile(content) if content else parse_background(spec, pictures)


def _open(path: Path) -> Background:
    try:
        still = read_photo(path)
    except FilterError as error:
        raise FilterError(f"{path.name}: {error}") from error
    if still is None:
        return Clip(path)
    return Picture(on_white(still))


@lru_cache(maxsize=len(BUILTIN))
def _load(path: Path) -> Bgr:
    """Decode a built-in picture once; everybody who chose it shares the array."""
    image = decode_picture(path.read_bytes())
    image.setflags(write=False)
    return image
