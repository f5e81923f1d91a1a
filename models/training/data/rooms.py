"""Rooms: which may be trained on, and the share of people and rooms that is kept for choosing."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from models.training.data.manifest import Manifest
from models.training.data.panoramas import read_panorama, views
from models.training.data.pictures import Floats, read_rgb, write_rgb

ROOMS = "rooms.json"

VIEWS = "views"
"""The folder of a prepared one that holds the views of panoramas ..."""

VIEW = "~"
"""... each named <panorama>~<letter>.jpg."""

LETTERS = "abcdefgh"
"""A picture of a panorama each, all around."""

THUMBNAIL = (64, 36)  # width and height in pixels; chosen
SAME_ROOM = 10.0
"""Mean difference, in levels of a thumbnail, below which two pictures show one room."""

KEPT = 0.1
"""The share of people and of rooms that training never sees."""


class BannedRoomError(ValueError):
    """A room that a test clip shows was about to be trained on."""


def kept_for_choosing(name: str) -> bool:
    """Tell whether a person or a room belongs to the part that training never sees; depends on the name only."""
    first = hashlib.sha256(name.encode()).digest()[0]
    return first < 256 * KEPT


def room_of(path: Path) -> str:
    """Return the name of the room that a picture shows: that of a view is its panorama's."""
    return path.stem.partition(VIEW)[0]


def number_of(path: Path) -> str:
    """Return a room's number as its name has it, without leading zeros, or the whole name."""
    match = re.search(r"(\d+)$", path.stem)
    return match.group(1).lstrip("0") or "0" if match else path.stem


def thumbnail(path: Path) -> Floats:
    picture = cv2.resize(read_rgb(path), THUMBNAIL, interpolation=cv2.INTER_AREA)
    return picture.astype(np.float32)


def allowed_rooms(folder: Path, banned: frozenset[str], plates: list[Path]) -> list[Path]:
    """Return the rooms of a folder that no test clip shows.

    `banned` holds numbers or stems; `plates` are pictures of the test clips' rooms: what looks like one of them
    is left out, too.
    """
    known = [thumbnail(plate) for plate in plates]
    rooms = []
    for path in sorted(folder.glob("*.jpg")):
        if number_of(path) in banned or path.stem in banned:
            continue
        view = thumbnail(path)
        if all(float(np.abs(view - plate).mean()) >= SAME_ROOM for plate in known):
            rooms.append(path)
    return rooms


def write_views(panoramas: Path, folder: Path) -> None:
    """Write the views of every panorama, <name>.hdr, of a folder; those that are there stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(panoramas.glob("*.hdr")):
        names = [folder / f"{path.stem}{VIEW}{letter}.jpg" for letter in LETTERS]
        if not all(name.exists() for name in names):
            for name, picture in zip(names, views(read_panorama(path), path.stem, len(names)), strict=True):
                write_rgb(name, picture)


def prepared_rooms(manifest: Manifest, data: Path, prepared: Path) -> list[Path]:
    """Return the rooms of all sources that no test clip shows; views of panoramas are written to PREPARED/views.

    Raises ValueError where a panorama is none.
    """
    plates = sorted((data / manifest.sources["clips"].folder).glob("*/plate.jpg"))
    folders = []
    for source in manifest.sources.values():
        if source.kind == "panoramas":
            write_views(data / source.folder, prepared / VIEWS)
            folders.append(prepared / VIEWS)
        elif source.kind == "rooms":
            folders.append(data / source.folder)
    return [room for folder in folders for room in allowed_rooms(folder, manifest.banned, plates)]


def require_allowed(rooms: list[Path], banned: frozenset[str]) -> None:
    """Raise BannedRoomError where one of the rooms is banned."""
    for room in rooms:
        if number_of(room) in banned or room.stem in banned:
            raise BannedRoomError(f"{room.name} is seen in a test clip: it must not be trained on")


def save_rooms(folder: Path, rooms: list[Path]) -> None:
    """Write the rooms of a prepared folder."""
    (folder / ROOMS).write_text(json.dumps([str(room) for room in rooms], indent=0), encoding="utf-8")


def load_rooms(folder: Path, banned: frozenset[str]) -> list[Path]:
    """Return the rooms of a prepared folder; raises BannedRoomError where one must not be there."""
    names = cast(list[str], json.loads((folder / ROOMS).read_text(encoding="utf-8")))
    rooms = [Path(name) for name in names]
    require_allowed(rooms, banned)
    return rooms
