"""Which server owns which room. Pure: time is passed in, nothing here knows sockets, asyncio or a cluster.

Rooms have ids here, not names (see sealing.py). Servers renew their leases again and again and say what they have. A
room belongs to one server under one epoch, a number that only grows. A placement rests on the last renewal that the
directory has heard, and the server itself counts from when it sent that one (see lease.py), so that no two clocks are
compared. Three rules keep a room from being in two places:

1. A server gets newcomers until LEASE - TICKET after its last renewal was heard. Its rooms are placed anew LEASE after
   that, or when it has ended for certain: whoever was sent there has come in by then, or is refused.
2. A directory that has just begun knows nothing. It listens for one lease, then gives each room, under a new epoch, to
   whoever showed the highest epoch for it.
3. Who says to own a room that belongs to another is told so, and tells its people to move.

Losing the directory therefore stops new rooms and moves, and nothing else: rooms go on.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from server.cluster.messages import Move, Placement, Report, State

LEASE: Final = 3.5  # seconds: six renewals may be lost before rooms move
TICKET: Final = 1.0  # seconds that a newcomer has at least to get from the directory into the room
RAMP: Final = 20.0  # seconds until a newcomer's cost shows in a server's figures (jicofo's ramp-up interval)
COST: Final = 0.25  # cores that a participant takes (README, *Numbers*), until it shows
GRACE: Final = 60.0  # seconds that the state of a room is kept for its people after its server has been lost
FULL: Final = 0.85  # share of a server's cores above which it gets no new room
MOVES: Final = 4096  # moves that are remembered for fronts that were away


class NotYet(Exception):
    """Nobody may place this room now; try again in `seconds`. `code` is for whom there is no time to."""

    def __init__(self, seconds: float, why: str, code: str = "server-full") -> None:
        super().__init__(why)
        self.seconds, self.code = seconds, code


@dataclass
class _KnownServer:
    report: Report
    number: int
    heard: float
    arrived: list[float] = field(default_factory=list)
    """When those came in whose cost may not show yet."""
    sent: int = 0
    """How many newcomers were sent there since its last renewal, some of whom it may refuse."""

    def renewed(self, report: Report, number: int, now: float) -> _KnownServer:
        """Return what is known after a renewal; who has come, or left, by the number of people there."""
        arrived = [then for then in self.arrived if now - then < RAMP]
        more = report.people - self.report.people
        arrived = arrived + [now] * more if more > 0 else arrived[: max(0, len(arrived) + more)]
        return _KnownServer(report, number, now, arrived)

    def load(self, now: float) -> float:
        """Return the share of its cores that is taken, with those who don't show yet: a rush outruns figures."""
        coming = sum(max(0.0, COST * (1 - (now - then) / RAMP)) for then in self.arrived)
        return (self.report.used + coming) / self.report.cores

    def load_to_come(self, now: float) -> float:
        """Return the load if all who were sent there come in."""
        return self.load(now) + self.sent * COST / self.report.cores

    def takes(self, now: float) -> bool:
        """Tell whether newcomers may be sent there."""
        return not self.report.draining and now < self.heard + LEASE - TICKET

    def gone(self, now: float) -> bool:
        """Tell whether everybody who was sent there has come in or will be refused."""
        return now >= self.heard + LEASE


@dataclass
class _Owner:
    server: str
    epoch: int
    state: State
    placed: float
    """When somebody was last sent there."""
    shown: bool = False
    """Whether the server has said that it has the room."""


class Directory:
    """All placements: one instance for a cluster. `now` is in seconds, on one monotonic clock."""

    def __init__(self, now: float, clock: Callable[[], float] = time.time) -> None:
        """Begin to listen; `clock` is in seconds since 1970."""
        self._begun = self._swept = now
        self._epoch = int(clock() * 1e6)  # above all of a directory before this one: nothing has to be stored
        self._servers: dict[str, _KnownServer] = {}
        self._rooms: dict[str, _Owner] = {}
        self._claims: dict[str, _Owner] = {}
        self._moves: deque[Move] = deque(maxlen=MOVES)
        self._reasons = Counter[str]()

    def renew(self, name: str, number: int, report: Report, *, now: float) -> dict[str, int]:
        """Take the renewal of a server, `number` growing; return the rooms whose epoch has changed.

        A negative one says that somebody else has the room, under its absolute value: nobody may come in under less
        any more. One that has not changed says that the room's state is missing here. A room that this directory has
        not placed itself is taken over under a new epoch: its server may have been silent while a directory before
        this one gave the room to yet another.
        """
        known = self._servers.get(name)
        if known is not None and number <= known.number:
            return {}  # overtaken on the way
        new = _KnownServer(report, number, now)
        self._servers[name] = known.renewed(report, number, now) if known is not None else new
        self._epoch = max([self._epoch, *(epoch for epoch, _ in report.rooms.values())])
        if self._listens(now):
            self._claim(name, report, now)
            return self._without_state(name)
        self._decide()
        self._close(name, report)
        self._sweep(now)
        return self._compare(name, report, now)

    def _listens(self, now: float) -> bool:
        return now < self._begun + LEASE

    def _claim(self, name: str, report: Report, now: float) -> None:
        for room, (epoch, state) in report.rooms.items():
            claim = self._claims.get(room)
            if claim is None or claim.epoch < epoch:
                self._claims[room] = _Owner(name, epoch, state, now, shown=True)
            elif claim.server == name:
                claim.state = state or claim.state
        for room, epoch in report.closed.items():
            claim = self._claims.get(room)
            if claim is not None and (claim.server, claim.epoch) == (name, epoch):
                del self._claims[room]

    def _without_state(self, name: str) -> dict[str, int]:
        return {
            r: claim.epoch for r, claim in self._claims.items() if claim.server == name and not claim.state
        }

    def _decide(self) -> None:
        """Give each room that was claimed while this directory listened to whoever showed the highest epoch."""
        claims, self._claims = self._claims, {}
        for room, claim in claims.items():
            claim.epoch = self._next()
            self._rooms[room] = claim

    def _next(self) -> int:
        self._epoch += 1
        return self._epoch

    def _close(self, name: str, report: Report) -> None:
        for room, epoch in report.closed.items():
            owner = self._rooms.get(room)
            if owner is not None and (owner.server, owner.epoch) == (name, epoch):
                del self._rooms[room]

    def _sweep(self, now: float) -> None:
        """Forget, now and then, who was lost, what nobody came back to, and what nobody came into in time."""
        if now < self._swept + LEASE:
            return
        self._swept = now
        self._servers = {name: s for name, s in self._servers.items() if now < s.heard + GRACE}
        self._rooms = {room: owner for room, owner in self._rooms.items() if self._kept(room, owner, now)}

    def _kept(self, room: str, owner: _Owner, now: float) -> bool:
        server = self._servers.get(owner.server)
        if server is None:
            return now < owner.placed + GRACE
        return room in server.report.rooms or now < owner.placed + LEASE

    def _compare(self, name: str, report: Report, now: float) -> dict[str, int]:
        changed = {}
        for room, (epoch, state) in report.rooms.items():
            owner = self._rooms.get(room)
            if owner is None:
                owner = self._rooms[room] = _Owner(name, self._next(), state, now)
            if owner.server != name:
                if owner.epoch < epoch:
                    owner.epoch = self._next()  # the clock was set back between two directories
                changed[room] = -owner.epoch
                continue
            owner.state, owner.shown = state or owner.state, True
            if owner.epoch != epoch or not owner.state:
                changed[room] = owner.epoch
        return changed

    def lost(self, name: str, *, now: float) -> None:
        """Note that a server's process has ended, for certain: its rooms may be placed at once."""
        if self._servers.pop(name, None) is not None:
            for owner in self._rooms.values():
                if owner.server == name:
                    owner.placed = now

    def find(self, room: str, *, now: float) -> Placement | None:
        """Return where a room is, without placing it; None for nowhere, or where nobody answers."""
        owner = self._rooms.get(room)
        server = self._servers.get(owner.server) if owner is not None else None
        if owner is None or server is None or server.gone(now):
            return None
        return self._placement(owner, server, now)

    def place(self, room: str, *, now: float, refused: int = 0) -> Placement:
        """Return where a room is, after deciding it if need be; raise NotYet.

        `refused` is the epoch of a placement that the server did not take: it gets a new one.
        """
        if self._listens(now):
            raise NotYet(self._begun + LEASE - now, "the directory has just begun")
        self._decide()
        owner = self._rooms.get(room)
        server = self._servers.get(owner.server) if owner is not None else None
        if owner is None:
            return self._place(room, "", "", now)
        if server is None:
            return self._place(room, owner.state, "ended", now)
        if server.report.draining:
            return self._place(room, owner.state, "draining", now)
        if server.gone(now):
            return self._place(room, owner.state, "silent", now)
        if not server.takes(now):
            raise NotYet(server.heard + LEASE - now, "its server does not answer")
        if owner.epoch == refused:
            owner.epoch, owner.shown = self._next(), False
        return self._send(owner, now)

    def _place(self, room: str, state: State, reason: str, now: float) -> Placement:
        """Place a new room, or one that moves for a reason."""
        name = self._best(now)
        if name is None:
            there = [server for server in self._servers.values() if not server.gone(now)]
            if there and all(server.report.draining for server in there):
                raise NotYet(float("inf"), "all servers are about to stop", "shutting-down")
            raise NotYet(TICKET, "every server is full")
        owner = self._rooms[room] = _Owner(name, self._next(), state, now)
        if reason:
            self._moves.append(Move(owner.epoch, room, name, reason))
            self._reasons[reason] += 1
        return self._send(owner, now)

    def _best(self, now: float) -> str | None:
        """Return the server with the least load that takes new rooms.

        Who is merely sent somewhere, and may be a stranger, makes nothing full.
        """
        taking = [(name, server) for name, server in self._servers.items() if server.takes(now)]
        loads = ((server.load_to_come(now), name) for name, server in taking if server.load(now) < FULL)
        return min(loads, default=(0.0, None))[1]

    def _send(self, owner: _Owner, now: float) -> Placement:
        """Send a newcomer there."""
        server = self._servers[owner.server]
        server.sent += 1
        return self._placement(owner, server, now)

    def _placement(self, owner: _Owner, server: _KnownServer, now: float) -> Placement:
        owner.placed = now
        state = owner.state if owner.state and not owner.shown else None
        report = server.report
        return Placement(owner.server, report.url, owner.epoch, server.number, state, report.public)

    def servers(self, *, now: float) -> list[str]:
        """Return the URLs of the servers that answer."""
        return [server.report.url for server in self._servers.values() if not server.gone(now)]

    def moves(self, after: int) -> list[Move]:
        """Return the moves under epochs above `after`, the oldest first."""
        return [move for move in self._moves if move.epoch > after]

    def snapshot(self, *, now: float) -> dict[str, Any]:
        """Return what `greenroom cluster status` shows; moves are counted by reason."""
        owned = Counter(owner.server for owner in self._rooms.values())
        servers = [
            {
                "name": name,
                "url": server.report.url,
                "load": round(server.load(now), 3),
                "rooms": owned[name],
                "draining": server.report.draining,
                "lease": round(max(0.0, server.heard + LEASE - now), 3),
            }
            for name, server in self._servers.items()
        ]
        return {
            "listens": self._listens(now),
            "servers": servers,
            "rooms": len(self._rooms),
            "moves": dict(self._reasons),
        }
