"""How large the pictures are that cameras are asked for: usual ones at first, then the largest that fit.

Everybody in a room has the same size, and the emptiest rooms have the largest: with fewer people each is seen larger.
Pure logic; time is passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from server.media.camera_costs import ANOTHER_SIZE, USUAL_PICTURE, CameraCosts, Cost, Use
from server.media.retry_interval import Patience

CROWD: Final = 10
"""People in a room, from whom on tiles are in four columns: 335 px wide in a window of 1366 px."""
CROWD_PICTURE: Final = 320 * 180
"""px: the size of the matte's grid; a worker takes .7 of what it takes at 640x360, and at 480x270 as much as there."""
LARGER_AFTER: Final = 4.0
"""Seconds that larger pictures must have fitted, and that a newcomer sends usual ones: people come together. Chosen."""
TRIAL: Final = 60.0  # seconds that larger pictures have to last, or they were a mistake; chosen
OBEYED_AFTER: Final = 3.0
"""Seconds until a camera sends what it was asked for, or will not; browsers take one. Chosen."""


class Size(NamedTuple):
    """A size that pictures can have."""

    pixels: int
    quality: int
    """The last of the governor's qualities at which pictures are so large: what does not fit then gets smaller."""
    people: int = 0
    """In a room, with fewer of whom no pictures are so small."""


Rooms = Mapping[str, int]
"""The size of each room, as its place among the sizes."""
Fits = Callable[[Rooms, int], bool]
"""Tells whether sizes fit at a quality of the governor's."""


class _Asked(NamedTuple):
    """What a camera was asked for, in px, and when."""

    pixels: int
    since: float


class PictureSizes:
    """Decides for whole rooms, and knows what cameras cost that have yet to obey."""

    def __init__(self, sizes: Sequence[Size]) -> None:
        """Give out pictures of these sizes, the largest first."""
        self.rooms: Rooms = {}
        self._sizes = sizes
        self._usual = next(i for i, size in enumerate(sizes) if size.pixels <= ANOTHER_SIZE * USUAL_PICTURE)
        self._uses: Mapping[str, Use] = {}
        self._people = Counter[str]()
        self._tiles = Counter[str]()
        """People without those in the lobby."""
        self._came: dict[str, float] = {}
        self._asked: dict[str, _Asked] = {}
        self._most: dict[str, int] = {}
        """Pixels of cameras that were asked for more in vain: phones, narrow lines."""
        self._fit_since: float | None = None
        self._patience = Patience(LARGER_AFTER, TRIAL)

    def pixels(self, camera: str) -> int:
        """Return how large a picture a camera is to send."""
        asked = self._asked.get(camera)
        return self._sizes[self._usual].pixels if asked is None else asked.pixels

    def observe(self, now: float, uses: Mapping[str, Use]) -> None:
        """Take who is there by `now`, in seconds, and where."""
        self._uses = uses
        self._people = Counter(use.room for use in uses.values())
        self._tiles = Counter(use.room for use in uses.values() if use.inside)
        self.rooms = {room: self._allowed(room, self.rooms.get(room, self._usual)) for room in self._people}
        self._came = {camera: self._came.get(camera, now) for camera in uses}
        self._ask(now)
        self._most = {
            camera: use.pixels
            for camera, use in uses.items()
            if self._settled(now, camera) and 0 < use.pixels * ANOTHER_SIZE < self._asked[camera].pixels
        }

    def _allowed(self, room: str, size: int) -> int:
        return size if self._tiles[room] >= self._sizes[size].people else self._usual

    def _wanted(self, use: Use, rooms: Rooms) -> int:
        """Return the pixels of a camera in the long run: who is seen large is no smaller than usual."""
        size = rooms[use.room]
        return self._sizes[min(size, self._usual) if use.shown_large else size].pixels

    def _settled(self, now: float, camera: str) -> bool:
        return now - self._asked[camera].since >= OBEYED_AFTER

    def costs(
        self, now: float, costs: Mapping[str, CameraCosts], usual: Cost, rooms: Rooms | None = None
    ) -> dict[str, Cost]:
        """Return what all cost once they have obeyed, with these sizes, or those of now."""
        rooms = self.rooms if rooms is None else rooms
        return {camera: self._cost(now, camera, cost, usual, rooms) for camera, cost in costs.items()}

    def _cost(self, now: float, camera: str, cost: CameraCosts, usual: Cost, rooms: Rooms) -> Cost:
        use, wanted = self._uses[camera], self._wanted(self._uses[camera], rooms)
        settled = wanted == self._asked[camera].pixels and self._settled(now, camera)
        if settled or not use.steerable or wanted >= self._most.get(camera, wanted + 1):
            return cost.cost(usual)
        return cost.cost_at(wanted, usual)

    def shrink(self, now: float, fits: Fits) -> None:
        """Make pictures smaller until they fit, first the largest, and of those the ones of the fullest rooms."""
        rooms = self.rooms
        while (room := self._next_smaller(rooms)) is not None:
            if fits(rooms, self._sizes[rooms[room]].quality):
                break
            rooms = {**rooms, room: rooms[room] + 1}
        if rooms != self.rooms:
            self._patience.down(now)
            self._change(now, rooms)

    def grow(self, now: float, fits: Fits) -> None:
        """Make pictures larger that have fitted so for a while, in the opposite order."""
        rooms = self.rooms
        while (room := self._next_larger(rooms)) is not None:
            larger = {**rooms, room: rooms[room] - 1}
            if not fits(larger, self._sizes[larger[room]].quality):
                break
            rooms = larger
        if rooms == self.rooms:
            self._fit_since = None
        elif self._fit_since is None:
            self._fit_since = now
        elif now - self._fit_since >= self._patience.seconds:
            self._patience.up(now)
            self._change(now, rooms)

    def _change(self, now: float, rooms: Rooms) -> None:
        self.rooms, self._fit_since = rooms, None
        self._ask(now)

    def _next_smaller(self, rooms: Rooms) -> str | None:
        can = [room for room, size in rooms.items() if self._may_be_smaller(room, size)]
        return max(can, key=lambda room: self._order(rooms, room), default=None)

    def _next_larger(self, rooms: Rooms) -> str | None:
        seen = {use.room for use in self._uses.values() if use.received}
        can = [room for room, size in rooms.items() if size > 0 and room in seen]
        return min(can, key=lambda room: self._order(rooms, room), default=None)

    def _may_be_smaller(self, room: str, size: int) -> bool:
        return size + 1 < len(self._sizes) and self._tiles[room] >= self._sizes[size + 1].people

    def _order(self, rooms: Rooms, room: str) -> tuple[int, int, str]:
        return -rooms[room], self._people[room], room

    def _ask(self, now: float) -> None:
        before, self._asked = self._asked, {}
        for camera, use in self._uses.items():
            pixels = self._wanted(use, self.rooms)
            if now - self._came[camera] < LARGER_AFTER:
                pixels = min(pixels, self._sizes[self._usual].pixels)
            was = before.get(camera)
            self._asked[camera] = was if was is not None and was.pixels == pixels else _Asked(pixels, now)
