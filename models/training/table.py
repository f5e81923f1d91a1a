"""The README's tables, from stored results."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

NETWORKS, ABLATION = "table of trained networks", "table of losses"
"""Names of the tables: each stands between two comments that say where it begins and ends."""

HEADER = (
    "| network | parameters | looks at | images seen | ms | IoU | MAD | boundary F1 | leak % | lost % | remark |",
    "|---|---|---|---|---|---|---|---|---|---|---|",
)


class TableError(ValueError):
    """A stored result lacks something, or the README has no place for the table."""


@dataclass(frozen=True, slots=True)
class Result:
    """One network's row; without scores it isn't trained."""

    name: str
    parameters: int
    pixels: int
    """About height × width of a look at the whole frame."""
    images: int
    ms: float
    remark: str
    iou: float | None = None
    mad: float | None = None
    f1: float | None = None
    leak: float | None = None
    lost: float | None = None

    def row(self) -> str:
        scores = (
            _share(self.iou),
            _number(self.mad, 1),
            _share(self.f1),
            _number(self.leak, 2),
            _number(self.lost, 2),
        )
        seen = f"{self.images:,}" if self.images else "–"
        cells = (
            self.name,
            f"{self.parameters:,}",
            f"{self.pixels:,} px",
            seen,
            f"{self.ms:.1f}",
            *scores,
            self.remark,
        )
        return f"| {' | '.join(cells)} |"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".removeprefix("0")


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def results(folder: Path) -> list[Result]:
    """Return the stored results, one file a network: best IoU first, those without one by name at the end."""
    found = [_result(path) for path in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda result: 1.0 if result.iou is None else -result.iou)


def _result(path: Path) -> Result:
    values = json.loads(path.read_text(encoding="utf-8"))
    unknown = set(values) - {f.name for f in fields(Result)}
    try:
        return Result(**values)
    except TypeError as error:
        raise TableError(f"{path}: {', '.join(sorted(unknown)) or error}") from error


def markdown(rows: list[Result]) -> str:
    """Return the table."""
    return "\n".join([*HEADER, *(result.row() for result in rows)])


def inserted(readme: str, name: str, table: str) -> str:
    """Return the README with the table in the place of that name."""
    begin, end = (f"<!-- {name}: {where} -->" for where in ("begin", "end"))
    if readme.count(begin) != 1 or readme.count(end) != 1:
        raise TableError(f"the README should hold {begin} and {end} once")
    before, _, rest = readme.partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}\n{table}\n{end}{after}"
