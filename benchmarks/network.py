"""Real Chromium behind bad networks: what gets through, and how the rate adapts.

    python -m benchmarks.network [loss | bandwidth | downlink | all] [--rows NAME ...] [--json FILE]

Chromium publishes from one network namespace to the product's server in another; the packets between them are
delayed and dropped in user space (benchmarks.impairment). A second Chromium, beside the server, watches. Needs Linux,
root, iproute2 and /dev/net/tun. Machines that are busy with other things spoil the figures: see the load.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.impairment import Impairment, Network, NoNamespacesError, expect_namespaces
from benchmarks.network_bandwidth import BANDWIDTH_ROWS, DOWNLINK_ROWS, bandwidth_row, downlink_row
from benchmarks.network_loss import LOSS_ROWS, ROUND_TRIP, loss_row
from benchmarks.network_rig import Rig, build

Row = dict[str, Any]
Measure = Callable[[Rig, str, float], Coroutine[Any, Any, Row]]

SUITES: dict[str, tuple[tuple[str, ...], Measure, float]] = {
    "loss": (tuple(LOSS_ROWS), loss_row, 20),
    "bandwidth": (tuple(BANDWIDTH_ROWS), bandwidth_row, 60),
    "downlink": (tuple(DOWNLINK_ROWS), downlink_row, 20),
}
"""Rows, what measures one, and seconds of it by default; those are chosen."""


async def measure(suite: str, names: list[str], seconds: float | None) -> list[Row]:
    """Return the rows of one table, each with a server and browsers of its own."""
    known, row, usual = SUITES[suite]
    rows: list[Row] = []
    for name in [n for n in known if not names or n in names]:
        line = Impairment(delay=ROUND_TRIP / 2) if suite == "loss" else Impairment(delay=0.01)
        with Network(line, line) as network:
            size = BANDWIDTH_ROWS[name].size if suite == "bandwidth" else (640, 360)
            async with build(network, size) as rig:
                rows.append({"row": name, **await row(rig, name, seconds or usual)})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def show(title: str, rows: list[Row]) -> None:
    """Print a table; what is a list or a table itself is for the JSON."""
    table = Table(title=title)
    columns = [key for key, value in rows[0].items() if not isinstance(value, (list, dict))] if rows else []
    for column in columns:
        table.add_column(column, justify="left" if column == "row" else "right", overflow="fold")
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    Console(width=200).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", nargs="?", default="all", choices=[*SUITES, "all"])
    parser.add_argument("--rows", nargs="+", default=[], help="only these rows of the table")
    parser.add_argument("--seconds", type=float, help="of each row, instead of its usual time")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        expect_namespaces()
        tables = {}
        for suite in SUITES if options.suite == "all" else [options.suite]:
            tables[suite] = asyncio.run(measure(suite, options.rows, options.seconds))
    except NoNamespacesError as error:
        raise SystemExit(f"no bad network can be made here: {error}") from None
    for suite, rows in tables.items():
        show(suite, rows)
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
