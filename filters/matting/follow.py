"""Follow only me: of all people in a matte one is shown, and whoever else is there is room.

A pixel of the matte is the followed person's where

    near · likelihood > far + anybody · (1 - place) + STAY,

with `place` where they were in the look before, moved along with them, `near` and `far` the shares of a square around
the pixel that were theirs and others', and `likelihood` how much likelier its colour is theirs than others'. `anybody`
is the share of others that may be where nobody was. What is uncertain is room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

import cv2
import numpy as np

from filters.base import Alpha, FilterError, Plane
from filters.matting.appearance import Appearance, alike, colours_of
from filters.matting.components import SOLID, VISIBLE
from filters.matting.grid import CELL, Work
from filters.matting.motion import Tracker, scaled, warped
from filters.matting.outline import centre_column, everybody, island_near, island_over, person_at
from filters.planes import above, both, box_mean, dilated, resized

# Pixels are of half the work grid, 4 of a 640x360 frame; looks are the network's. Chosen on eleven clips of two people
# (docs/follow.md), the stage as a whole.
HALF: Final = 2  # px of the work grid
REACH: Final = 13  # px, the side of the square: farther than a hand moves from look to look
MAX_MOTION: Final = 2.0  # cells; one step of Lucas-Kanade is good for about one
STAY: Final = 0.05  # likelihood below which a colour is not the person's even where they were
ALONE: Final = 0.1  # share of others that may be anywhere while everybody in sight is told apart
BESIDE: Final = 0.25  # the same where an outline of two was cut
MIXED: Final = 0.5  # the same where two may be in one outline
LEARN_EVERY: Final = 4  # looks
LEARN_RATE: Final = 0.1  # share of the new colours each time
SETTLED: Final = 30  # looks, 1 s or more, until all colours of somebody who is alone are known
ABOUT: Final = 90  # looks, 3 s or more, for which somebody who was seen may still be behind the person
MIN_AREA: Final = 0.004  # share of the picture; less of a person is nobody
MIN_FOUND: Final = 0.02  # share of the picture; less of somebody who comes doesn't tell who it is
NEARBY: Final = 8.0  # px from a point to the person who is meant

# Bhattacharyya coefficients; of one person .96 and more, of two people .5 to .8, of both in one outline .9.
ONE: Final = 0.98  # of a part with the whole outline, from which on the whole is one person, who lifts an arm
SAME: Final = 0.95  # from which on the person is alone in an outline
ALIKE: Final = 0.8  # from which on somebody who comes is the person
LIKELIER: Final = 0.1  # by which they must be liker the person than others
LOST: Final = 0.6  # below which what is left isn't the person
OWN: Final = 0.5  # likelihood from which on a pixel of somebody who has come back is theirs


class Point(NamedTuple):
    """A place in the picture, in shares of its width and height, from the top left."""

    x: float
    y: float


Target: TypeAlias = Point | Literal["centre", "nobody"]
"""Whom to follow: who is at a point; the largest near the centre; nobody, so that nothing is shown."""

FollowState: TypeAlias = Literal["off", "following", "lost"]
"""Whether one person is followed, and in sight; while `lost`, nobody is shown."""


def parse_target(text: str) -> Target:
    """Return the target that `centre` or `X,Y` names; raise FilterError for what is neither."""
    if text == "centre":
        return "centre"
    try:
        x, y = map(float, text.split(","))
    except ValueError:
        x = y = -1.0
    return point(x, y)


def read_target(text: str) -> Target | None:
    """Return the target that a text names, None where it is empty; raise FilterError."""
    return parse_target(text) if text else None


def point(x: float, y: float) -> Point:
    """Return a point; raise FilterError where it is not in the picture."""
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise FilterError("whom to follow should be centre, or X,Y in shares of width and height, as 0.5,0.4")
    return Point(x, y)


class _Seen(NamedTuple):
    """What one look has found, on a grid of half the work grid."""

    matte: Plane
    people: Plane
    """255 where anybody is."""
    colours: Plane
    cells: Plane


@dataclass(frozen=True, slots=True)
class _Positions:
    """Where everybody was in the look before."""

    mine: Plane
    others: Plane
    tracker: Tracker


class Follow:
    """Limits the mattes of one stream to one person: who is at the target when somebody is first in sight."""

    def __init__(self, target: Target) -> None:
        self._target: Target | None = target
        self._appearance = Appearance()
        self._learned = 0
        """In how many looks the person was told from all others."""
        self._about = 0
        """For how many looks somebody else may still be hidden."""
        self._anybody = 0.0
        self.forget()

    @property
    def state(self) -> FollowState:
        return "lost" if self._place is None else "following"

    def forget(self) -> None:
        """Forget where the person is, and not what they look like."""
        self._place: _Positions | None = None

    def limit(self, alpha: Plane, work: Work) -> Plane:
        """Return the matte (uint8, work grid) of a look without anybody but the followed person."""
        size = (max(1, alpha.shape[1] // HALF), max(1, alpha.shape[0] // HALF))
        matte = resized(alpha, size)
        seen = _Seen(matte, above(matte, VISIBLE), colours_of(work, size), work.cells)
        if self._place is not None and self._place.mine.shape == matte.shape:
            mine, others = self._tell_apart(seen, self._place)
        else:
            mine = self._find(seen)
            others = seen.people & ~mine
        if not _more(mine) or not self._learn(seen, mine, others):
            self.forget()
            return np.zeros_like(alpha)
        self._place = _Positions(mine, others, Tracker(work.cells))
        shown = dilated(mine, 3) & ~dilated(seen.people & ~mine, 3)
        return np.minimum(alpha, resized(shown, (alpha.shape[1], alpha.shape[0])))

    def _tell_apart(self, seen: _Seen, last: _Positions) -> tuple[Plane, Plane]:
        """Return what is the person's, and what is surely others'."""
        place, others = (_moved(mask, last.tracker, seen.cells) for mask in (last.mine, last.others))
        person, anybody = self._person(seen, place), self._anybody
        if not anybody:
            return person, seen.people & ~person
        near, far = (box_mean(mask, REACH) if cv2.countNonZero(mask) else mask for mask in (place, others))
        claim = _floats(cv2.multiply(near, self._appearance.likelihood(seen.colours), dtype=cv2.CV_32F))
        doubt = _floats(cv2.addWeighted(far, 1.0, ~place, anybody, 255 * STAY, dtype=cv2.CV_32F))
        mine = island_over(both(_exceeds(claim, doubt), person), place)
        surely = ~person
        if anybody == MIXED:
            surely |= _exceeds(far.astype(np.float32), claim)
        return mine, seen.people & ~mine & surely

    def _person(self, seen: _Seen, place: Plane) -> Plane:
        """Return the outline that holds the person, and note how much of it may be anybody's: 0 is none of it."""
        person = island = island_over(seen.people, place)
        outside = _more(seen.people, island)
        hidden = self._about > 0 and not outside
        if self._learned < SETTLED and not _more(seen.people, island, MIN_FOUND):
            # Somebody who comes in is seen in pieces.
            self._anybody, outside = 0.0, False
        elif not hidden and self._appearance.likeness(seen.colours, island) > SAME:
            self._anybody = ALONE
        else:
            person = _whole(seen, island, person_at(island, seen.matte, centre_column(place)))
            outside = _more(seen.people, person)
            same = outside and self._appearance.likeness(seen.colours, person) > SAME
            self._anybody = BESIDE if same else MIXED
        if outside:
            self._notice_others()
        else:
            self._about -= 1
        return person

    def _notice_others(self) -> None:
        self._about, self._learned = ABOUT, max(self._learned, SETTLED)

    def _find(self, seen: _Seen) -> Plane:
        """Return who is at the target or, later, who looks like the person; nothing where nobody is."""
        if self._target is not None:
            return self._first(seen, self._target)
        best, found = ALIKE, np.zeros_like(seen.people)
        if not self._appearance.known:
            return found
        self._anybody = MIXED
        for person in everybody(seen.people, seen.matte, MIN_FOUND * found.size):
            own, other = self._appearance.likenesses(seen.colours, person)
            if own > max(best, other + LIKELIER):
                best, found = own, person
        theirs = _exceeds(self._appearance.likelihood(seen.colours), OWN)
        return island_over(both(found, theirs), found)

    def _first(self, seen: _Seen, target: Target) -> Plane:
        """Return who is at the target; while nobody is in sight it is waited for."""
        nobody = np.zeros_like(seen.people)
        if target == "nobody" or not _more(seen.people):
            return nobody
        if isinstance(target, Point):
            height, width = nobody.shape
            island, column = island_near(seen.people, target.x * (width - 1), target.y * (height - 1), NEARBY)
            chosen = _whole(seen, island, person_at(island, seen.matte, column))
        else:
            central = _central(seen)
            chosen = _whole(seen, island_over(seen.people, central), central)
            if not chosen.any():
                return nobody
        self._target = None
        if _more(seen.people, chosen):
            self._notice_others()
        return chosen

    def _learn(self, seen: _Seen, mine: Plane, others: Plane) -> bool:
        """Learn the colours of both; tell whether the person is the one who is known."""
        appearance = self._appearance
        if self._anybody == MIXED:
            if appearance.known and appearance.likeness(seen.colours, _solid(seen, mine)) < LOST:
                return False
        else:
            self._learned += 1
            if not appearance.known or self._learned < SETTLED or self._learned % LEARN_EVERY == 0:
                rate = max(LEARN_RATE, 1 / self._learned)
                appearance.learn(seen.colours, _solid(seen, mine), rate)
        if self._about == ABOUT:
            apart = _solid(seen, others) & ~dilated(mine, 5)
            appearance.learn_others(seen.colours, apart, LEARN_RATE)
        return True


def _central(seen: _Seen) -> Plane:
    """Return who covers most of the picture, its columns counting the less the farther they are from its centre."""
    nearness = 1 - np.abs(np.linspace(-1, 1, seen.people.shape[1]))
    people = everybody(seen.people, seen.matte, MIN_FOUND * seen.people.size)
    return max(
        people, key=lambda one: float((one > 0).sum(axis=0) @ nearness), default=np.zeros_like(seen.people)
    )


def _whole(seen: _Seen, island: Plane, part: Plane) -> Plane:
    """Return the island that a part is of where all of it looks like the part, else the part."""
    return island if alike(seen.colours, part, island) > ONE else part


def _solid(seen: _Seen, mask: Plane) -> Plane:
    """Return the part of a mask where the matte is sure."""
    return both(mask, above(seen.matte, SOLID))


def _moved(mask: Plane, tracker: Tracker, cells: Plane) -> Plane:
    """Return the mask moved along with what it covers."""
    if not cv2.countNonZero(mask):
        return mask
    motion = tracker.motion(cells, resized(mask, (cells.shape[1], cells.shape[0])), MAX_MOTION)
    return warped(mask, scaled(motion, CELL / HALF))


def _floats(values: object) -> Alpha:
    return cast(Alpha, values)


def _exceeds(first: Alpha, second: Alpha | float) -> Plane:
    return cast(Plane, cv2.compare(first, cast(Any, second), cv2.CMP_GT))


def _more(mask: Plane, part: Plane | None = None, least: float = MIN_AREA) -> bool:
    """Tell whether a mask holds more than its part by so large a share of the picture that it may be a person."""
    count = cv2.countNonZero(mask) - (0 if part is None else cv2.countNonZero(part))
    return count > least * mask.size
