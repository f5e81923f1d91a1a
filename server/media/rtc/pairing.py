"""An ICE connection that pairs no more than RFC 8445 recommends, however much a peer announces.

aioice compares each candidate with all others and sorts all pairs again for each (ice.py:785, 1209), so that 4000
candidates of one description keep the event loop for seconds.
"""

from __future__ import annotations

from aioice.candidate import Candidate
from aioice.ice import Connection, StunProtocol
from aioice.stun import Message

from .sdp import MAX_CANDIDATES

MAX_PAIRS = 100
"""Pairs made of what is announced (RFC 8445, section 6.1.2.5)."""
MAX_LEARNED = 32
"""Addresses, besides, that a peer checks from and has not announced."""


class LimitedConnection(Connection):
    """One of aiortc's connections, adopted."""

    @classmethod
    def adopt(cls, stock: Connection) -> None:
        """Turn a connection that aiortc has just constructed into one of ours."""
        stock.__class__ = cls

    async def add_remote_candidate(self, remote_candidate: Candidate | None) -> None:
        """Take a candidate, or the end of them; more than MAX_CANDIDATES are passed over."""
        known = len(self._remote_candidates) + self._remote_candidates_resolving
        if remote_candidate is None or known < MAX_CANDIDATES:
            await super().add_remote_candidate(remote_candidate)

    def _pair_remote_candidate(self, remote_candidate: Candidate) -> None:
        if len(self._check_list) < MAX_PAIRS:
            super()._pair_remote_candidate(remote_candidate)

    def check_incoming(self, message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Take an authenticated check; one from yet another address is not answered by a check of ours."""
        if len(self._remote_candidates) >= MAX_CANDIDATES + MAX_LEARNED and not self._knows(addr):
            return
        super().check_incoming(message, addr, protocol)

    def _knows(self, address: tuple[str, int]) -> bool:
        return any((c._network_host, c.port) == address for c in self._remote_candidates)
