"""What each change of a run is worth: the same short run with one thing changed, over several seeds."""

from __future__ import annotations

import json
import statistics
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from models.training.settings import Run, SettingsError, parse
from models.training.suite import MANIFEST, digest

BASELINE = "baseline"
HEADER = (
    "| changed | seeds | IoU | MAD | boundary F1 | leak % | lost % |",
    "|---|---|---|---|---|---|---|",
)
COLUMNS = {"iou": 3, "mad": 1, "f1": 3, "leak": 2, "lost": 2}
"""Figures of a measured network, and how many digits of each are shown."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """A run, the same with one thing changed each, by name, and the seeds that all of them are trained with."""

    seeds: tuple[int, ...]
    variants: dict[str, Run]

    def runs(self) -> Iterator[tuple[str, Run]]:
        """Yield every run, all variants of one seed before the next."""
        for seed in self.seeds:
            for name, run in self.variants.items():
                yield name, replace(run, seed=seed)


def load_ablation(path: Path) -> Ablation:
    """Read `seeds`, the table `run`, and tables `variants.NAME` of what differs from it.

    Raises SettingsError, naming the key, where one is missing or wrong.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        seeds, base, variants = table["seeds"], table["run"], table["variants"]
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if not isinstance(seeds, list) or not all(type(seed) is int for seed in seeds):
        raise SettingsError(f"{path}: seeds should be a list of integers")
    changes: dict[str, dict[str, Any]] = {BASELINE: {}, **variants}
    return Ablation(
        tuple(seeds),
        {name: parse(Run, changed(base, change), f"{path}: {name}") for name, change in changes.items()},
    )


def changed(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return a table with the values of another in place of its own, table by table."""
    out = dict(base)
    for key, value in change.items():
        inner = out.get(key)
        out[key] = (
            changed(inner if isinstance(inner, dict) else {}, value) if isinstance(value, dict) else value
        )
    return out


def results(path: Path) -> list[dict[str, object]]:
    """Return the stored results, one for each variant and seed; none where there is no file."""
    return (
        cast(list[dict[str, object]], json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []
    )


def save(done: list[dict[str, object]], path: Path) -> None:
    """Store results."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")


def suite_of(folder: Path) -> str:
    """Return what tells one suite from another: a digest of its manifest; raises SettingsError where it has none."""
    path = folder / MANIFEST
    if not path.exists():
        raise SettingsError(f"{path} isn't there: compose the suite anew")
    return digest([path])


def missing(ablation: Ablation, done: list[dict[str, object]], suite: str) -> list[tuple[str, Run]]:
    """Return the runs without a result; raises SettingsError where there are results on another suite."""
    if any(result["suite"] != suite for result in done):
        raise SettingsError("there are results on another suite, which can't be compared: remove them first")
    known = {(result["variant"], result["seed"]) for result in done}
    return [(name, run) for name, run in ablation.runs() if (name, run.seed) not in known]


def markdown(results: list[dict[str, object]]) -> str:
    """Return a row for each variant: mean ± standard deviation over its seeds, the baseline first."""
    names = [BASELINE, *dict.fromkeys(str(r["variant"]) for r in results if r["variant"] != BASELINE)]
    rows = []
    for name in names:
        mine = [result for result in results if result["variant"] == name]
        cells = [_spread([cast(float, r[key]) for r in mine], digits) for key, digits in COLUMNS.items()]
        rows.append(f"| {' | '.join([name, str(len(mine)), *cells])} |")
    return "\n".join([*HEADER, *rows])


def _spread(values: list[float], digits: int) -> str:
    if not values:
        return "–"
    spread = [statistics.stdev(values)] if len(values) > 1 else []
    texts = (f"{value:.{digits}f}" for value in [statistics.mean(values), *spread])
    return " ± ".join(text.removeprefix("0") if digits == 3 else text for text in texts)
