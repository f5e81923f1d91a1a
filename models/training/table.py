"""The README's table of trained networks, from the cards of stored results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

BEGIN, END = "<!-- table of trained networks: begin -->", "<!-- end -->"
HEADER = (
    "| network | parameters | images seen | ms | IoU | MAD | boundary F1 | leak % | lost % | remark |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


class TableError(ValueError):
    """A stored result lacks something, or the README has no place for the table."""


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the stored results, one file a run, best IoU first."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    try:
        return sorted(cast(list[dict[str, Any]], found), key=lambda row: -float(row["iou"]))
    except KeyError as error:
        raise TableError(f"a result in {folder} has no {error}") from error


def markdown(results: list[dict[str, Any]]) -> str:
    """Return the table."""
    lines = list(HEADER)
    for row in results:
        lines.append(
            f"| {row['name']} | {row['parameters']:,} | {row['images']:,} | {row['ms']:.1f} | {_short(row['iou'])} |"
            f" {row['mad']:.1f} | {_short(row['f1'])} | {row['leak']:.2f} | {row['lost']:.2f} | {row['remark']} |"
        )
    return "\n".join(lines)


def _short(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


def inserted(readme: str, table: str) -> str:
    """Return the README with the table in its place."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        raise TableError(f"the README should hold {BEGIN} and {END} once")
    before, _, rest = readme.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table}\n{END}{after}"
