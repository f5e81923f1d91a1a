"""Where the data comes from: `manifest.toml` beside this file says it for every source."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).with_name("manifest.toml")
USES = ("train", "choose", "measure")
KINDS = ("photos", "unlabelled", "cutouts", "rooms", "panoramas", "clips", "stills", "teacher", "init")


class ManifestError(ValueError):
    """The manifest lacks something, or a source is used for what it doesn't allow."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source of data: where it is from, what may be done with it, and what is."""

    name: str
    kind: str
    origin: str
    licence: str
    uses: tuple[str, ...]
    folder: str
    """Its folder or file below the data folder that a command is given; "" where it isn't data of pictures."""

    def require(self, use: str) -> None:
        """Raise ManifestError where the source may not be used so."""
        if use not in self.uses:
            raise ManifestError(f"{self.name} is for {', '.join(self.uses)}, not to {use}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """All sources, and the rooms that test clips show."""

    sources: dict[str, Source]
    banned: frozenset[str]

    def of_use(self, use: str) -> list[Source]:
        return [source for source in self.sources.values() if use in source.uses]


def load_manifest(path: Path = MANIFEST) -> Manifest:
    """Read a manifest; raises ManifestError, naming the source, where something is missing."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        sources = {name: _source(name, entry) for name, entry in table["source"].items()}
        return Manifest(sources, frozenset(str(room) for room in table["banned_rooms"]))
    except (KeyError, OSError, TypeError, tomllib.TOMLDecodeError) as error:
        raise ManifestError(f"{path}: {error!r}") from error


def _source(name: str, entry: dict[str, object]) -> Source:
    uses = entry.get("uses")
    texts = {key: entry.get(key) for key in ("kind", "origin", "licence")}
    for key, value in texts.items():
        if not isinstance(value, str) or not value:
            raise ManifestError(f"{name}: {key} is missing")
    if not isinstance(uses, list) or not uses or not set(uses) <= set(USES):
        raise ManifestError(f"{name}: uses should be some of {', '.join(USES)}")
    if texts["kind"] not in KINDS:
        raise ManifestError(f"{name}: kind should be one of {', '.join(KINDS)}")
    return Source(
        name=name,
        kind=str(texts["kind"]),
        origin=str(texts["origin"]),
        licence=str(texts["licence"]),
        uses=tuple(str(use) for use in uses),
        folder=str(entry.get("folder", "")),
    )
