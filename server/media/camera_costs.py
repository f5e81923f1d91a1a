"""What each camera costs, from counters that only grow. Pure logic; time is passed in."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

ROUNDS_KEPT: Final = 5
"""Of the governor's rounds, half a second each: the median of five forgets two bursts, and follows within 1.5 s."""
PEAK_KEPT: Final = 24
"""Of the same, 12 s: who sits still now will move again before long."""
KNOWN: Final = 3  # samples, before which first pictures and keyframes may be all that was measured
FEWEST: Final = 3  # pictures that a cost is worked out of; chosen
ANOTHER_SIZE: Final = 1.2  # times the pixels, from which on nothing is known any more; phones round sizes up
BITS_SHARE: Final = 0.14
"""Of the time to encode and send a picture at 600 kbit/s, what grows with the bit rate; measured at 640x360."""
USUAL_BITRATE: Final = 600_000  # bit/s, at which costs were measured
FULL_BLUR_SHARE: Final = 0.4
"""Of the filter's time without the network, what a full blur takes while that has not been measured."""
ARRIVALS: Final = ("arriving", "needed")
USUAL_PICTURE: Final = 640 * 360  # px: what cameras begin with, and what most rooms stay at
PIXEL_SHARES: Final = {"decode": 0.78, "rest": 0.18, "encode": 0.62, "full_blur": 1.0, "send": 0.23}
"""Of what each stage takes at USUAL_PICTURE, what grows with the pixels: measured at 640x360 and 1280x720, all but
the full blur's, which paints every pixel. The network sees the same grid whatever the size."""
LARGEST_ERROR: Final = 2.0
"""Times what PIXEL_SHARES tell that a camera may cost at a larger size; more is a busy moment. Chosen."""


class Use(NamedTuple):
    """What one camera has cost so far, in seconds of CPU time, and for what."""

    received: int = 0
    """Frames that came."""
    droppable: int = 0
    """Of these, to which no other one refers."""
    decoded: int = 0
    pictures: int = 0
    """Frames that were filtered."""
    looks: int = 0
    """Of the network."""
    decode: float = 0.0
    network: float = 0.0
    rest: float = 0.0
    """The filter without the network, and what the worker does besides."""
    encode: float = 0.0
    send: float = 0.0
    """In the event loop, for each picture."""
    pixels: int = 0
    bitrate: int = USUAL_BITRATE
    """Of the last pictures, at most."""
    network_interval: float = 1
    """The least of late."""
    full_blur: bool = False
    worker: int = 0
    """Where it is worked on."""
    here: bool = True
    """Whether that is on this machine."""
    room: str = ""
    steerable: bool = True
    """Whether it can be asked for another size."""
    shown_large: bool = False
    """Whether anybody sees it large: the room, or oneself in the lobby."""
    inside: bool = True
    """Whether others have a tile of it, as they don't of people in the lobby."""

    @property
    def seconds(self) -> float:
        """CPU time of this machine."""
        return self.send + (self.work if self.here else 0.0)

    @property
    def work(self) -> float:
        """CPU time of the worker."""
        return self.decode + self.network + self.rest + self.encode


class Cost(NamedTuple):
    """What one camera costs, in seconds of CPU time."""

    rate: float
    """Pictures a second that it could show."""
    arriving: float
    """Frames a second that come."""
    needed: float
    """Of these, those to which others refer: they are decoded even if they are not shown."""
    decode: float
    """A frame that comes."""
    look: float
    looks: float
    """A picture, where the network may look at every one."""
    most_looks: float
    """The same at its most of late."""
    rest: float
    full_blur: float
    """What takes the place of network and rest under a full blur."""
    encode: float
    """At USUAL_BITRATE."""
    send: float
    worker: int = 0
    here: bool = True


USUAL: Final = Cost(30.0, 30.0, 30.0, 7e-4, 2.6e-3, 0.9, 0.9, 1.5e-3, 6e-4, 1e-3, 5e-4)
"""Of a camera of USUAL_PICTURE of which nothing is known, while nothing is known of any; measured."""


def bits_factor(bitrate: int) -> float:
    """Return what encoding costs at a bit rate, in times of what it costs at USUAL_BITRATE."""
    return 1 - BITS_SHARE + BITS_SHARE * bitrate / USUAL_BITRATE


def resized(cost: Cost, before: int, after: int) -> Cost:
    """Return what a camera costs at another size, both in px, by what grows with the pixels."""
    factors = {
        stage: (1 - share + share * after / USUAL_PICTURE) / (1 - share + share * before / USUAL_PICTURE)
        for stage, share in PIXEL_SHARES.items()
    }
    return cost._replace(**{stage: getattr(cost, stage) * factor for stage, factor in factors.items()})


def _all_stages(cost: Cost) -> float:
    return cost.decode + cost.rest + cost.encode + cost.send


class CameraCosts:
    """Follows one camera."""

    def __init__(self, use: Use, now: float) -> None:
        self._arrived, self._seen = use, now
        self._before = use
        self._pixels = use.pixels
        self._samples: dict[str, deque[float]] = {}
        self._peaks = deque[float](maxlen=PEAK_KEPT)
        self._worker, self._here = use.worker, use.here
        self._free: float | None = None
        """Frames a second that came when it was last free to send what it likes, for as long as that is known."""
        self._untold = 0
        """Rounds since then."""
        self._foretold: Cost | None = None
        """What it was to cost at its present size, until that is known."""
        self._error = 1.0
        """Times what was foretold that it costs at a larger size."""

    def observe(self, now: float, use: Use, *, told: bool = False) -> None:
        """Take what it has cost by `now`, in seconds; `told` is whether it was asked for fewer frames than it has."""
        if now > self._seen:
            seconds = now - self._seen
            self._note("arriving", (use.received - self._arrived.received) / seconds)
            needed = use.received - use.droppable - self._arrived.received + self._arrived.droppable
            self._note("needed", needed / seconds)
        self._arrived, self._seen = use, now
        self._untold = 0 if told else self._untold + 1
        if self._untold >= ROUNDS_KEPT:
            self._free = self._value("arriving", 0.0)
        self._worker, self._here = use.worker, use.here
        if use.pixels > ANOTHER_SIZE * self._pixels or self._pixels > ANOTHER_SIZE * use.pixels:
            grows = self.known and use.pixels > self._pixels > 0
            self._foretold = resized(self.cost(USUAL), self._pixels, use.pixels) if grows else None
            self._samples = {n: s for n, s in self._samples.items() if n in ARRIVALS}
            self._pixels, self._before = use.pixels, use
        elif use.pictures - self._before.pictures >= FEWEST:
            self._sample(self._before, use)
            self._before = use
            if self._foretold is not None and self.known:
                error = _all_stages(self.cost(USUAL)) / max(1e-9, _all_stages(self._foretold))
                self._error = min(LARGEST_ERROR, max(1 / LARGEST_ERROR, error))
                self._foretold = None

    def _sample(self, before: Use, use: Use) -> None:
        pictures = use.pictures - before.pictures
        if use.decoded > before.decoded:
            self._note("decode", (use.decode - before.decode) / (use.decoded - before.decoded))
        rest = (use.rest - before.rest) / pictures
        if use.full_blur or before.full_blur:
            if use.full_blur and before.full_blur:
                self._note("full_blur", rest)
        else:
            looks = use.looks - before.looks
            if looks > 0:
                self._note("look", (use.network - before.network) / looks)
            needed = min(1.0, looks / pictures * min(use.network_interval, before.network_interval))
            self._note("looks", needed)
            self._peaks.append(needed)
            self._note("rest", rest)
        self._note("encode", (use.encode - before.encode) / pictures / bits_factor(use.bitrate))
        self._note("send", (use.send - before.send) / pictures)

    def _note(self, name: str, value: float) -> None:
        self._samples.setdefault(name, deque(maxlen=ROUNDS_KEPT)).append(max(0.0, value))

    def _value(self, name: str, otherwise: float) -> float:
        samples = sorted(self._samples.get(name, ()))
        if not samples or (name not in ARRIVALS and not self.known):
            return otherwise
        return samples[len(samples) // 2]

    def _could(self, usual: Cost) -> float:
        """Return the frames a second that would come if it were asked for all."""
        if self._free is not None:
            return self._free
        return 0.0 if self._untold else usual.rate

    @property
    def known(self) -> bool:
        """Whether it has been measured."""
        return len(self._samples.get("encode", ())) >= KNOWN

    @property
    def pixels(self) -> int:
        """Its size, 0 before the first picture."""
        return self._pixels

    def cost_at(self, pixels: int, usual: Cost) -> Cost:
        """Return what it would cost at another size in px."""
        cost, before = self.cost(usual), self._pixels or USUAL_PICTURE
        if before / ANOTHER_SIZE <= pixels <= before * ANOTHER_SIZE:
            return cost
        error = self._error if pixels > before else 1 / self._error
        cost = resized(cost, before, pixels)
        return cost._replace(**{stage: getattr(cost, stage) * error for stage in PIXEL_SHARES})

    def cost(self, usual: Cost) -> Cost:
        """Return what it costs; `usual` is what a camera of USUAL_PICTURE costs of which nothing is known."""
        usual = resized(usual, USUAL_PICTURE, max(USUAL_PICTURE, self._pixels))
        rest = self._value("rest", usual.rest)
        arriving = self._value("arriving", usual.arriving)
        return Cost(
            rate=max(arriving, self._could(usual)) if arriving > 0 else 0.0,
            arriving=arriving,
            needed=self._value("needed", usual.needed),
            decode=self._value("decode", usual.decode),
            look=self._value("look", usual.look),
            looks=self._value("looks", usual.looks),
            most_looks=max(self._peaks, default=usual.most_looks),
            rest=rest,
            full_blur=self._value("full_blur", FULL_BLUR_SHARE * rest),
            encode=self._value("encode", usual.encode),
            send=self._value("send", usual.send),
            worker=self._worker,
            here=self._here,
        )
