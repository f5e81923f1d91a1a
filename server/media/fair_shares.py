"""Who is paced alone when the workers have too much to do: those who take more than their share of them.

Whoever sends larger pictures than were asked for gets as many pixels a second as others, in fewer pictures. Besides,
shares of the workers' time are max-min fair: what a camera does not need of an equal share is for the others, and
whoever takes more than that, as by costly backgrounds, makes the pressure. Pure logic; time is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from server.media.retry_interval import Patience

EXCESS: Final = 1.3
"""Times of an equal share that are too much: cameras of one kind differ by less."""
ACTIVE: Final = 0.01  # of a worker's time, below which a camera does not count
CAPACITY: Final = 0.9  # of the workers' time that is shared out
LARGE: Final = 1.2
"""Times the pixels that were asked for, from which on a picture is too large; phones round sizes up."""
LARGEST: Final = CAPACITY / 2
"""An equal share is at most this much of one worker: a camera has one, and the others there wait for its pictures."""
MIN_FRAME_RATE: Final = 2  # frames/s; chosen
AFTERMATH: Final = 1.0  # seconds until pacing shows: frames that wait are still worked on
CALM: Final = (
    3.0  # seconds without pressure before a paced camera may do more; longer after each return that failed
)
GROWTH: Final = 1.5  # times the frame rate, at each step up


class Burden(NamedTuple):
    """What one camera costs: seconds of CPU time lately, and its pixels per picture over those that were asked for.

    It is CPU time because other programs make every job take longer, and that is nobody's fault here.
    """

    busy: float
    size: float


@dataclass(slots=True)
class _Pace:
    """Pictures a second that one camera may have, and since when."""

    frame_rate: float
    since: float
    patience: Patience = field(default_factory=lambda: Patience(CALM))


class FairShares:
    """Paces those who take too much, one by one."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._paces: dict[str, _Pace] = {}
        self._before: float | None = None
        self._reduced = float("-inf")

    def observe(self, now: float, burdens: Mapping[str, Burden], frame_rate: int, *, pressed: bool) -> bool:
        """Take what each camera has cost since the last call; tell whether the pressure is of some of them alone.

        `now` in seconds; `frame_rate` is what everybody has without pacing; `pressed` is whether the workers have
        more to do than they can.
        """
        elapsed = now - self._before if self._before is not None else 0.0
        self._before = now
        for gone in self._paces.keys() - burdens.keys():
            del self._paces[gone]
        if elapsed <= 0:
            return False
        if not pressed:
            self._relax(now, frame_rate)
            return False
        shares = {c: b.busy / elapsed for c, b in burdens.items() if b.busy / elapsed > ACTIVE}
        if len(shares) > 1:
            fair = min(LARGEST, _fair_share(list(shares.values()), CAPACITY * self.workers))
            total = sum(shares.values())
            for camera, share in shares.items():
                # Cameras that are alike can't each have more than their share: they are too many then.
                most = max(fair, (total - share) / (len(shares) - 1))
                self._hold_back(now, camera, most / share, burdens[camera].size, frame_rate)
        return now - self._reduced < AFTERMATH

    def _hold_back(self, now: float, camera: str, factor: float, size: float, frame_rate: int) -> None:
        """Reduce a camera that is too large, or has taken 1/`factor` times what is fair."""
        present = self._paces[camera].frame_rate if camera in self._paces else float(frame_rate)
        wanted = present
        if size > LARGE:
            wanted = min(wanted, frame_rate / size)
        if factor * EXCESS < 1:
            wanted = min(wanted, present * factor)
        wanted = max(float(MIN_FRAME_RATE), wanted)
        if wanted < present:
            pace = self._paces.setdefault(camera, _Pace(present, now))
            pace.frame_rate, pace.since = wanted, now
            pace.patience.down(now)
            self._reduced = now

    def frame_rate(self, camera: str) -> int | None:
        """Return how many pictures a second a camera may have; None when it is not paced."""
        pace = self._paces.get(camera)
        return None if pace is None else max(MIN_FRAME_RATE, int(pace.frame_rate))

    def _relax(self, now: float, frame_rate: int) -> None:
        for camera, pace in list(self._paces.items()):
            if now - pace.since < pace.patience.seconds:
                continue
            pace.frame_rate, pace.since = pace.frame_rate * GROWTH, now
            pace.patience.up(now)
            if pace.frame_rate >= frame_rate:
                del self._paces[camera]


def _fair_share(shares: list[float], capacity: float) -> float:
    """Return the largest share that all can have who want it, when those who want less have less."""
    left = len(shares)
    for share in sorted(shares):
        if share * left >= capacity:
            break
        capacity -= share
        left -= 1
    return capacity / left if left else capacity
