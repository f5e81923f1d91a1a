"""How many pictures a second each camera can have, so that all that they cost together fits. Pure logic.

Every camera pays for itself first. Those that cost about as much as most have the same frame rate; whoever costs more,
by larger pictures or a costly background, has as much of the machine as they have, in fewer pictures; and what a
camera does not need of that is for the others. That is max-min fairness, with a tolerance, since what cameras of one
kind cost differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from statistics import median
from typing import Final, NamedTuple

from server.media.camera_costs import Cost, bits_factor

EXCESS: Final = 1.3
"""Times the median's cost that a camera may cost and have the same frame rate: cameras of one kind differ by less."""
MIN_FRAME_RATE: Final = 2.0  # frames/s; chosen
KEYFRAMES_ONLY: Final = 5.0
"""Pictures a second of a camera that is held back, from which on downwards they are keyframes."""
LOOKS_PER_SECOND: Final = 5.0
"""Of the network, at least: a person who moves is found again within 0.2 s."""
WORKER_LIMIT: Final = 0.9
"""Of a worker's time that is shared out: a camera waits for the others of its worker."""
LOOP_LIMIT: Final = 0.9  # of the event loop's time, likewise
STEPS: Final = 16  # of bisection, to 1 in 65,536


class Quality(NamedTuple):
    """What a picture may cost: bit/s at most, pictures per look of the network, or nothing but blur."""

    bitrate: int
    network_interval: float = 1
    full_blur: bool = False

    def interval(self, frame_rate: float) -> float:
        """Return the pictures per look at a frame rate."""
        return max(1.0, min(self.network_interval, frame_rate / LOOKS_PER_SECOND))


class Capacity(NamedTuple):
    """What there is for all cameras together, in cores, and what each worker and the event loop can do of it."""

    cores: float
    workers: Mapping[int, float]
    loop: float
    ours: float = 0.0
    """Of the machine; what is left idle is a share of these."""

    def without(self, share: float) -> Capacity:
        """Return what there is when a share of what is ours is left idle."""
        return self._replace(cores=self.cores - share * self.ours)


def picture_cost(cost: Cost, quality: Quality, frame_rate: float) -> float:
    """Return the seconds of a worker's CPU time that one picture takes, once it is decoded."""
    encode = cost.encode * bits_factor(quality.bitrate)
    if quality.full_blur:
        return cost.full_blur + encode
    return cost.rest + encode + cost.look * cost.looks / quality.interval(frame_rate)


def work(cost: Cost, quality: Quality, frame_rate: float, *, keyframes_only: bool = False) -> float:
    """Return what a camera takes of its worker's time, as a share, at so many pictures a second."""
    shown = min(frame_rate, cost.rate)
    decoded = shown
    if not keyframes_only and cost.arriving > 0:
        # Of the frames to which none refers, those that are shown.
        decoded = cost.needed + (cost.arriving - cost.needed) * min(1.0, shown / cost.arriving)
        decoded = max(decoded, shown)
    return decoded * cost.decode + shown * picture_cost(cost, quality, frame_rate)


def sending(cost: Cost, frame_rate: float) -> float:
    """Return what a camera takes of the event loop's time, as a share, at so many pictures a second."""
    return min(frame_rate, cost.rate) * cost.send


class Shares:
    """Shares a capacity out among cameras, at one quality and at most `frame_rate` pictures a second."""

    def __init__(self, costs: Mapping[str, Cost], quality: Quality, frame_rate: float) -> None:
        self._costs = costs
        self._quality = quality
        self._frame_rate = frame_rate

    @cached_property
    def _weights(self) -> dict[str, float]:
        """Return how many pictures each camera can have, in times of those of the median camera."""
        demands = {
            c: work(cost, self._quality, self._frame_rate) + sending(cost, self._frame_rate)
            for c, cost in self._costs.items()
        }
        active = [demand for demand in demands.values() if demand > 0]
        usual = median(active) if active else 1.0
        return {c: _weight(demand / usual) for c, demand in demands.items()}

    @cached_property
    def _highest_weight(self) -> float:
        return max(self._weights.values())

    @cached_property
    def _by_worker(self) -> Mapping[int, list[str]]:
        found: dict[int, list[str]] = {}
        for camera, cost in self._costs.items():
            found.setdefault(cost.worker, []).append(camera)
        return found

    def heavier(self, camera: str) -> bool:
        """Tell whether a camera costs so much more than others that it gives up first."""
        return self._weights[camera] * EXCESS < self._highest_weight

    def rate(self, camera: str, share: float) -> float:
        """Return a camera's pictures a second when the median camera has that share of the frame rate."""
        rate = self._frame_rate * min(1.0, share * self._weights[camera])
        return max(MIN_FRAME_RATE, rate)

    def demand(self, rates: Mapping[str, float]) -> float:
        """Return the cores of this machine that all take at these frame rates."""
        return sum(
            sending(cost, rates[c]) + (self._work(c, rates[c]) if cost.here else 0.0)
            for c, cost in self._costs.items()
        )

    def _work(self, camera: str, rate: float) -> float:
        keyframes_only = rate <= KEYFRAMES_ONLY and self.heavier(camera)
        return work(self._costs[camera], self._quality, rate, keyframes_only=keyframes_only)

    def full(self) -> dict[str, float]:
        """Return the frame rates of all where nobody has to give anything up."""
        return dict.fromkeys(self._costs, self._frame_rate)

    def fits(self, rates: Mapping[str, float], capacity: Capacity) -> bool:
        """Tell whether these frame rates fit."""
        return (
            self.demand(rates) <= capacity.cores
            and sum(sending(cost, rates[c]) for c, cost in self._costs.items()) <= capacity.loop
            and all(
                self._worker(worker, rates.__getitem__) <= limit for worker, limit in capacity.workers.items()
            )
        )

    def fit(self, capacity: Capacity) -> tuple[dict[str, float], float]:
        """Return the largest frame rates that fit, and the share of the frame rate of most cameras.

        It is more than 1 where they need less than they could have.
        """
        most = 1 / min(self._weights.values(), default=1.0)
        shares = dict.fromkeys(self._costs, most)

        def rates(share: float) -> dict[str, float]:
            return {c: self.rate(c, min(share, shares[c])) for c in self._costs}

        for worker, limit in capacity.workers.items():
            share = self._share_of(worker, limit, most)
            shares.update(dict.fromkeys(self._by_worker.get(worker, ()), share))
        without = capacity._replace(workers={})
        found = _largest(most, lambda share: self.fits(rates(share), without))
        shares = {c: min(found, share) for c, share in shares.items()}
        return rates(most), median(shares.values()) if shares else most

    def _share_of(self, worker: int, limit: float, most: float) -> float:
        """Return the largest share that a worker can do for its cameras, which are the only ones looked at."""
        return _largest(most, lambda share: self._worker(worker, lambda c: self.rate(c, share)) <= limit)

    def _worker(self, worker: int, rate: Callable[[str], float]) -> float:
        return sum(self._work(c, rate(c)) for c in self._by_worker.get(worker, ()))


def _weight(times: float) -> float:
    """Return the pictures that a camera can have that costs so many times what the median camera does."""
    if times > EXCESS:
        return EXCESS / times
    if 0 < times < 1 / EXCESS:
        return 1 / EXCESS / times
    return 1.0


def _largest(most: float, fits: Callable[[float], bool]) -> float:
    """Return the largest share in [0, most] that fits, where a smaller one fits as well; 0 where none does."""
    if fits(most):
        return most
    low, high = 0.0, most
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
