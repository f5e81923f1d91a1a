"""A server's side of its lease: which newcomers it may take in. Media never depend on it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from server.cluster.directory import LEASE


def clock() -> float:
    """Return seconds on a monotonic clock that goes on while the machine sleeps, where there is one."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Lease:
    """What this server has been given, and until when. `now` is in seconds, on this machine's clock.

    A newcomer's placement names the renewal on which it rests. The directory places the room elsewhere no sooner than
    LEASE after it *heard* that one; it is good here for LEASE after it was *sent*, which is earlier.
    """

    def __init__(self) -> None:
        self.epochs: dict[str, int] = {}
        """Our rooms."""
        self.draining = False
        """Set once, before the directory is told: nobody comes in any more, so that it may place our rooms at once."""
        self._number = 0
        self._answered = 0
        self._sent: dict[int, float] = {}
        self._refused: dict[str, tuple[int, float]] = {}
        self._closed: dict[str, tuple[int, int]] = {}

    def send(self, now: float) -> int:
        """Return the number of a renewal that is sent now, before anybody can have heard it."""
        self._number += 1
        self._sent[self._number] = now
        self._sent = {number: then for number, then in self._sent.items() if now - then < LEASE}
        self._refused = {room: (e, then) for room, (e, then) in self._refused.items() if now - then < LEASE}
        return self._number

    @property
    def closed(self) -> dict[str, int]:
        """Rooms that were closed, and their epochs: said again until a renewal that says so has been answered."""
        return {room: epoch for room, (epoch, _) in self._closed.items()}

    def answered(self, number: int, changed: Mapping[str, int], now: float) -> list[str]:
        """Take the directory's answer to a renewal; return the rooms that are somebody else's now."""
        if number <= self._answered or number not in self._sent:
            return []  # an answer that comes late says nothing about now
        self._answered = number
        self._closed = {room: (e, first) for room, (e, first) in self._closed.items() if first > number}
        lost = []
        for room, epoch in changed.items():
            mine = self.epochs.get(room)
            if mine is None or mine >= abs(epoch):
                continue
            if epoch > 0:
                self.epochs[room] = epoch
            else:
                lost.append(room)
                del self.epochs[room]
                self._refused[room] = (-epoch, now)
        return lost

    def admits(self, room: str, epoch: int, renewal: int, now: float) -> bool:
        """Tell whether a newcomer who was sent here may come in; the room is ours then."""
        sent = self._sent.get(renewal)
        if self.draining or sent is None or now >= sent + LEASE:
            return False
        refused, then = self._refused.get(room, (0, now))
        if epoch < self.epochs.get(room, 0) or (epoch <= refused and now - then < LEASE):
            return False
        self.epochs[room] = epoch
        return True

    def close(self, room: str, now: float) -> None:
        """Note that the last one has left: who was sent here under this epoch has to ask again."""
        epoch = self.epochs.pop(room)
        self._closed[room] = (epoch, self._number + 1)
        self._refused[room] = (epoch, now)

    def left(self, now: float) -> float:
        """Return for how many seconds, at most, a newcomer could still come in; 0 for none."""
        sent = self._sent.get(self._answered)
        return 0.0 if sent is None else max(0.0, sent + LEASE - now)
