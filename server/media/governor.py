"""The governor: what to give up so that frames are never late, and no more than that.

Overload feeds itself: a dropped frame makes the next one dearer to encode. So the governor works out what fits, from
what each camera costs and from what this server can have of the machine, and sets it at once, down or up. The cheapest
thing is given up first: looks of the network, large pictures, bits, then in crowds a size of the picture that nobody
sees (see picture_sizes), then frames; at last everything is blurred. Pure logic; time is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Final, NamedTuple

from server.media.camera_costs import ANOTHER_SIZE, USUAL, USUAL_PICTURE, CameraCosts, Cost, Use
from server.media.fair_shares import MIN_FRAME_RATE, Capacity, Quality, Shares
from server.media.headroom import TIGHT, Headroom, MachineLoad
from server.media.picture_sizes import CROWD, CROWD_PICTURE, PictureSizes, Rooms, Size
from server.media.retry_interval import Patience

FULL_FRAME_RATE: Final = 30.0  # pictures a second: what cameras are asked for
BLUR_FRAME_RATE: Final = 10.0  # pictures a second under a full blur, which are enough to see that it is one

QUALITIES: Final = (
    Quality(1_500_000),
    Quality(1_500_000, 1.25),
    Quality(1_500_000, 1.5),
    Quality(1_500_000, 2),
    Quality(600_000, 2),
    Quality(600_000, 2.5),
    Quality(400_000, 3),
    Quality(250_000, 4),
)
"""Given up one after the other before any picture is. Chosen."""
FULL_BLUR: Final = Quality(250_000, full_blur=True)
LARGE_QUALITY: Final = 3
"""The last of them at which pictures may be large: half of the looks; with small pictures no bits need be given up."""

RESERVE: Final = 0.05  # share of the cores that is left idle, so that frames need not wait
EASE: Final = 0.07  # the same: with more than that something comes back; less than TIGHT makes something go
GAIN: Final = 0.75
"""Of what is too much idle, what is taken in a step: receivers on this machine cost more then, too."""
LARGE_RESERVE: Final = 0.15
"""The same: with more than that pictures become large. What it is worked out of is a forecast: receiving and the
receivers of this machine take more then, too."""
HOLD: Final = 2.0  # seconds that a better quality must fit; longer after each return that failed
HEAVY_AFTER: Final = 2.0  # seconds that a camera is held back, until it is worth the placeholder of a move
HEAVY_FOR: Final = 10.0  # seconds after that, for the same reason
BLUR_BELOW, SHOW_FROM = 5.0, 8.0
"""Pictures a second of people that are too few to show them, and enough to do so again. Chosen."""
BLUR_AFTER: Final = 5.0  # seconds in which no more would fit; chosen
SHOW_AFTER: Final = 1.5
"""Seconds in which enough would fit; longer after each time that people had to go again. Chosen."""
SHOWN_FOR: Final = 30.0
"""Seconds, before which a blur means that people came back too early: who comes and goes is worse than a blur that
stays. Chosen."""


class Level(NamedTuple):
    """What everybody gets: pictures a second, bit/s at most, pictures per look of the network, or nothing but blur."""

    frame_rate: float
    bitrate: int
    network_interval: float = 1
    full_blur: bool = False


FULL: Final = Level(FULL_FRAME_RATE, QUALITIES[0].bitrate)
"""While nothing is given up."""


class Governor:
    """Sets the level that fits, and holds it until it fits no more or more fits."""

    def __init__(self, large: int = USUAL_PICTURE) -> None:
        """Allow pictures of `large` px at most."""
        self._quality = 0
        self._sizes = PictureSizes(_sizes(large))
        self._blurred = False
        self._share = float("inf")
        """Of the frame rate, what a camera of usual cost could have."""
        self._rates: dict[str, float] = {}
        self._costs: dict[str, CameraCosts] = {}
        self._before: tuple[float, dict[str, Use]] | None = None
        self._headroom = Headroom()
        self._better_since: float | None = None
        self._little_since: float | None = None
        self._much_since: float | None = None
        self._patience = Patience(HOLD)
        self._blur_patience = Patience(SHOW_AFTER, SHOWN_FOR)
        self._held_back: set[str] = set()
        self._held_since: dict[str, float] = {}
        self._heavy: dict[str, float] = {}
        """Until when, in seconds."""

    @property
    def level(self) -> Level:
        """What a camera of usual cost gets now."""
        quality, most = self._present
        return _level(quality, max(MIN_FRAME_RATE, most * min(1.0, self._share)))

    @property
    def given_up(self) -> int:
        """How much is given up: 0 is nothing, then looks and bits in steps, then frames, then all but blur."""
        if self._blurred:
            return len(QUALITIES) + 1
        return len(QUALITIES) if self._share < 1 or self._held_back else self._quality

    def level_of(self, camera: str) -> Level:
        """Return what one camera gets."""
        rate = self._rates.get(camera)
        return self.level if rate is None else _level(self._present[0], rate)

    def pixels(self, camera: str) -> int:
        """Return how large a picture a camera is to send."""
        return self._sizes.pixels(camera)

    def held_back(self, camera: str) -> bool:
        """Tell whether a camera has fewer pictures than others, because they cost more."""
        return camera in self._held_back

    def heavy(self, camera: str) -> bool:
        """Tell whether a camera has been held back for a while, so that others are better off on another worker."""
        return camera in self._heavy

    @property
    def _present(self) -> tuple[Quality, float]:
        if self._blurred:
            return FULL_BLUR, BLUR_FRAME_RATE
        return QUALITIES[self._quality], FULL_FRAME_RATE

    def observe(self, now: float, load: MachineLoad, uses: Mapping[str, Use]) -> None:
        """Take what was measured by `now`, in seconds; set what to do from now on."""
        used = self._learn(now, uses)
        if used is None or not uses:
            return
        self._sizes.observe(now, uses)
        usual = self._usual()
        costs = self._sizes.costs(now, self._costs, usual)
        tight, ample = self._headroom.observe(load, *used)
        shares = Shares(costs, *self._present)
        rates = {c: self._rates.get(c, shares.rate(c, self._share)) for c in costs}
        fits = shares.fits(rates, tight.without(TIGHT))
        self._headroom.heed_waiting(now, load, fits=fits)
        if not self._blurred and (not fits or self._share < 1):
            costs = self._shrink(now, usual, tight.without(RESERVE))
        if not fits:
            self._step_down(now, costs, tight.without(RESERVE))
        elif self.given_up:
            self._step_up(now, costs, ample, shares.demand(rates))
        else:
            self._rates = rates
        if fits and not self._blurred:
            self._grow(now, usual, ample.without(LARGE_RESERVE))
        self._weigh(now)
        self._blur_or_show(now, costs, tight.without(RESERVE))

    def _learn(self, now: float, uses: Mapping[str, Use]) -> tuple[float, float] | None:
        """Return the cores that the cameras have used of late, and the event loop for each of their pictures."""
        before, self._before = self._before, (now, dict(uses))
        for gone in self._costs.keys() - uses.keys():
            del self._costs[gone]
        for camera, use in uses.items():
            if camera not in self._costs:
                self._costs[camera] = CameraCosts(use, now)
            else:
                told = self._rates.get(camera, FULL_FRAME_RATE) < FULL_FRAME_RATE
                self._costs[camera].observe(now, use, told=told)
        if before is None or now <= before[0]:
            return None
        seconds = now - before[0]
        same = [(use, before[1][c]) for c, use in uses.items() if c in before[1]]
        used = sum(use.seconds - then.seconds for use, then in same) / seconds
        return used, sum(use.send - then.send for use, then in same) / seconds

    def _usual(self) -> Cost:
        """Return what a camera of USUAL_PICTURE costs, of which nothing is known but what others do."""
        known = [costs.cost_at(USUAL_PICTURE, USUAL) for costs in self._costs.values() if costs.known]
        if not known:
            return USUAL
        return Cost(*(median(values) for values in zip(*(k[:11] for k in known), strict=True)))

    def _step_down(self, now: float, costs: Mapping[str, Cost], capacity: Capacity) -> None:
        """Give up what does not fit, beginning with the present quality."""
        self._better_since = None
        if self._blurred:
            self._set(costs, *self._present, capacity)
            return
        before = self._quality
        self._quality = _best(costs, capacity, range(before, len(QUALITIES)))
        if self._quality > before:
            self._patience.down(now)
        self._set(costs, *self._present, capacity)

    def _step_up(self, now: float, costs: Mapping[str, Cost], capacity: Capacity, demand: float) -> None:
        """Take back what fits: a better quality when it has fitted for a while, and frames at once."""
        better = self._quality
        if not self._blurred:
            better = _best(_moving(costs), capacity.without(RESERVE), range(self._quality + 1))
        if better >= self._quality:
            self._better_since = None
        elif self._better_since is None:
            self._better_since = now
        elif now - self._better_since >= self._patience.seconds:
            self._quality, self._better_since = better, None
            self._patience.up(now)
            self._set(costs, *self._present, capacity.without(RESERVE))
            return
        if (self._share < 1 or self._held_back) and demand < capacity.without(EASE).cores:
            goal = demand + GAIN * (capacity.without(RESERVE).cores - demand)
            self._set(costs, *self._present, capacity._replace(cores=goal))

    def _shrink(self, now: float, usual: Cost, capacity: Capacity) -> dict[str, Cost]:
        """Make pictures smaller where that comes next; return what all cost then."""

        def fits(rooms: Rooms, quality: int) -> bool:
            return _fits(self._sizes.costs(now, self._costs, usual, rooms), capacity, quality)

        self._sizes.shrink(now, fits)
        return self._sizes.costs(now, self._costs, usual)

    def _grow(self, now: float, usual: Cost, capacity: Capacity) -> None:
        """Make pictures larger where they fit even if everybody moves."""

        def fits(rooms: Rooms, quality: int) -> bool:
            return _fits(_moving(self._sizes.costs(now, self._costs, usual, rooms)), capacity, quality)

        self._sizes.grow(now, fits)

    def _set(self, costs: Mapping[str, Cost], quality: Quality, most: float, capacity: Capacity) -> None:
        shares = Shares(costs, quality, most)
        self._rates, self._share = shares.fit(capacity)
        best = max(self._rates.values(), default=most)
        self._held_back = {c for c, rate in self._rates.items() if shares.heavier(c) and rate < best}

    def _weigh(self, now: float) -> None:
        """Note who is held back for long, and who was."""
        self._held_since = {c: self._held_since.get(c, now) for c in self._held_back}
        lasting = [c for c, since in self._held_since.items() if now - since >= HEAVY_AFTER]
        self._heavy = {c: until for c, until in self._heavy.items() if until > now and c in self._costs}
        self._heavy.update((c, now + HEAVY_FOR) for c in lasting)

    def _blur_or_show(self, now: float, costs: Mapping[str, Cost], capacity: Capacity) -> None:
        """Blur everything when too few pictures of people fit, and show them again when there are enough."""
        rates = self._rates
        if self._blurred:
            rates, _ = Shares(costs, QUALITIES[-1], FULL_FRAME_RATE).fit(capacity)
        rate = max(rates.values())
        self._little_since = _since(self._little_since, now, holds=rate < BLUR_BELOW)
        self._much_since = _since(self._much_since, now, holds=rate >= SHOW_FROM)
        since, wait = self._little_since, BLUR_AFTER
        if self._blurred:
            since, wait = self._much_since, self._blur_patience.seconds
        if since is not None and now - since >= wait:
            note = self._blur_patience.up if self._blurred else self._blur_patience.down
            note(now)
            self._blurred, self._quality = not self._blurred, len(QUALITIES) - 1
            self._set(costs, *self._present, capacity)


def _sizes(most: int) -> list[Size]:
    """Return the sizes of pictures, of which the largest has `most` px."""
    last = len(QUALITIES) - 1
    large = [Size(most, LARGE_QUALITY)] if most > ANOTHER_SIZE * USUAL_PICTURE else []
    crowd = [Size(CROWD_PICTURE, last, CROWD)] if most > ANOTHER_SIZE * CROWD_PICTURE else []
    return [*large, Size(min(most, USUAL_PICTURE), last), *crowd]


def _since(since: float | None, now: float, *, holds: bool) -> float | None:
    """Return since when something has held, that is now if it did not before; None if it does not."""
    if not holds:
        return None
    return now if since is None else since


def _level(quality: Quality, rate: float) -> Level:
    return Level(rate, quality.bitrate, quality.interval(rate), quality.full_blur)


def _best(costs: Mapping[str, Cost], capacity: Capacity, qualities: range) -> int:
    """Return the best quality at which all pictures fit, the last one where they do not."""
    return next((index for index in qualities if _fits(costs, capacity, index)), qualities[-1])


def _fits(costs: Mapping[str, Cost], capacity: Capacity, quality: int) -> bool:
    """Tell whether all pictures fit at a quality."""
    shares = Shares(costs, QUALITIES[quality], FULL_FRAME_RATE)
    return shares.fits(shares.full(), capacity)


def _moving(costs: Mapping[str, Cost]) -> dict[str, Cost]:
    """Return what cameras cost while everybody moves as much as they did of late."""
    return {camera: cost._replace(looks=cost.most_looks) for camera, cost in costs.items()}
