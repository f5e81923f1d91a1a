"""People as training knows them: colours that reach beyond the outline, the matte, and where the picture cuts them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, cast

import cv2
import numpy as np

from models.training.data.pictures import (
    Floats,
    Picture,
    Plane,
    read_plane,
    read_rgb,
    to_bytes,
    write_plane,
    write_rgb,
)

INDEX = "people.json"
KEYPOINTS = "keypoints.json"
SPREAD = 12
"""How far, in pixels, the person's colours are carried outwards."""

SOLID = 0.95  # of full opacity: from there on a pixel's colour is the person's alone; chosen
CUT_SHARE = 0.03
"""A side is cut where the person covers more than this share of it ..."""

CUT_STRAIGHT = 0.75
"""... and is there at least this share as wide as a little further in: a head that only touches isn't cut."""

BODY_ASPECT = 1.9
"""Who is so much taller than wide stands there from head to foot."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person in a prepared folder; `cut` names the sides at which the picture's border cuts them."""

    name: str
    source: str
    cut: tuple[str, ...]
    standing: bool
    photo: bool
    """Whether the photo may be used as it is: then `<name>.photo.jpg` and `<name>.known.png` are there."""


class Cutout(NamedTuple):
    """Colours and matte of one person; the colours hold beyond the outline."""

    colour: Picture
    alpha: Plane


class Photo(NamedTuple):
    """A photo, its matte, and where the matte can be believed (255)."""

    picture: Picture
    alpha: Plane
    known: Plane


class KeyPoint(NamedTuple):
    """One of a person's key points: its kind, from 1 on, and where it is, in pixels of the cut-out."""

    kind: int
    x: float
    y: float


def cut_sides(alpha: Plane) -> tuple[str, ...]:
    """Return the sides of the picture that cut the person: left, top, right, bottom."""
    views = {"left": alpha.T, "top": alpha, "right": alpha.T[::-1], "bottom": alpha[::-1]}
    return tuple(side for side, view in views.items() if _straight(view))


def _straight(view: Plane) -> bool:
    """Tell whether the first row of a matte cuts the person."""
    inward = max(3, round(0.02 * len(view)))
    first, further = (int((view[row] > 127).sum()) for row in (0, min(inward, len(view) - 1)))
    return first > CUT_SHARE * view.shape[1] and first >= CUT_STRAIGHT * further


def spread_colours(picture: Picture, alpha: Plane) -> Picture:
    """Return the picture with the person's colours in place of the old room's around and under soft edges.

    This is the blur fusion of Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021), once.
    """
    share: Floats = alpha.astype(np.float32) / 255
    solid: Floats = (share > SOLID).astype(np.float32)[..., None]
    colours: Floats = picture.astype(np.float32)
    size = (2 * SPREAD + 1, 2 * SPREAD + 1)
    total = cv2.blur(colours * solid, size)
    weight = cv2.blur(solid, size)[..., None]
    spread = np.where(weight > 1e-3, total / (weight + 1e-4), colours)
    inside = np.clip((share - 0.9) / 0.1, 0, 1)[..., None]
    return to_bytes(colours * inside + spread * (1 - inside))


def outline(alpha: Plane) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the person; raises ValueError where nobody is."""
    x, y, width, height = cv2.boundingRect((alpha > 127).astype(np.uint8))
    if not width:
        raise ValueError("nobody is in the matte")
    return x, y, x + width, y + height


class Store:
    """A prepared folder: pictures of people, and an index of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self) -> list[Person]:
        """Read the index; raises OSError or ValueError where the folder isn't prepared."""
        rows = cast(list[dict[str, object]], json.loads((self._folder / INDEX).read_text(encoding="utf-8")))
        return [
            Person(
                name=str(row["name"]),
                source=str(row["source"]),
                cut=tuple(str(side) for side in cast(list[object], row["cut"])),
                standing=bool(row["standing"]),
                photo=bool(row["photo"]),
            )
            for row in rows
        ]

    def save(self, people: list[Person]) -> None:
        rows = [asdict(person) for person in people]
        (self._folder / INDEX).write_text(json.dumps(rows, indent=0), encoding="utf-8")

    def add(self, name: str, source: str, cutout: Cutout, photo: Photo | None = None) -> Person:
        """Write the pictures of one person; the caller saves the index."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_rgb(self._path(name, "colour.jpg"), cutout.colour)
        write_plane(self._path(name, "alpha.png"), cutout.alpha)
        if photo:
            write_rgb(self._path(name, "photo.jpg"), photo.picture)
            write_plane(self._path(name, "label.png"), photo.alpha)
            write_plane(self._path(name, "known.png"), photo.known)
        left, top, right, bottom = outline(cutout.alpha)
        standing = bottom - top > BODY_ASPECT * (right - left)
        return Person(name, source, cut_sides(cutout.alpha), standing, photo is not None)

    def cutout(self, person: Person) -> Cutout:
        colour, alpha = self.files(person)
        return Cutout(read_rgb(colour), read_plane(alpha))

    def save_keypoints(self, found: dict[str, list[KeyPoint]]) -> None:
        (self._folder / KEYPOINTS).write_text(json.dumps(found), encoding="utf-8")

    @cached_property
    def keypoints(self) -> dict[str, list[KeyPoint]]:
        """The key points of each person that has been looked at, by name; empty where nobody has been."""
        path = self._folder / KEYPOINTS
        rows = cast(
            dict[str, list[tuple[int, float, float]]],
            json.loads(path.read_text(encoding="utf-8")) if path.exists() else {},
        )
        return {name: [KeyPoint(*point) for point in points] for name, points in rows.items()}

    def files(self, person: Person) -> tuple[Path, Path]:
        """Return the two files of a person's cut-out."""
        return self._path(person.name, "colour.jpg"), self._path(person.name, "alpha.png")

    def photo(self, person: Person) -> Photo:
        return Photo(
            read_rgb(self._path(person.name, "photo.jpg")),
            read_plane(self._path(person.name, "label.png")),
            read_plane(self._path(person.name, "known.png")),
        )

    def _path(self, name: str, part: str) -> Path:
        return self._folder / f"{name}.{part}"
