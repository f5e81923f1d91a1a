"""Inputs that are almost right: seeds with a few things changed, and values of JSON around messages that exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Change = tuple[int, float, bytes, int]
"""What to do, where (as a share of the length), with what, how often."""
REPEATS = 400
LONGEST = 1500  # bytes of a datagram

_changes = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=8)
        | st.sampled_from([b"\0" * 4, b"\xff" * 4, b"\x7f\xff", b"\r\n", b"="]),
        st.integers(1, REPEATS),
    ),
    max_size=6,
)


def changed(seed: bytes, changes: Sequence[Change]) -> bytes:
    """Overwrite, insert, cut, cut off and repeat parts of a seed."""
    data = seed
    for kind, where, what, count in changes:
        at = int(where * len(data))
        match kind:
            case 0:
                data = data[:at] + what + data[at + len(what) :]
            case 1:
                data = data[:at] + what + data[at:]
            case 2:
                data = data[:at] + data[at + count :]
            case 3:
                data = data[:at]
            case _:
                data = data[:at] + data[at : at + len(what) * 8] * count + data[at:]
    return data


def bytes_like(seeds: Sequence[bytes], longest: int = LONGEST) -> SearchStrategy[bytes]:
    """Return bytes like one of these, or any at all, of at most so many."""
    mutated = st.builds(changed, st.sampled_from(list(seeds)), _changes)
    return (mutated | st.binary(max_size=200)).map(lambda data: data[:longest])


def text_like(seeds: Sequence[str], longest: int) -> SearchStrategy[str]:
    """Return text like one of these, or any at all."""
    mutated = bytes_like([seed.encode() for seed in seeds], longest).map(
        lambda data: data.decode(errors="replace")
    )
    return mutated | st.text(max_size=200)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


def json_like(fields: Mapping[str, Sequence[Any]]) -> SearchStrategy[dict[str, Any]]:
    """Return an object with some of these fields, each with one of its values or with anything."""
    known = {name: st.sampled_from(list(some)) | values for name, some in fields.items()}
    return st.fixed_dictionaries({}, optional=known)
