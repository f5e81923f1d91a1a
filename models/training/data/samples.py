"""Training samples: a look at a picture, its matte, and where the matte can be believed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple, cast

import cv2
import numpy as np

from filters.matting.segmenter import light_gain
from models.training.data import scene
from models.training.data.camera import seen_by_camera
from models.training.data.people import Person, Photo, Store, outline
from models.training.data.pictures import Floats, Picture, Plane, blurred, read_rgb, resized, to_bytes
from models.training.data.scene import FRAME, HEADS, Box, Layer, Shares

PHOTOS = 0.24
"""The share of photos as they are."""

WHOLE = 0.5
"""The share of looks at the whole frame; the rest are looks at the box around the people."""

PIXELS = 89_600
"""About height × width of a look at the whole frame, as the filter takes it with the shipped network."""

SHAPES = ((224, 400), (256, 240), (320, 192), (208, 288))
"""(height, width) of looks as the filter takes them: the whole frame, and boxes of three aspects."""

ARRIVALS = ((112, 112), (272, 112))
"""(height, width) of the filter's second looks, at just those who weren't in sight before."""

CLOSE_SCALE = 0.8
"""Pixels of such a look per pixel of the frame, as the filter takes it."""

SLIVER = (0.02, 0.25)
"""How much of somebody who is coming in is in sight, least and most, as a share of the frame's width."""

MULTIPLE = 16
"""Of height and width of looks at any number of pixels."""


class Sample(NamedTuple):
    """A look: RGB, the true matte, where it is known (255) or only a teacher can say (0), and key points."""

    picture: Picture
    alpha: Plane
    known: Plane
    joints: Plane
    """Discs of key points, each of its kind: see `scene.marked`."""


class Draw:
    """Draws samples; the same seed gives the same sample."""

    def __init__(
        self, store: Store, people: list[Person], rooms: list[Path], shares: Shares | None = None
    ) -> None:
        """Take the people and rooms to draw from; raises ValueError where there are none."""
        if not people or not rooms:
            raise ValueError("samples need people and rooms")
        self._store = store
        self._people = people
        self._photos = [person for person in people if person.photo]
        self._weights = _source_weights(people)
        self._rooms = rooms
        self._shares = shares or Shares()
        self.labelled = len(store.keypoints)
        """How many people's key points are known: samples show them."""

    def __call__(self, seed: int, shape: tuple[int, int]) -> Sample:
        """Return sample number `seed` at (height, width)."""
        rng = np.random.default_rng(seed)
        size = (shape[1], shape[0])
        if shape in ARRIVALS:
            look, alpha, joints = self._arriving(rng, size)
            known = np.full(shape, 255, np.uint8)
        elif self._photos and rng.random() < PHOTOS:
            look, alpha, known, joints = self._photo(rng, size)
        else:
            look, alpha, joints = self._composed(rng, size)
            known = np.full(shape, 255, np.uint8)
        if rng.random() < self._shares.grey:
            look = look.mean(axis=2, keepdims=True).repeat(3, axis=2)
        picture = lightened(seen_by_camera(look, rng, self._shares.poor, self._shares.dark))
        return Sample(picture, alpha, known, joints)

    def _composed(self, rng: np.random.Generator, size: tuple[int, int]) -> tuple[Floats, Plane, Plane]:
        layers = self._layers(rng)
        return self._seen(layers, _view(layers, size, rng), size, rng)

    def _arriving(self, rng: np.random.Generator, size: tuple[int, int]) -> tuple[Floats, Plane, Plane]:
        """Return a close look at a side of the frame, where a part of somebody is in sight, or nobody."""
        layers = [scene.entering(layer, FRAME[0] * rng.uniform(*SLIVER)) for layer in self._layers(rng)[-1:]]
        return self._seen(layers, _close_view(layers, size, rng), size, rng)

    def _seen(
        self, layers: list[Layer], view: Box, size: tuple[int, int], rng: np.random.Generator
    ) -> tuple[Floats, Plane, Plane]:
        """Return a view of a drawn room with people in it, the matte, and the joints."""
        picture = self._room(rng, view, size)
        alpha = np.zeros((size[1], size[0]), np.float32)
        joints = np.zeros(alpha.shape, np.uint8)
        if rng.random() < self._shares.decoy:
            picture = self._with_decoy(picture, rng, size)
        for layer in layers:
            bend = scene.bends(rng, size) if rng.random() < self._shares.bend else None
            seen = scene.warped(layer, view, size, bend)
            picture, alpha = scene.blended(picture, alpha, seen, self._shares, rng)
            joints = scene.marked(joints, seen[1], layer.points, scene.through(layer.move, view, size), bend)
        if layers and rng.random() < self._shares.held:
            texture = scene.toned(resized(self._random_room(rng), size), rng)
            picture, alpha = scene.holding(picture, alpha, texture, rng)
        return picture, to_bytes(255 * alpha), joints

    def _layers(self, rng: np.random.Generator) -> list[Layer]:
        kind = rng.random()
        if kind < self._shares.empty:
            return []
        two = kind < self._shares.empty + self._shares.two
        places: tuple[float | None, ...] = (None,)
        if two:
            places = (rng.uniform(0.15, 0.4), 1 - rng.uniform(0.15, 0.4))
        chosen = [self._people[rng.choice(len(self._people), p=self._weights)] for _ in places]
        return [
            scene.layer_of(self._store, person, self._shares, rng, two=two, across=place)
            for person, place in zip(chosen, places, strict=True)
        ]

    def _random_room(self, rng: np.random.Generator) -> Picture:
        return read_rgb(self._rooms[rng.integers(len(self._rooms))])

    def _room(self, rng: np.random.Generator, view: Box, size: tuple[int, int]) -> Floats:
        room = self._random_room(rng)
        height, width = room.shape[:2]
        part = rng.uniform(0.4, 1.0)
        across = min(width * part, height * part * FRAME[0] / FRAME[1])
        scale = FRAME[0] / across
        down = across * FRAME[1] / FRAME[0]
        left, top = rng.uniform(0, width - across), rng.uniform(0, max(1e-6, height - down))
        flip = -1.0 if rng.random() < 0.5 else 1.0
        move = np.array([[flip * scale, 0, -flip * scale * left], [0, scale, -scale * top]], np.float32)
        if flip < 0:
            move[0, 2] += FRAME[0]
        seen = cv2.warpAffine(room, scene.through(move, view, size), size, borderMode=cv2.BORDER_REFLECT)
        out = scene.toned(cast(Picture, seen), rng)
        if rng.random() < 0.3:
            out = blurred(out, rng.uniform(0.8, 4))
        return out

    def _with_decoy(self, picture: Floats, rng: np.random.Generator, size: tuple[int, int]) -> Floats:
        """Put a thing cut from another room into this one: not everything with an outline is a person."""
        other = scene.toned(resized(self._random_room(rng), size), rng)
        middle = (rng.uniform(0, size[0]), rng.uniform(0.2, 1.1) * size[1])
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        radius = rng.uniform(0.08, 0.3) * size[1] * rng.uniform(0.6, 1.4, 9)
        points = np.stack([middle[0] + radius * np.cos(angles), middle[1] + radius * np.sin(angles)], axis=1)
        shape = np.zeros((size[1], size[0]), np.float32)
        cv2.fillPoly(shape, [np.round(points).astype(np.int32)], 1.0)
        mask = blurred(shape, rng.uniform(0.6, 2))[..., None]
        return other * mask + picture * (1 - mask)

    def _photo(self, rng: np.random.Generator, size: tuple[int, int]) -> tuple[Floats, Plane, Plane, Plane]:
        """Return a part of a photo as it is: mostly head and waist, at the size that a webcam shows."""
        person = self._photos[rng.integers(len(self._photos))]
        photo = self._store.photo(person)
        left, top, right, bottom = _photo_view(photo, size, rng)
        parts = [plane[top:bottom, left:right] for plane in photo]
        whole = (0.0, 0.0, float(right - left), float(bottom - top))
        move = np.array([[1, 0, -left], [0, 1, -top]], np.float32)
        if rng.random() < 0.5:
            move[0] = (-1, 0, right - 1)
            parts = [np.ascontiguousarray(part[:, ::-1]) for part in parts]
        picture, alpha = (resized(part, size) for part in parts[:2])
        known = cv2.resize(parts[2], size, interpolation=cv2.INTER_NEAREST)
        blank, share = np.zeros(alpha.shape, np.uint8), alpha.astype(np.float32) / 255
        joints = scene.marked(
            blank, share, scene.points_of(self._store, person), scene.through(move, whole, size)
        )
        return scene.toned(picture, rng), alpha, cast(Plane, known), joints


def lightened(picture: Picture) -> Picture:
    """Make a dark look lighter, as the filter does."""
    gain = light_gain(float(picture.mean()) / 255)
    return picture if gain == 1 else to_bytes(picture.astype(np.float32) * gain)


def shapes(pixels: int) -> tuple[tuple[int, int], ...]:
    """Return SHAPES for looks at the whole frame of about `pixels`."""
    scale = math.sqrt(pixels / (SHAPES[0][0] * SHAPES[0][1]))

    def side(length: int) -> int:
        return max(2, round(length * scale / MULTIPLE)) * MULTIPLE

    return tuple((side(height), side(width)) for height, width in SHAPES)


def _source_weights(people: list[Person]) -> Floats:
    """Return how often each is drawn: a source's share grows with the square root of its size."""
    counts = {source: sum(p.source == source for p in people) for source in {p.source for p in people}}
    weights = np.array([counts[person.source] ** -0.5 for person in people])
    return cast(Floats, weights / weights.sum())


def _photo_view(photo: Photo, size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int, int, int]:
    height, width = photo.alpha.shape
    _, top, _, bottom = outline(photo.alpha)
    head = (bottom - top) / HEADS
    if rng.random() < 0.8:
        down = head / (0.3 * float(np.exp(rng.uniform(np.log(0.55), np.log(1.5)))))
        across = down * size[0] / size[1]
        if across > width:
            across = width * rng.uniform(0.85, 1)
            down = min(height, across * size[1] / size[0])
        y = np.clip(top - down * rng.uniform(-0.05, 0.25), 0, max(0.0, height - down))
        middle = scene.head_of(photo.alpha, True, rng)[0]
        x = np.clip(middle - across * np.clip(rng.normal(0.5, 0.15), 0.1, 0.9), 0, width - across)
    else:
        across = width * rng.uniform(0.8, 1)
        down = min(height, across * size[1] / size[0])
        across = down * size[0] / size[1]
        y, x = rng.uniform(0, max(1e-6, height - down)), rng.uniform(0, max(1e-6, width - across))
    return int(x), int(y), min(width, int(x + across) + 1), min(height, int(y + down) + 1)


def _close_view(layers: list[Layer], size: tuple[int, int], rng: np.random.Generator) -> Box:
    """Return the part of the frame around who comes in, as small as the filter's second look at them."""
    down = min(float(FRAME[1]), size[1] / CLOSE_SCALE * rng.uniform(0.9, 1.2))
    across = down * size[0] / size[1]
    whole = (0.0, 0.0, float(FRAME[0]), float(FRAME[1]))
    alpha = np.zeros((FRAME[1], FRAME[0]), np.float32)
    for layer in layers:
        alpha = cast(Floats, cv2.warpAffine(layer.alpha, scene.through(layer.move, whole, FRAME), FRAME))
    rows, columns = np.nonzero(alpha > 0.5)
    if len(rows):
        which = rng.integers(len(rows))
        y, x = float(rows[which]), float(columns[which])
    else:
        y, x = rng.uniform(0, FRAME[1]), float(rng.choice([0, FRAME[0]]))
    left = float(np.clip(x - across * rng.uniform(0.3, 0.7), 0, FRAME[0] - across))
    top = float(np.clip(y - down * rng.uniform(0.3, 0.7), 0, FRAME[1] - down))
    return left, top, left + across, top + down


def _view(layers: list[Layer], size: tuple[int, int], rng: np.random.Generator) -> Box:
    """Return the part of the frame that is looked at: all of it, or a loose box around the people."""
    whole = (0.0, 0.0, float(FRAME[0]), float(FRAME[1]))
    if size[0] * FRAME[1] == size[1] * FRAME[0] or abs(size[0] / size[1] - FRAME[0] / FRAME[1]) < 0.02:
        return whole
    alpha = np.zeros((FRAME[1] // 4, FRAME[0] // 4), np.float32)
    small = (alpha.shape[1], alpha.shape[0])
    for layer in layers:
        alpha = np.maximum(alpha, cv2.warpAffine(layer.alpha, scene.through(layer.move, whole, small), small))
    x, y, width, height = cv2.boundingRect((alpha > 0.3).astype(np.uint8))
    if not width:
        x, y, width, height = 40, 20, 60, 60
    x, y, width, height = 4 * x, 4 * y, 4 * width, 4 * height
    pad = rng.uniform(0.02, 0.3) * max(width, height)
    middle = (x + width / 2 + rng.normal(0, 0.03) * width, y + height / 2 + rng.normal(0, 0.03) * height)
    across, down = width + 2 * pad, height + 2 * pad
    aspect = size[0] / size[1]
    across, down = max(across, down * aspect), max(down, across / aspect)
    scale = min(1.0, FRAME[0] / across, FRAME[1] / down)
    across, down = across * scale, down * scale
    left = float(np.clip(middle[0] - across / 2, 0, FRAME[0] - across))
    top = float(np.clip(middle[1] - down / 2, 0, FRAME[1] - down))
    return left, top, left + across, top + down
