"""Datagrams that strangers send: counted, and told at most once a minute."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Final, Literal, TypeAlias

logger = logging.getLogger(__name__)

REPORT_INTERVAL: Final = 60.0  # seconds; chosen

Kind: TypeAlias = Literal["stun", "stranger", "dtls", "rtp", "rtcp", "flood"]
"""Malformed or unauthenticated STUN; what comes from where no check came from; malformed; more than a peer may send."""


class Refusals:
    """How many datagrams were dropped unread, by kind."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self._told: Counter[Kind] = Counter()
        self._next = float("-inf")

    def add(self, kind: Kind) -> None:
        """Count one; log what has come together when the last line is old enough."""
        self.counts[kind] += 1
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + REPORT_INTERVAL
        fresh = self.counts - self._told
        self._told = self.counts.copy()
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(fresh.items()))
        logger.warning("datagrams that are none of ours were dropped: %s", told)


REFUSALS: Final = Refusals()
"""Those of this process."""
