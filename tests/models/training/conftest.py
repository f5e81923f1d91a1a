"""A prepared folder, made in a moment."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.training.data.people import Cutout, Person, Photo, Store, spread_colours
from models.training.data.pictures import write_rgb
from models.training.data.rooms import save_rooms
from tests.support.made_people import made_alpha, made_colours


@pytest.fixture(autouse=True)
def _denormals() -> Iterator[None]:
    """Let later tests have denormal numbers again: a trainer has the whole process do without."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A prepared folder of six people, one of whom is a photo, and of two rooms."""
    folder = tmp_path / "prepared"
    store, people = Store(folder), list[Person]()
    for index in range(6):
        bust = index % 2 == 0
        alpha = made_alpha(120 if bust else 200, 100 if bust else 80, bust=bust)
        colour = made_colours(alpha.shape[0], alpha.shape[1], (200, 90 + 20 * index, 60))
        photo = Photo(colour, alpha, np.full_like(alpha, 255)) if index == 1 else None
        people.append(store.add(f"made_{index}", "ccp", Cutout(spread_colours(colour, alpha), alpha), photo))
    store.save(people)
    rooms = []
    for name, hue in {"room_101": (40, 60, 160), "room_102": (90, 150, 80)}.items():
        rooms.append(tmp_path / f"{name}.jpg")
        write_rgb(rooms[-1], made_colours(180, 320, hue))
    save_rooms(folder, rooms)
    return folder
