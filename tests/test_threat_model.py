"""docs/threat-model.md names a test for every line, and the tests exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
DOCUMENT = TESTS.parent / "docs" / "threat-model.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
REASON = re.compile(r"^no test: \w.{10,}")


def lines() -> list[str]:
    """Return what holds each line of the tables: the last cell."""
    rows = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("|")]
    cells = [row.strip().strip("|").rpartition("|")[2].strip() for row in rows]
    return [cell for cell in cells if cell != "held by" and not re.fullmatch("-+", cell)]


def named() -> list[tuple[str, str]]:
    """Return every path and function that the document names, once."""
    return sorted(set(NAMED.findall(DOCUMENT.read_text("utf-8"))))


@cache
def functions(path: str) -> set[str]:
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_every_line_is_held_or_says_why_not() -> None:
    assert len(lines()) > 60
    for cell in lines():
        rest = NAMED.sub("", cell)
        assert REASON.match(cell) or (rest != cell and not rest.strip(", ")), cell


@pytest.mark.parametrize(("path", "name"), named(), ids=lambda part: part)
def test_the_test_exists(path: str, name: str) -> None:
    assert name.startswith("test_")
    assert name in functions(path)
