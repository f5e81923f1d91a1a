"""Many films: every video and photo of a folder or bucket through the filter, each output whole and exactly once.

A file is done when its record is there; the record is written after the output, which appears whole or not at all. So
it does not matter how often a file is tried, where, or by how many at a time. The same command again goes on.

    OUT/talk.mp4                          the output
    OUT/.greenroom/job.json               what was asked: anything else is refused there
    OUT/.greenroom/done/talk.mp4.json     {"frames": …, "seconds": …, "source": [size, tag], "output": "talk.mp4"}
    OUT/.greenroom/failed/talk.mp4.json   {"error": …}: tried again by the next run
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple, Protocol

from filters.backgrounds.background import Background, parse_background
from filters.base import FilterError, Plane
from filters.effects import parse_effects
from filters.files.filter_file import MakeFilter, MatteSink, filter_file
from filters.matting.follow import read_target
from filters.matting.matte import Matte, MatteOptions
from filters.matting.photo import PhotoMatte
from filters.matting.segmenter import Segmenter, load_card
from filters.matting.smoother import SMOOTHERS
from filters.person import PersonFilter
from server.cluster.stores import Store, Version, store
from server.config.options import MODELS, PICTURES

RECORDS: Final = ".greenroom"
JOB: Final = f"{RECORDS}/job.json"
SUFFIXES: Final = {
    ".mp4": "",
    ".mov": "",
    ".mkv": "",
    ".webm": ".mp4",
    ".avi": ".mp4",
    ".m4v": ".mp4",
    ".jpg": "",
    ".png": "",
    ".jpeg": ".jpg",
    ".heic": ".jpg",
    ".heif": ".jpg",
    ".webp": ".jpg",
}
"""What is filtered, and what its name gets at its end to become one that can be written."""
WORKSPACE: Final = "greenroom-film-"
ERROR_LENGTH: Final = 500  # characters; chosen


@dataclass(frozen=True)
class FilmOptions:
    """What is done to every file."""

    background: str
    smoother: str
    privacy: float
    model: str
    effects: str = ""
    follow: str = ""
    """Whom to follow, as read_target reads it; empty shows everybody."""
    picture: bytes = b""
    """What the background's file holds, where it is one: other machines don't have it."""

    @classmethod
    def of(
        cls,
        background: str,
        smoother: str,
        privacy: float,
        model: str,
        effects: str = "",
        follow: str = "",
    ) -> FilmOptions:
        """Return a job, with the background by its content; raise FilterError."""
        parse_effects(effects)
        read_target(follow)
        try:
            parse_background(background, PICTURES)
        except FilterError:
            parse_background(background, PICTURES, files=True)
            file = Path(background)
            content = file.read_bytes()
            return cls(f"file{file.suffix}", smoother, privacy, model, effects, follow, content)
        return cls(background, smoother, privacy, model, effects, follow)

    def line(self) -> dict[str, Any]:
        """Return this as JSON values."""
        return asdict(self) | {"picture": base64.b64encode(self.picture).decode()}

    @classmethod
    def read(cls, line: dict[str, Any]) -> FilmOptions:
        """Undo `line`."""
        return cls(**line | {"picture": base64.b64decode(line["picture"])})

    def describe(self) -> dict[str, Any]:
        """Return what is kept of it: another one is refused in the same place."""
        told = asdict(self) | {"network": load_card(self.model, MODELS).sha256}
        for later in ("effects", "follow"):  # folders that older versions have begun know nothing of them
            if not told[later]:
                del told[later]
        return told | {"picture": hashlib.sha256(self.picture).hexdigest() if self.picture else ""}


class Film(NamedTuple):
    """One file to filter."""

    source: str
    target: str
    name: str
    version: Version
    job: FilmOptions


class FilmResult(NamedTuple):
    """What came of one."""

    name: str
    frames: int
    error: str = ""


class Runner(Protocol):
    """Works on films somewhere."""

    def run(self, films: Iterable[Film]) -> Iterator[FilmResult]:
        """Filter films, in any order; give up none because of another."""
        ...


class FilmPlan(NamedTuple):
    """What there is to do."""

    films: list[Film]
    done: int
    """Files that were done before."""
    others: int
    """Files that are neither videos nor photos."""


def plan(source: str, target: str, job: FilmOptions) -> FilmPlan:
    """Look what there is and what is left, and note the job; raise FilterError."""
    _expect_apart(source, target)
    try:
        there, records = store(source).files(), store(target)
        _expect_same_job(records, {"source": source, **job.describe()})
        done = {
            name.removesuffix(".json"): _read(r) for name, r in records.records(f"{RECORDS}/done").items()
        }
    except OSError as error:
        raise FilterError(f"{source}, {target}: {error}") from error
    known = {name: version for name, version in there.items() if _suffix(name) in SUFFIXES}
    _expect_one_each(known)
    left = {name: v for name, v in known.items() if done.get(name, {}).get("source") != list(v)}
    largest_first = sorted(left, key=lambda name: -left[name].size)  # so that none is alone at the end
    films = [Film(source, target, name, left[name], job) for name in largest_first]
    return FilmPlan(films, len(known) - len(films), len(there) - len(known))


def _expect_apart(source: str, target: str) -> None:
    """Raise FilterError where outputs would replace films, or be films of the next run."""
    inner, outer = (f"{place.removeprefix('file://').rstrip('/')}/" for place in (target, source))
    if inner.startswith(outer):
        raise FilterError(f"{target}: is in {source}, whose films it would replace; give a place outside")


def _expect_one_each(names: Collection[str]) -> None:
    """Raise FilterError where two films would be written under one name."""
    for name in names:
        if (output := _output(name)) != name and output in names:
            raise FilterError(f"{name} would become {output}, which is there, too: rename one")


def _expect_same_job(records: Store, asked: dict[str, Any]) -> None:
    before = records.read(JOB)
    if before is None:
        _write(records, JOB, asked)
    elif _read(before) != asked:
        was = {name: value for name, value in _read(before).items() if asked.get(name) != value}
        raise FilterError(f"what is there was made with {was}; give another folder")


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _output(name: str) -> str:
    return name + SUFFIXES[_suffix(name)]


def _read(record: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(record))
    except ValueError:
        return {}  # half a record is none


def _write(records: Store, name: str, content: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="greenroom-") as folder:
        path = Path(folder) / "record.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        records.publish(path, name)


def filter_film(film: Film) -> FilmResult:
    """Filter one film and record it; raises nothing for a film that can't be filtered."""
    start, records = time.monotonic(), store(film.target)
    try:
        frames, output = _filter(film, records)
        record = {
            "frames": frames,
            "seconds": round(time.monotonic() - start, 2),
            "source": list(film.version),
            "output": output,
        }
        _write(records, f"{RECORDS}/done/{film.name}.json", record)
        records.remove(_failure_of(film))
    except (FilterError, OSError) as error:
        return note_failure(film, f"{error}")
    return FilmResult(film.name, frames)


def note_failure(film: Film, text: str) -> FilmResult:
    """Record why a film can't be filtered, where a record can be written, and return it."""
    text = text[:ERROR_LENGTH]
    with suppress(OSError):  # the disk may be full, or the name too long: other films go on
        _write(store(film.target), _failure_of(film), {"error": text})
    return FilmResult(film.name, 0, text)


def _failure_of(film: Film) -> str:
    return f"{RECORDS}/failed/{film.name}.json"


def _filter(film: Film, target: Store) -> tuple[int, str]:
    output = _output(film.name)
    with _workspace() as folder:
        after = folder / f"out{_suffix(output)}"
        before = store(film.source).fetch(film.name, folder / f"in{_suffix(film.name)}")
        make_video, make_photo = _makers(film.job, folder)
        frames = filter_file(before, after, make_video, make_photo_filter=make_photo)
        target.publish(after, output)
    return frames, output


def remove_workspaces() -> None:
    """Remove the folders of processes that have ended before they could: they may hold pictures of rooms."""
    for folder in Path(tempfile.gettempdir()).glob(f"{WORKSPACE}*"):
        owner = folder.name.removeprefix(WORKSPACE).partition("-")[0]
        if not Path(f"/proc/{owner}").exists() and Path("/proc").exists():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _workspace() -> Iterator[Path]:
    """Lend a folder."""
    remove_workspaces()
    with tempfile.TemporaryDirectory(prefix=f"{WORKSPACE}{os.getpid()}-") as made:
        yield Path(made)


def _makers(job: FilmOptions, folder: Path) -> tuple[MakeFilter, MakeFilter]:
    segmenter, options = _segmenter(job.model), MatteOptions(privacy=job.privacy)
    behind = _background(job, folder)
    matte = Matte(segmenter, smoother=SMOOTHERS[job.smoother](), options=options)

    def make_with(chosen: Matte | PhotoMatte) -> MakeFilter:
        def make(on_matte: MatteSink) -> PersonFilter:
            def take(alpha: Plane) -> None:
                on_matte(alpha)

            chosen.follow(read_target(job.follow))
            person = PersonFilter(segmenter, behind, matte=chosen, on_matte=take)
            person.effects = parse_effects(job.effects)
            return person

        return make

    return make_with(matte), make_with(PhotoMatte(segmenter, options))


def _background(job: FilmOptions, folder: Path) -> Background:
    if not job.picture:
        return parse_background(job.background, PICTURES)
    file = folder / job.background
    file.write_bytes(job.picture)
    return parse_background(str(file), PICTURES, files=True)


@cache
def _segmenter(model: str) -> Segmenter:
    return Segmenter(load_card(model, MODELS))
