"""What is done to a person's picture besides the background: each is off until somebody wants it."""

from __future__ import annotations

from typing import NamedTuple

from filters.base import FilterError


class Effects(NamedTuple):
    """Which of them are on."""

    framing: bool = False
    """Whether the person is brought to the middle, and nearer (framing.py)."""
    low_light: bool = False
    """Whether a person in the dark is made lighter (low_light.py)."""


NAMES = {field.replace("_", "-"): field for field in Effects._fields}
"""The field of each name that people write."""


def parse_effects(spec: str) -> Effects:
    """Return the effects of 'framing', 'low-light', both with a comma between, or of '' none; raise FilterError."""
    names = [name.strip() for name in spec.split(",") if name.strip()]
    for name in names:
        if name not in NAMES:
            raise FilterError(f"unknown effect {name[:80]!r}; known: {', '.join(NAMES)}")
    return Effects(**{NAMES[name]: True for name in names})
