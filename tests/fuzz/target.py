"""What is fuzzed: a reader of what others send, inputs for it, and how a file of the corpus becomes one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.mutations import LONGEST, bytes_like, json_like, text_like


@dataclass(frozen=True)
class Target:
    """What is generated, and what must take it: without an exception, and on the loop without keeping it."""

    inputs: SearchStrategy[Any]
    take: Callable[[Any], object]
    seeds: tuple[bytes, ...]
    """What to begin with where coverage guides, as files of the corpus are."""
    read: Callable[[bytes], Any]
    """Makes an input of the bytes of such a file; None where they are none."""
    longest: int
    """Bytes of such a file."""
    on_loop: bool = True

    def try_file(self, data: bytes) -> None:
        """Have a file of the corpus taken."""
        value = self.read(data)
        if value is not None:
            self.take(value)


def of_bytes(
    seeds: Sequence[bytes], take: Callable[[bytes], object], longest: int = LONGEST, *, on_loop: bool = True
) -> Target:
    return Target(bytes_like(seeds, longest), take, tuple(seeds), bytes, longest, on_loop)


def of_text(
    seeds: Sequence[str], take: Callable[[str], object], longest: int, *, on_loop: bool = True
) -> Target:
    files = tuple(seed.encode() for seed in seeds)
    return Target(text_like(seeds, longest), take, files, _text, longest, on_loop)


def of_json(
    fields: Mapping[str, Sequence[Any]], take: Callable[[dict[str, Any]], object], *, on_loop: bool = True
) -> Target:
    longest = max(len(values) for values in fields.values())
    rows = ({name: values[i % len(values)] for name, values in fields.items()} for i in range(longest))
    files = tuple(json.dumps(row).encode() for row in rows)
    return Target(json_like(fields), take, files, _object, 20_000, on_loop)


def of_many(
    seeds: Sequence[bytes], take: Callable[[list[bytes]], object], longest: int, *, on_loop: bool = True
) -> Target:
    """Return a target that takes several: in a file each has its length, two bytes, before it."""
    some = st.lists(bytes_like(seeds, longest), max_size=6)
    file = b"".join(len(seed).to_bytes(2, "big") + seed for seed in seeds)
    return Target(some, take, (file,), _many, 6 * longest, on_loop)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _many(data: bytes) -> list[bytes]:
    found = []
    while len(data) > 2:
        end = 2 + int.from_bytes(data[:2], "big")
        found.append(data[2:end])
        data = data[end:]
    return found
