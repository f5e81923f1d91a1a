"""How large the pictures are that cameras are asked for: small ones at first, large ones where all of them fit.

Everybody in a room has the same size, and the smallest rooms come first: with fewer people each is seen larger. Pure
logic; time is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Final, NamedTuple

from server.media.camera_costs import ANOTHER_SIZE, SMALL_PICTURE, CameraCosts, Cost, Use
from server.media.retry_interval import Patience

LARGE_AFTER: Final = 4.0
"""Seconds that large pictures must have fitted, and that a newcomer sends small ones: people come together. Chosen."""
TRIAL: Final = 60.0  # seconds that large pictures have to last, or they were a mistake; chosen
OBEYED_AFTER: Final = (
    3.0  # seconds until a camera sends what it was asked for, or will not; browsers take one
)


class _Asked(NamedTuple):
    """What a camera was asked for, in px, and when."""

    pixels: int
    since: float


class PictureSizes:
    """Decides for whole rooms, and knows what cameras cost that have yet to obey."""

    def __init__(self, large: int) -> None:
        """Give out pictures of `large` px at most."""
        self.rooms: Set[str] = frozenset()
        """Those whose cameras send large pictures."""
        self._large = large
        self._uses: Mapping[str, Use] = {}
        self._came: dict[str, float] = {}
        self._asked: dict[str, _Asked] = {}
        self._stay_small: set[str] = set()
        """Cameras that were asked for large pictures in vain: phones, narrow lines."""
        self._fit_since: float | None = None
        self._patience = Patience(LARGE_AFTER, TRIAL)

    def large(self, camera: str) -> bool:
        """Tell whether a camera is to send large pictures."""
        return camera in self._asked and self._asked[camera].pixels > SMALL_PICTURE

    def observe(self, now: float, uses: Mapping[str, Use]) -> None:
        """Take who is there by `now`, in seconds, and where."""
        self._uses = uses
        self.rooms = self.rooms & {use.room for use in uses.values()}
        self._came = {camera: self._came.get(camera, now) for camera in uses}
        self._ask(now)
        self._stay_small = {
            camera
            for camera, use in uses.items()
            if self.large(camera)
            and now - self._asked[camera].since >= OBEYED_AFTER
            and use.pixels <= ANOTHER_SIZE * SMALL_PICTURE
        }

    def costs(
        self, now: float, costs: Mapping[str, CameraCosts], usual: Cost, rooms: Set[str] | None = None
    ) -> dict[str, Cost]:
        """Return what all cost once they have obeyed, with large pictures in `rooms`, or where they are now."""
        rooms = self.rooms if rooms is None else rooms
        return {camera: self._cost(now, camera, cost, usual, rooms) for camera, cost in costs.items()}

    def _cost(self, now: float, camera: str, cost: CameraCosts, usual: Cost, rooms: Set[str]) -> Cost:
        use, asked = self._uses[camera], self._asked[camera]
        wanted = self._large if use.room in rooms else SMALL_PICTURE
        settled = wanted == asked.pixels and now - asked.since >= OBEYED_AFTER
        if settled or not use.steerable or camera in self._stay_small:
            return cost.cost(usual)
        if wanted == SMALL_PICTURE and 0 < cost.pixels < wanted:
            return cost.cost(usual)
        return cost.cost_at(wanted, usual)

    def shrink(self, now: float, fits: Callable[[Set[str]], bool]) -> None:
        """Take large pictures back, from the fullest rooms first, until what is left `fits` or none is."""
        kept = self._in_order(self.rooms)
        while kept and not fits(frozenset(kept)):
            kept.pop()
        if len(kept) < len(self.rooms):
            self._patience.down(now)
            self.rooms, self._fit_since = frozenset(kept), None
            self._ask(now)

    def grow(self, now: float, fits: Callable[[Set[str]], bool]) -> None:
        """Give large pictures to the rooms for which they have fitted for a while, the emptiest first."""
        rooms = set(self.rooms)
        others = {use.room for use in self._uses.values() if use.received} - rooms
        for room in self._in_order(others) if self._large > ANOTHER_SIZE * SMALL_PICTURE else ():
            if not fits(rooms | {room}):
                break
            rooms.add(room)
        if rooms == self.rooms:
            self._fit_since = None
        elif self._fit_since is None:
            self._fit_since = now
        elif now - self._fit_since >= self._patience.seconds:
            self._patience.up(now)
            self.rooms, self._fit_since = frozenset(rooms), None
            self._ask(now)

    def _in_order(self, rooms: Set[str]) -> list[str]:
        people = [use.room for use in self._uses.values()]
        return sorted(rooms, key=lambda room: (people.count(room), room))

    def _ask(self, now: float) -> None:
        before, self._asked = self._asked, {}
        for camera, use in self._uses.items():
            waits = now - self._came[camera] < LARGE_AFTER
            pixels = SMALL_PICTURE if waits or use.room not in self.rooms else self._large
            was = before.get(camera)
            self._asked[camera] = was if was is not None and was.pixels == pixels else _Asked(pixels, now)
