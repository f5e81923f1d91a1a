"""Raw folders to prepared people: labels checked by a vote, colours carried outwards, rejects shown on a sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from models.training.data.manifest import Manifest, ManifestError, Source
from models.training.data.people import BODY_ASPECT, Cutout, Person, Photo, Store, outline, spread_colours
from models.training.data.pictures import (
    Floats,
    Picture,
    Plane,
    read_plane,
    read_rgb,
    read_rgba,
    resized,
    to_bytes,
)
from models.training.data.rooms import kept_for_choosing
from models.training.data.samples import PIXELS
from models.training.teacher import LABELS, Teacher, Vote

BAND = 4
"""Half the width, in pixels, of the band around a hand-drawn outline in which it isn't believed."""

MIN_OVERLAP = 0.5
"""A label that overlaps less with the vote is a reject."""

MIN_AGREEMENT = 0.99
"""An unlabelled photo is used where looks agree on so much of it, away from the outline: mean over the pixels."""

MAX_UNSURE = 0.04
"""The area, away from the outline, that is neither person nor room, as a share of the person's."""

RIM = 6
"""Half the width, in pixels, of the outline that is left out of these two."""

MIN_SHARE, MAX_SHARE = 0.03, 0.85
"""What share of a photo the person may cover."""

FOOT = 0.08
"""The share of a cut-out's height at its lower end that is trimmed where ..."""

BUST_WIDTH = 0.6
"""... the person there is at least this share of the whole width wide: a bust, whose end would float."""

TILE = (160, 240)  # width and height in pixels of a picture on a sheet; chosen


@dataclass
class Prepared:
    """What has been prepared, and what was rejected and why."""

    people: list[Person] = field(default_factory=list)
    rejects: list[tuple[str, str, Picture]] = field(default_factory=list)


def labelled(folder: Path) -> Iterator[tuple[str, Picture, Plane | None]]:
    """Yield name, photo and mask of `folder`/image and `folder`/mask."""
    for path in sorted((folder / "image").glob("*.jpg")):
        mask = read_plane(folder / "mask" / f"{path.stem}.png")
        yield path.stem, read_rgb(path), np.where(mask > 0, 255, 0).astype(np.uint8)


def unlabelled(folder: Path) -> Iterator[tuple[str, Picture, Plane | None]]:
    for path in sorted(folder.glob("*.jpg")):
        yield path.stem, read_rgb(path), None


def voted(teacher: Teacher, picture: Picture) -> Vote:
    """Return the teacher's vote on a photo at the filter's number of pixels, at the photo's size."""
    height, width = picture.shape[:2]
    scale = (PIXELS / (height * width)) ** 0.5
    size = (round(width * scale), round(height * scale))
    vote = teacher.vote(resized(picture, size), LABELS)
    return Vote(*(cast(Floats, cv2.resize(plane, (width, height))) for plane in vote))


def guided(luma: Plane, alpha: Floats, radius: int = 5, epsilon: float = 1e-4) -> Floats:
    """Return the matte with its edges moved on those of the luma (He, Sun, Tang, TPAMI 2013)."""
    guide: Floats = luma.astype(np.float32) / 255
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(plane: Floats) -> Floats:
        return cast(Floats, cv2.boxFilter(plane, -1, size))

    mean_guide = mean(guide)
    slope = (mean(guide * alpha) - mean_guide * mean(alpha)) / (
        mean(guide * guide) - mean_guide * mean_guide + epsilon
    )
    offset = mean(alpha) - slope * mean_guide
    return np.clip(mean(slope) * guide + mean(offset), 0, 1).astype(np.float32)


def band_of(mask: Plane, half: int) -> Plane:
    """Return 255 within `half` pixels of the outline of a mask."""
    kernel = np.ones((2 * half + 1, 2 * half + 1), np.uint8)
    return cast(Plane, cv2.subtract(cv2.dilate(mask, kernel), cv2.erode(mask, kernel)))


def refined(picture: Picture, mask: Plane) -> Plane:
    """Return a soft matte of a hand-drawn mask: its edge follows the picture within the band."""
    luma = cast(Plane, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    soft = cast(Floats, cv2.GaussianBlur(mask.astype(np.float32) / 255, (5, 5), 1.0))
    edge = np.clip((guided(luma, soft) - 0.12) / 0.76, 0, 1)
    alpha = np.where(band_of(mask, 3) > 0, edge, mask.astype(np.float32) / 255)
    return (255 * alpha + 0.5).astype(np.uint8)


def person_of_mask(picture: Picture, mask: Plane, vote: Vote) -> tuple[Cutout, Photo] | str:
    """Return a labelled photo's cut-out and photo, or why it is no good.

    The masks know one person only: where the teacher sees another one, far from the mask, the label isn't believed,
    nor is it in the band around the hand-drawn outline.
    """
    first, second = mask > 127, vote.alpha > 0.5
    if not first.any() or (first & second).sum() < MIN_OVERLAP * (first | second).sum():
        return "label and vote disagree"
    alpha = refined(picture, mask)
    kernel = np.ones((21, 21), np.uint8)
    near = cv2.dilate(mask, kernel) > 0
    doubtful = (band_of(mask, BAND) > 0) | (~near & (vote.alpha > 0.25))
    known = np.where(doubtful, 0, 255).astype(np.uint8)
    return Cutout(spread_colours(picture, alpha), alpha), Photo(picture, alpha, known)


def person_of_vote(picture: Picture, vote: Vote) -> tuple[Cutout, Photo] | str:
    """Return an unlabelled photo's cut-out and photo, or why its vote isn't good enough."""
    share = float((vote.alpha > 0.5).mean())
    if not MIN_SHARE <= share <= MAX_SHARE:
        return f"covers {share:.0%}"
    inner = band_of(np.where(vote.alpha > 0.5, 255, 0).astype(np.uint8), RIM) == 0
    agreement = float(vote.agreement[inner].mean())
    if agreement < MIN_AGREEMENT:
        return f"looks agree on {agreement:.1%}"
    unsure = float((inner & (vote.alpha > 0.15) & (vote.alpha < 0.85)).sum() / (vote.alpha > 0.5).sum())
    if unsure > MAX_UNSURE:
        return f"unsure about {unsure:.0%}"
    luma = cast(Plane, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    edge = np.clip((guided(luma, vote.alpha, 3, 4e-4) - 0.2) / 0.65, 0, 1)
    alpha = (255 * largest(edge.astype(np.float32)) + 0.5).astype(np.uint8)
    sure = (vote.agreement > 0.99) & ((vote.alpha < 0.1) | (vote.alpha > 0.9))
    known = np.where(sure, 255, 0).astype(np.uint8)
    label = (255 * vote.alpha + 0.5).astype(np.uint8)
    return Cutout(spread_colours(picture, alpha), alpha), Photo(picture, label, known)


def largest(alpha: Floats) -> Floats:
    """Return the matte of the largest person only."""
    mask = (alpha > 0.3).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 2:
        return alpha
    mine = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    near = cv2.dilate(mine.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.where(near, alpha, 0).astype(np.float32)


Report = Callable[[str], None]


def add_photos(
    store: Store,
    source: str,
    photos: Iterator[tuple[str, Picture, Plane | None]],
    teacher: Teacher,
    prepared: Prepared,
    report: Report,
) -> None:
    """Prepare the photos of one source; those without a mask get the vote's."""
    for stem, picture, mask in photos:
        report(f"{source} {stem}")
        vote = voted(teacher, picture)
        made = person_of_vote(picture, vote) if mask is None else person_of_mask(picture, mask, vote)
        if isinstance(made, str):
            shown = vote.alpha if mask is None else mask.astype(np.float32) / 255
            prepared.rejects.append((f"{source} {stem}", made, tinted(picture, shown)))
            continue
        prepared.people.append(store.add(f"{source}_{stem}", source, *made))


def add_cutouts(store: Store, source: str, files: list[Path], prepared: Prepared, report: Report) -> None:
    """Prepare cut-outs with transparency: stock mattes and renders."""
    for path in files:
        report(f"{source} {path.stem}")
        colour, alpha = read_rgba(path)
        try:
            colour, alpha = trimmed(colour, alpha)
        except ValueError as error:
            prepared.rejects.append((f"{source} {path.stem}", str(error), colour))
            continue
        cutout = Cutout(spread_colours(colour, alpha), alpha)
        prepared.people.append(store.add(f"{source}_{path.stem}", source, cutout))


def add_source(
    store: Store, source: Source, folder: Path, teacher: Teacher, prepared: Prepared, report: Report
) -> None:
    """Prepare one source, as its kind asks."""
    if source.kind == "cutouts":
        add_cutouts(store, source.name, sorted(folder.glob("*.png")), prepared, report)
    else:
        photos = labelled(folder) if source.kind == "photos" else unlabelled(folder)
        add_photos(store, source.name, photos, teacher, prepared, report)


def kept_people(store: Store, manifest: Manifest) -> list[Person]:
    """Return the prepared people to choose by: whom no run trains on."""
    sources = {source.name: source for source in manifest.of_use("choose")}
    return [
        person
        for person in store.load()
        if person.source in sources
        and ("train" not in sources[person.source].uses or kept_for_choosing(person.name))
    ]


def trained_people(store: Store, manifest: Manifest, sources: Sequence[str]) -> list[Person]:
    """Return the prepared people of some sources whom runs train on; raises ManifestError where none may."""
    for name in sources:
        if name not in manifest.sources:
            raise ManifestError(f"{name} is not in the manifest")
        manifest.sources[name].require("train")
    return [p for p in store.load() if p.source in sources and not kept_for_choosing(p.name)]


def trimmed(colour: Picture, alpha: Plane) -> tuple[Picture, Plane]:
    """Return a cut-out without its margin, and a bust without its rounded or ragged lower end.

    Raises ValueError where nobody is in it.
    """
    left, top, right, bottom = outline(alpha)
    height, width = bottom - top, right - left
    if height < BODY_ASPECT * width:
        row = bottom - 1 - round(FOOT * height)
        if (alpha[row] > 127).sum() >= BUST_WIDTH * width:
            bottom = row
    view = np.s_[top:bottom, left:right]
    return np.ascontiguousarray(colour[view]), np.ascontiguousarray(alpha[view])


def tinted(picture: Picture, alpha: Floats) -> Picture:
    """Return the picture with green where the matte says room."""
    share = (0.35 + 0.65 * alpha)[..., None]
    return to_bytes(picture * share + np.array([0, 160, 0]) * (1 - share))


def sheet(rejects: list[tuple[str, str, Picture]], columns: int = 10) -> Picture:
    """Return the rejects on one sheet, the reason under each."""
    tiles = []
    for name, reason, picture in rejects:
        tile = cast(Picture, cv2.resize(picture, TILE, interpolation=cv2.INTER_AREA)).copy()
        for y, text in ((TILE[1] - 18, name[-22:]), (TILE[1] - 6, reason[:26])):
            cv2.putText(tile, text, (3, y), cv2.FONT_HERSHEY_SIMPLEX, 0.32, (255, 255, 255), 1, cv2.LINE_AA)
        tiles.append(tile)
    blank = np.zeros((TILE[1], TILE[0], 3), np.uint8)
    tiles += [blank] * (-len(tiles) % columns or (0 if tiles else columns))
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return cast(Picture, np.vstack(rows))
