"""Every reader of what strangers, members and applications send."""

from __future__ import annotations

from tests.fuzz import datagrams, media, words
from tests.fuzz.target import Target


def targets() -> dict[str, Target]:
    """Return them by name."""
    return datagrams.targets() | words.targets() | media.targets()
