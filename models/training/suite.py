"""A suite of composed clips to choose by: people and rooms that training never saw, moving, with their true mattes.

It is written as `benchmarks.quality` reads it, so networks can be chosen in the whole filter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar, cast

import av
import cv2
import numpy as np

from models.training.data import scene
from models.training.data.camera import through_chroma
from models.training.data.people import Person, Store
from models.training.data.pictures import Floats, Picture, read_rgb, write_plane, write_rgb
from models.training.data.scene import FRAME, Box, Layer, Shares

T = TypeVar("T")

MANIFEST = "suite.json"
"""What a suite was composed of, in its folder."""

FRAMES = 60  # of a clip: two seconds; chosen
RATE = 30  # frames per second, as a page's camera by default
WHOLE: Box = (0.0, 0.0, float(FRAME[0]), float(FRAME[1]))
STILL = Shares(
    empty=0,
    two=0,
    far=0,
    close=0.1,
    side=0,
    bend=0,
    hidden_face=0.5,
    back_of_head=0.1,
    grey=0,
    lit_by_room=0.5,
)
"""What a clip draws that its kind does not say; chosen."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What happens in a clip."""

    people: int = 1
    enters: bool = False
    """The last person comes in from a side."""
    beside: bool = False
    """The last person is cut by a side all the time."""
    far: bool = False
    dark: bool = False
    grey: bool = False
    handheld: bool = False
    fast: bool = False


KINDS: dict[str, Kind] = {
    "one": Kind(),
    "fast": Kind(fast=True),
    "two": Kind(people=2),
    "beside": Kind(people=2, beside=True),
    "enters": Kind(enters=True),
    "second_enters": Kind(people=2, enters=True),
    "far": Kind(far=True),
    "dark": Kind(dark=True),
    "grey": Kind(grey=True),
    "handheld": Kind(handheld=True),
}

EMPTY: dict[str, Kind] = {
    "still": Kind(people=0),
    "held": Kind(people=0, handheld=True),
    "dark": Kind(people=0, dark=True),
    "moved": Kind(people=0, handheld=True),
}
"""Rooms with nobody in them: what is shown of them is wrong."""

Motion = Callable[[int], Floats]
"""Frame number to an affine map (2, 3) of the frame onto itself."""


def _combined(after: Floats, before: Floats) -> Floats:
    """Return the map that does `before` and then `after`."""
    linear = after[:, :2] @ before[:, :2]
    moved = after[:, :2] @ before[:, 2] + after[:, 2]
    return np.hstack([linear, moved[:, None]]).astype(np.float32)


def _then(first: Motion, second: Motion) -> Motion:
    return lambda frame: _combined(second(frame), first(frame))


def sway(rng: np.random.Generator, strength: float, pivot: tuple[float, float]) -> Motion:
    """Return the swaying of somebody who sits: a turn about `pivot` and a shift, as sines."""
    degrees, shift = strength * rng.uniform(1, 3), strength * rng.uniform(4, 14)
    periods, phases = rng.uniform(25, 70, 3), rng.uniform(0, 2 * np.pi, 3)

    def motion(frame: int) -> Floats:
        turn, across, grow = np.sin(2 * np.pi * frame / periods + phases)
        map_ = cv2.getRotationMatrix2D(pivot, degrees * turn, 1 + 0.01 * strength * grow)
        map_[0, 2] += shift * across
        return map_.astype(np.float32)

    return motion


def entrance(rng: np.random.Generator, from_left: bool, distance: float) -> Motion:
    """Return a walk into the frame: outside for a quarter of the clip, in place for the last quarter."""
    start, stop = 0.2 * FRAMES, 0.75 * FRAMES
    side = -1 if from_left else 1

    def motion(frame: int) -> Floats:
        left = np.clip((stop - frame) / (stop - start), 0, 1)
        bob = 3 * np.sin(2 * np.pi * frame / 14)
        return np.array([[1, 0, side * distance * left], [0, 1, bob * (0 < left < 1)]], np.float32)

    return motion


def tremor(rng: np.random.Generator) -> Motion:
    """Return a hand-held camera's shaking."""
    amplitude, periods = rng.uniform(1, 4, 2), rng.uniform(9, 40, 2)

    def motion(frame: int) -> Floats:
        x, y = amplitude * np.sin(2 * np.pi * frame / periods)
        return np.array([[1.04, 0, x - 0.02 * FRAME[0]], [0, 1.04, y - 0.02 * FRAME[1]]], np.float32)

    return motion


def _layer(
    store: Store, person: Person, kind: Kind, last: bool, rng: np.random.Generator, across: float | None
) -> Layer:
    shares = replace(STILL, far=1.0 if kind.far else 0.0, close=0.0 if kind.far else STILL.close)
    if last and kind.beside:
        across = float(rng.choice([0.02, 0.98]))
    return scene.layer_of(store, person, shares, rng, two=kind.people > 1, across=across)


def _motions(layers: list[Layer], kind: Kind, rng: np.random.Generator) -> list[Motion]:
    motions = list[Motion]()
    for index, layer in enumerate(layers):
        foot = layer.move @ np.array([layer.alpha.shape[1] / 2, layer.alpha.shape[0], 1], np.float32)
        calm = sway(rng, 2.5 if kind.fast else 1.0, (float(foot[0]), float(foot[1])))
        if kind.enters and index == len(layers) - 1:
            left = foot[0] < FRAME[0] / 2
            walk = entrance(rng, bool(left), FRAME[0] * 0.9)
            motions.append(_then(calm, walk))
        else:
            motions.append(calm)
    return motions


def compose(
    store: Store, people: list[Person], room: Path, kind: Kind, seed: int
) -> tuple[list[Picture], list[Floats], Picture | None]:
    """Return a clip's frames and mattes and, where the camera stands still, the empty room."""
    rng = np.random.default_rng(seed)
    places: list[float | None] = [None] * len(people)
    if len(people) == 2:
        places = [rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.8)]
    layers = [
        _layer(store, person, kind, index == len(people) - 1, rng, place)
        for index, (person, place) in enumerate(zip(people, places, strict=True))
    ]
    motions = _motions(layers, kind, rng)
    camera = tremor(rng) if kind.handheld else None
    plate = scene.toned(
        cast(Picture, cv2.resize(read_rgb(room), FRAME, interpolation=cv2.INTER_AREA)), rng, 0.5
    )
    frames, mattes = [], []
    for number in range(FRAMES):
        picture, alpha = plate, cast(Floats, np.zeros((FRAME[1], FRAME[0]), np.float32))
        for layer, motion in zip(layers, motions, strict=True):
            moved = layer._replace(move=_combined(motion(number), layer.move))
            colour, mine = scene.warped(moved, WHOLE, FRAME, None)
            share = mine[..., None]
            picture, alpha = colour * share + picture * (1 - share), 1 - (1 - alpha) * (1 - mine)
        if camera:
            shake = camera(number)
            picture = cast(Floats, cv2.warpAffine(picture, shake, FRAME, borderMode=cv2.BORDER_REFLECT))
            alpha = cast(Floats, cv2.warpAffine(alpha, shake, FRAME, borderMode=cv2.BORDER_REPLICATE))
        frames.append(_filmed(picture, kind, np.random.default_rng((seed, number))))
        mattes.append(alpha)
    empty = None if camera else _filmed(plate, kind, rng)
    return frames, mattes, empty


def _filmed(picture: Floats, kind: Kind, rng: np.random.Generator) -> Picture:
    if kind.grey:
        picture = picture.mean(axis=2, keepdims=True).repeat(3, axis=2)
    if kind.dark:
        picture = picture * 0.4 + rng.normal(0, 6, picture.shape)
    noisy = picture + rng.normal(0, 1.5, picture.shape)
    return through_chroma(np.clip(noisy, 0, 255).astype(np.uint8))


def write_clip(folder: Path, frames: list[Picture], mattes: list[Floats], plate: Picture | None) -> None:
    """Write clip.mp4, alpha/%04d.png and plate.jpg."""
    (folder / "alpha").mkdir(parents=True, exist_ok=True)
    with av.open(str(folder / "clip.mp4"), "w") as container:
        # What x264 writes depends on how many threads it has.
        options = {"crf": "23", "preset": "fast", "threads": "1"}
        stream = container.add_stream("libx264", rate=Fraction(RATE), options=options)
        stream.width, stream.height, stream.pix_fmt = *FRAME, "yuv420p"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    for number, alpha in enumerate(mattes):
        write_plane(folder / "alpha" / f"{number:04d}.png", (255 * alpha + 0.5).astype(np.uint8))
    if plate is not None:
        write_rgb(folder / "plate.jpg", plate)


def in_turn(items: Iterable[T], name: Callable[[T], str], seed: int) -> list[T]:
    """Return the items in an order that depends on the seed and on each item's own name only.

    So neither the order in which they come matters nor, for the others, whether one more is there.
    """
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed} {name(item)}".encode()).digest())


def half_of(name: str) -> int:
    """Return in which half a person or room is, 1 or 2; its name tells."""
    return hashlib.sha256(f"half {name}".encode()).digest()[0] % 2 + 1


def digest(files: Iterable[Path]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the files' bytes, one after the other."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(file.read_bytes())
    return whole.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions of whatever draws, warps and encodes: with others, clips may differ in some bits."""
    codec = ".".join(str(part) for part in av.library_versions["libavcodec"])
    return {"numpy": np.__version__, "opencv": cv2.__version__, "av": av.__version__, "libavcodec": codec}


def write_suite(
    folder: Path,
    store: Store,
    people: list[Person],
    rooms: list[Path],
    clips: int,
    seed: int,
    report: Callable[[str], None],
    kinds: dict[str, Kind] = KINDS,
) -> None:
    """Write `clips` clips, their kinds in turn, each with other people; sources take turns, too.

    The same people, rooms, seed and versions give the same bytes; the folder's suite.json says what they were.
    Raises FileNotFoundError where there are no rooms, or no people.
    """
    if not rooms:
        raise FileNotFoundError("a suite needs pictures of rooms")
    if not people and any(kind.people for kind in kinds.values()):
        raise FileNotFoundError("a suite needs people")
    sources = sorted({person.source for person in people})
    queues = {
        source: in_turn((p for p in people if p.source == source), lambda p: p.name, seed)
        for source in sources
    }
    rooms = in_turn(rooms, lambda room: room.stem, seed)
    drawn, made = 0, list[dict[str, object]]()
    for number in range(clips):
        kind, chosen = list(kinds)[number % len(kinds)], list[Person]()
        for _ in range(kinds[kind].people):
            queue = queues[sources[drawn % len(sources)]]
            chosen.append(queue[drawn // len(sources) % len(queue)])
            drawn += 1
        room = rooms[number % len(rooms)]
        clip = folder / "_".join([f"{number:02d}", kind, *(p.source for p in chosen)])
        write_clip(clip, *compose(store, chosen, room, kinds[kind], seed + number))
        made.append(_entry(clip, store, chosen, room))
        report(f"{number:02d} {kind}")
    manifest = {"seed": seed, "frames": FRAMES, "versions": versions(), "clips": made}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _entry(clip: Path, store: Store, people: list[Person], room: Path) -> dict[str, object]:
    """Return a clip's entry of the manifest: what went in, and what came out."""
    inputs = [file for person in people for file in store.files(person)]
    return {
        "name": clip.name,
        "people": [person.name for person in people],
        "room": room.stem,
        "inputs": digest([*inputs, room]),
        "film": digest([clip / "clip.mp4"]),
        "alpha": digest(sorted((clip / "alpha").glob("*.png"))),
    }
