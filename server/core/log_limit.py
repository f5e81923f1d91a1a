"""Keeps strangers from filling the log: each place in the code may say so much in a minute."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Final

from server.core.token_bucket import TokenBucket

INTERVAL: Final = 60.0  # seconds; chosen
PROBLEMS, EVENTS = 5, 600
"""Lines of one place in an interval: warnings and errors, and what is no problem, as people who come and go."""


@dataclass(slots=True)
class _CallSite:
    """One place that logs: what it may still say, and how much was left out since it last did."""

    budget: TokenBucket
    left_out: int = field(default=0)


class LogLimit:
    """A filter for a handler. What is left out is counted, and told with the next line of that place."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, int, str], _CallSite] = {}

    def __call__(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is logged. asyncio logs all that nobody catches at one place, so its type counts."""
        kind = record.exc_info[0] if record.exc_info else None
        key = record.pathname, record.lineno, kind.__name__ if kind is not None else ""
        place = self._places.get(key)
        if place is None:
            count = PROBLEMS if record.levelno >= logging.WARNING else EVENTS
            place = self._places[key] = _CallSite(TokenBucket(count, count / INTERVAL))
        if not place.budget.take(1, time.monotonic()):
            place.left_out += 1
            return False
        if place.left_out:
            record.msg, record.args = f"{record.getMessage()} ({place.left_out} more like it left out)", ()
            place.left_out = 0
        return True
