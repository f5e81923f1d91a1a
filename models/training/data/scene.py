"""One look at a room with people in it: composed as a camera and this project's filter would frame it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import cv2
import numpy as np

from models.training.data.people import Cutout, Person, Store, outline
from models.training.data.pictures import Floats, Picture, Plane, blurred, to_bytes
from models.training.data.placement import Pose, in_contact

FRAME = (640, 360)
"""(width, height) of the frames that scenes are laid out in."""

HEADS = 7.3
"""A standing adult is so many heads tall."""

EXTENSION = 0.3
"""How far a cut side is continued, as a share of the cut-out, so that a turn opens no gap at the border."""

JOINT_KINDS = 7
"""Kinds of key points: head, shoulder, elbow, wrist, hip, knee, ankle; left as right, so that mirrors need nothing."""

DISC = 0.04
"""The radius of a key point's disc, as a share of a view's shorter side."""

UNKNOWN = 255
"""In a plane of key points, where nobody can say."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Shares:
    """How often what is drawn; the rest is one person in webcam framing. Each is a probability."""

    empty: float = 0.07
    two: float = 0.16
    far: float = 0.06
    close: float = 0.22
    side: float = 0.2
    bend: float = 0.3
    hidden_face: float = 0.35
    back_of_head: float = 0.08
    grey: float = 0.1
    lit_by_room: float = 0.4
    room_of_same_colour: float = 0.1
    decoy: float = 0.25
    """A thing of another room stands in this one: it is room."""
    held: float = 0.0
    """Somebody holds a thing: it is person, as a microphone, a cup or a phone is."""
    poor: float = 0.35
    """Cameras that are dark, noisy, out of focus, of few pixels or of low rates; of these ..."""
    dark: float = 0.45
    """... so many are dark."""


class Layer(NamedTuple):
    """A person in a scene: the cut-out, padded where it is cut, and its map to the frame."""

    colour: Floats
    alpha: Floats
    move: Floats
    points: Floats
    """Key points (n, 3): kind, x, y, in pixels of the padded cut-out; none where nobody has labelled them."""


def padded(cutout: Cutout, cut: tuple[str, ...]) -> tuple[Picture, Plane, tuple[int, int]]:
    """Return the cut-out with its cut sides continued, and by how much (x, y) its origin moved."""
    height, width = cutout.alpha.shape
    across, down = round(EXTENSION * width), round(EXTENSION * height)
    borders = (down, down, across, across)
    alpha = cv2.copyMakeBorder(cutout.alpha, *borders, cv2.BORDER_REPLICATE)
    margins = {
        "top": alpha[:down],
        "bottom": alpha[down + height :],
        "left": alpha[:, :across],
        "right": alpha[:, across + width :],
    }
    for side, margin in margins.items():
        if side not in cut:
            margin[:] = 0
    colour = cv2.copyMakeBorder(cutout.colour, *borders, cv2.BORDER_REPLICATE)
    return cast(Picture, colour), cast(Plane, alpha), (across, down)


def head_of(alpha: Plane, standing: bool, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return about where the head is: centre x, top y and height, in pixels of the cut-out."""
    _, top, _, bottom = outline(alpha)
    height = (bottom - top) / HEADS if standing else (bottom - top) * rng.uniform(0.25, 0.4)
    rows = alpha[top : top + max(8, round(height))].astype(np.float32).sum(axis=0)
    x = float((rows * np.arange(len(rows))).sum() / max(float(rows.sum()), 1.0))
    return x, float(top), float(height)


def without_face(
    cutout: Cutout, head: tuple[float, float, float], back: bool, rng: np.random.Generator
) -> Picture:
    """Return the colours with the face blurred or erased or, with `back`, covered by the hair above it."""
    x, top, height = head
    colour: Floats = cutout.colour.astype(np.float32)
    middle = (x + rng.normal(0, 0.06) * height, top + rng.uniform(0.52, 0.66) * height)
    axes = (max(2, round(rng.uniform(0.24, 0.4) * height)), max(2, round(rng.uniform(0.3, 0.48) * height)))
    mask: Floats = np.zeros(cutout.alpha.shape, np.float32)
    cv2.ellipse(mask, (round(middle[0]), round(middle[1])), axes, float(rng.normal(0, 12)), 0, 360, 1.0, -1)
    if rng.random() < 0.6 or back:
        mask = blurred(mask, max(0.8, height * 0.04))
    if back:
        rows = slice(int(top + 0.06 * height), max(int(top + 0.22 * height), int(top + 0.06 * height) + 2))
        hair = colour[rows, max(0, int(x - 0.25 * height)) : int(x + 0.25 * height) + 2]
        cover: Floats = np.full_like(colour, hair.mean(axis=(0, 1))) + rng.normal(0, 6, (*mask.shape, 1))
    elif rng.random() < 0.75:
        cover = blurred(colour, max(1.0, height * rng.uniform(0.05, 0.2)))
    else:
        cover = np.full_like(colour, colour[mask > 0.5].mean(axis=0) if (mask > 0.5).any() else 128.0)
    return to_bytes(colour + (cover - colour) * mask[..., None])


def pose_of(
    alpha: Plane, person: Person, shares: Shares, rng: np.random.Generator, *, two: bool, across: float | None
) -> Pose:
    """Draw how a person stands before a webcam: head and shoulders to waist, or, seldom, far in the room."""
    width, height = FRAME
    left, top, right, bottom = outline(alpha)
    tall, middle = bottom - top, (left + right) / 2
    zoom = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6)))) * (0.85 if two else 1.0)
    if not two and rng.random() < shares.close:
        zoom = float(rng.uniform(1.5, 2.6))
    far = not two and not person.cut and rng.random() < shares.far
    if far:
        scale = rng.uniform(0.35, 0.85) * height / tall
        y = rng.uniform(0, max(1.0, height - tall * scale))
    elif person.standing:
        scale = 0.3 * zoom * height / (tall / HEADS)
        y = rng.uniform(-0.12 if zoom > 1.5 else 0.01, 0.16 if zoom > 1 else 0.3) * height
        middle = head_of(alpha, True, rng)[0]
    else:
        scale = (0.85 * min(zoom, 1.0) + 0.3 * max(zoom - 1, 0)) * height / tall
        y = height - tall * scale * rng.uniform(0.8, 0.99)
    scale = min(scale, 5.0)
    if not far and y + tall * scale < height:
        y = height - tall * scale * 0.985
    x = across if across is not None else float(np.clip(rng.normal(0.5, 0.15), 0.05, 0.95))
    if not far and rng.random() < shares.side * (1.4 if two else 1.0):
        x = float(rng.uniform(-0.12, 0.15) if rng.random() < 0.5 else rng.uniform(0.85, 1.12))
    turn = float(rng.normal(0, 4))
    mirrored = bool(rng.random() < 0.5)
    return Pose(scale, rng.uniform(0.93, 1.07), turn, mirrored, (middle, float(top)), (x * width, float(y)))


def layer_of(
    store: Store, person: Person, shares: Shares, rng: np.random.Generator, *, two: bool, across: float | None
) -> Layer:
    """Draw one person's place in the frame."""
    cutout = store.cutout(person)
    back = bool(rng.random() < shares.back_of_head)
    if back or rng.random() < shares.hidden_face:
        head = head_of(cutout.alpha, person.standing, rng)
        cutout = Cutout(without_face(cutout, head, back, rng), cutout.alpha)
    pose = pose_of(cutout.alpha, person, shares, rng, two=two, across=across)
    move = in_contact(pose, cutout.alpha, person.cut, FRAME)
    colour, alpha, origin = padded(cutout, person.cut)
    move[:, 2] -= move[:, :2] @ np.array(origin, np.float32)
    points = points_of(store, person) + np.array((0, *origin), np.float32)
    return Layer(toned(colour, rng, 0.7), alpha.astype(np.float32) / 255, move, points)


def points_of(store: Store, person: Person) -> Floats:
    """Return a person's key points (n, 3): kind, x, y, in pixels of the cut-out."""
    return np.array(store.keypoints.get(person.name, []), np.float32).reshape(-1, 3)


def entering(layer: Layer, sliver: float) -> Layer:
    """Return the layer moved out through the nearer side of the frame until `sliver` pixels are in sight."""
    left, top, right, bottom = outline(to_bytes(255 * layer.alpha))
    corners = np.array([(x, y, 1) for x in (left, right) for y in (top, bottom)], np.float32)
    across = corners @ layer.move[0]
    first, last = float(across.min()), float(across.max())
    move = layer.move.copy()
    move[0, 2] += sliver - last if first + last < FRAME[0] else FRAME[0] - sliver - first
    return layer._replace(move=move)


def toned(picture: Picture | Floats, rng: np.random.Generator, strength: float = 1.0) -> Floats:
    """Return the picture in another exposure, contrast, saturation and white balance, not yet clipped."""
    out = picture.astype(np.float32)
    out = out * (1 + strength * rng.uniform(-0.25, 0.15)) + strength * rng.uniform(-18, 18)
    grey = out.mean(axis=2, keepdims=True)
    out = grey + (out - grey) * (1 + strength * rng.uniform(-0.4, 0.35))
    return cast(Floats, (out * (1 + strength * rng.uniform(-0.08, 0.08, (1, 1, 3)))).astype(np.float32))


def through(move: Floats, view: Box, size: tuple[int, int]) -> Floats:
    """Return a map to the frame as a map to a view (left, top, right, bottom) of it, `size` (width, height)."""
    scale = np.array([size[0] / (view[2] - view[0]), size[1] / (view[3] - view[1])], np.float32)
    out = move * scale[:, None]
    # Centres of pixels map on centres, hence the halves.
    out[:, 2] -= scale * np.array(view[:2], np.float32) + (0.5 - 0.5 * scale)
    return out.astype(np.float32)


def bends(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return a thin-plate-like displacement as maps x and y of a picture of `size` (width, height)."""
    width, height = size
    coarse = rng.normal(0, 1, (4, 5, 2)).astype(np.float32)
    field = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) * rng.uniform(1, max(1.0, 0.02 * width))
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return columns + field[..., 0], rows + field[..., 1]


def warped(
    layer: Layer, view: Box, size: tuple[int, int], bend: tuple[Floats, Floats] | None
) -> tuple[Floats, Floats]:
    """Return the layer's colours and alpha in a view; a bend continues what touches the view's border."""
    move = through(layer.move, view, size)
    colour = cv2.warpAffine(layer.colour, move, size, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(layer.alpha, move, size)
    enlarged = float(np.sqrt(abs(np.linalg.det(move[:, :2].astype(np.float64)))))
    if enlarged > 1.4:
        soft = cv2.GaussianBlur(alpha, (0, 0), enlarged * 0.45)
        alpha = np.clip((soft - 0.5) * 1.6 + 0.5, 0, 1)
    if bend:
        colour = cv2.remap(colour, *bend, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.remap(alpha, *bend, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast(Floats, colour), cast(Floats, alpha)


def marked(
    joints: Plane, alpha: Floats, points: Floats, move: Floats, bend: tuple[Floats, Floats] | None = None
) -> Plane:
    """Return the plane of key points with those of somebody who stands before whatever it shows.

    Each is a disc of its kind; 0 is none, and UNKNOWN the whole of a person whose key points nobody has labelled.
    `alpha` is the person's in the view, `move` their map to it, and `bend` its displacement.
    """
    out = np.where(alpha > 0.5, 0 if len(points) else UNKNOWN, joints).astype(np.uint8)
    height, width = out.shape
    radius = max(2, round(DISC * min(height, width)))
    for kind, *place in points:
        x, y = move @ np.array([*place, 1], np.float32)
        if bend and 0 <= x < width and 0 <= y < height:  # a bend gives for each pixel where it is taken from
            x, y = (2 * at - float(plane[int(y), int(x)]) for at, plane in zip((x, y), bend, strict=True))
        cv2.circle(out, (round(float(x)), round(float(y))), radius, int(kind), -1)
    return out


def blended(
    picture: Floats, alpha: Floats, layer: tuple[Floats, Floats], shares: Shares, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Put one layer before the picture, in the room's light now and then; return picture and matte."""
    colour, mine = layer
    solid = mine > 0.5
    if solid.sum() > 50:
        mean = float(colour[solid].mean())
        if rng.random() < shares.lit_by_room:
            colour = colour * (1 + 0.6 * (float(picture.mean()) / max(mean, 1.0) - 1))
        elif rng.random() < shares.room_of_same_colour:
            shift = colour[solid].mean(axis=0) - picture.mean(axis=(0, 1))
            picture = np.clip(picture + shift * rng.uniform(0.6, 1), 0, 255).astype(np.float32)
    share = mine[..., None]
    return (
        (colour * share + picture * (1 - share)).astype(np.float32),
        (1 - (1 - alpha) * (1 - mine)).astype(np.float32),
    )


def holding(
    picture: Floats, alpha: Floats, texture: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Put a bar or a blob of `texture`, or of one colour, on the person's outline, as something held."""
    height, width = alpha.shape
    mask = (alpha > 0.5).astype(np.uint8)
    rim = np.argwhere(mask - cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0)
    rim = rim[rim[:, 0] > rim[:, 0].min() + 0.2 * np.ptp(rim[:, 0])] if len(rim) else rim
    if not len(rim):
        return picture, alpha
    y, x = rim[rng.integers(len(rim))]
    length, breadth = rng.uniform(0.04, 0.16) * height, rng.uniform(0.015, 0.06) * height
    shape = np.zeros((height, width), np.float32)
    corners = cv2.boxPoints(((float(x), float(y)), (2 * length, 2 * breadth), float(rng.uniform(0, 180))))
    cv2.fillConvexPoly(shape, np.round(corners).astype(np.int32), 1.0)
    share = blurred(shape, rng.uniform(0.5, 1.2))
    plain = np.full_like(texture, rng.uniform(10, 245, 3) * rng.uniform(0.2, 1))
    cover = texture if rng.random() < 0.4 else plain + 0.15 * (texture - texture.mean())
    mixed = cover * share[..., None] + picture * (1 - share[..., None])
    return mixed, np.maximum(alpha, share)
