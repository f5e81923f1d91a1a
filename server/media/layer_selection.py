"""What a subscriber's bandwidth means for what it is sent. Pure logic; time is passed in.

Two decisions: which of a subscriber's streams are cut down to their base layer, to that of the small encoding where
not even these fit, or paused; and at which bit rate a publication is encoded for all of its subscribers together.
Both go down quickly and up slowly, since an estimate of bandwidth that isn't used is a guess, and since a new bit
rate costs everybody a keyframe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.media.camera_costs import USUAL_PICTURE
from server.media.codec.encoder import BASE_LAYER_SHARE, SMALL_BITRATE
from server.media.retry_interval import Patience

TIERS = (150_000, 250_000, 400_000, 600_000, 900_000, 1_500_000)
"""Bit rates of an encoder, bit/s: each 1.5 to 1.7 times the one below; chosen."""

HEADROOM = 0.9  # share of a limit that may be filled with video
UNLIMITED = 1.3
"""Times of what is received, from which on an estimate shows no limit.

A receiver's estimate grows to 1.5 times of what it receives and no further (AimdRateControl in libwebrtc).
"""
CONGESTED = 0.92
"""Times of what is received, below which an estimate shows congestion; libwebrtc goes to 0.85 then."""
BEARABLE = 1.1
"""Times of an estimate that may be sent for a moment: it is below what the line carries, and pausing is a freeze."""
STEP_UP_AFTER = 5.0  # seconds without a limit; longer after attempts that failed
STEP_DOWN_AFTER = 0.5  # seconds under a limit; chosen
RESUME_AFTER = 1.0  # seconds without a limit, likewise; or as soon as a lower bit rate lets it fit
RATE_INTERVAL = 1.0  # seconds; chosen
SMALL_MAXIMUM, LARGE_MAXIMUM = 900_000, TIERS[-1]  # bit/s, up to USUAL_PICTURE and above; chosen


SMALL_BASE = BASE_LAYER_SHARE * SMALL_BITRATE  # bit/s


class SentRate:
    """How much has been sent lately, from counters of payload bytes."""

    def __init__(self) -> None:
        self._before: tuple[float, int] | None = None
        self._rate: float | None = None

    def update(self, now: float, total: int) -> float | None:
        """Return bit/s over the last RATE_INTERVAL or a little more; None at first."""
        if self._before is None or total < self._before[1]:
            self._before, self._rate = (now, total), None
        elif now - self._before[0] >= RATE_INTERVAL:
            then, before = self._before
            self._before, self._rate = (now, total), 8 * (total - before) / (now - then)
        return self._rate


class LayerSelection:
    """Decides how many of one subscriber's video streams must do with their base layer.

    `small` of them are sent in the small encoding, and `paused` not at all for the moment: what does not fit would
    only be lost in a full queue, and what does along with it. A lower bit rate of the publications, which `share`
    asks for, ends that.
    """

    def __init__(self) -> None:
        self.base_only = 0
        self.small = 0
        self.paused = 0
        self._streams = 0
        self._limit: float | None = None
        self._limited = False
        self._free_since: float | None = None
        self._patience = Patience(STEP_UP_AFTER)
        self._resuming = Patience(RESUME_AFTER)

    def update(
        self, now: float, estimate: int | None, rates: Sequence[float], sent: float | None = None
    ) -> int:
        """Return how many streams to cut down, of the first ones.

        `estimate` is the subscriber's bandwidth in bit/s, None while unknown; `rates` is what the streams take with
        both layers, bit/s, in the order in which they are cut; `sent` what was sent lately of all of them, None
        while unknown.
        """
        self.base_only, self.small, self.paused = (
            min(count, len(rates)) for count in (self.base_only, self.small, self.paused)
        )
        self._streams = sum(rate > 0 for rate in rates)
        expected = self._total(rates, self.base_only, self.small, self.paused)
        # What has just been cut down is still in the one, and a base layer may be less than its share.
        sent = expected if sent is None else min(expected, sent)
        self._limited = estimate is not None and estimate < UNLIMITED * sent
        self._limit = None
        if estimate is None or self._limited:
            self._free_since = None
        elif self._free_since is None:
            self._free_since = now
        if estimate is not None and estimate < CONGESTED * sent:
            self._limit = HEADROOM * estimate
            self._cut(now, estimate, rates)
        elif (self.paused or self.small) and estimate is not None:
            self._limit = HEADROOM * estimate
            self._resume(now, self._limit, rates)
        elif (
            self.base_only
            and self._free_since is not None
            and now - self._free_since >= self._patience.seconds
        ):
            self.base_only, self._free_since = self.base_only - 1, now
            self._patience.up(now)
        return self.base_only

    def share(self, estimate: int | None, bitrate: int) -> float | None:
        """Return what one stream, whose encoder is set to `bitrate`, could take for its base layer still to fit.

        None while unknown, infinite where there is no limit, `bitrate` where it is just about right.
        """
        if estimate is None:
            return None
        if self._limit is not None:
            return self._limit / max(self._streams, 1) / BASE_LAYER_SHARE
        return bitrate if self._limited else float("inf")

    def _cut(self, now: float, estimate: int, rates: Sequence[float]) -> None:
        """Leave out what does not fit, the least first; one stream always stays."""
        streams, most, budget = len(rates), max(0, self._streams - 1), HEADROOM * estimate
        before = self.base_only, self.small, self.paused
        self.base_only = _first(
            lambda n: self._total(rates, n, self.small) <= budget, self.base_only, streams
        )
        self.small = _first(lambda n: self._total(rates, self.base_only, n) <= budget, self.small, streams)
        bearable = BEARABLE * estimate
        paused = _first(lambda n: self._total(rates, self.base_only, self.small, n) <= bearable, 0, most)
        self.paused = max(self.paused, paused)
        if self.base_only > before[0]:
            self._patience.down(now)
        if (self.small, self.paused) > before[1:]:
            self._resuming.down(now)

    def _resume(self, now: float, budget: float, rates: Sequence[float]) -> None:
        """Give one stream back that was paused, or is small; what fits need not be paused any longer."""
        waited = self._free_since is not None and now - self._free_since >= self._resuming.seconds
        if self.paused and self._total(rates, self.base_only, self.small) <= budget:
            self.paused = 0
        elif waited and self.paused:
            self.paused, self._free_since = self.paused - 1, now
            self._resuming.up(now)
        elif waited and self._total(rates, self.base_only, self.small - 1) <= budget:
            self.small, self._free_since = self.small - 1, now
            self._resuming.up(now)

    @staticmethod
    def _total(rates: Sequence[float], cut: int, small: int = 0, paused: int = 0) -> float:
        """Return the bit rate with both layers of all streams but the `cut` first, of which the first are less."""
        bases = [BASE_LAYER_SHARE * rate for rate in rates[:cut]]
        return sum(
            min(base, SMALL_BASE) if i < small else base for i, base in enumerate(bases) if i >= paused
        ) + sum(rates[cut:])


def _first(fits: Callable[[int], bool], start: int, end: int) -> int:
    """Return the first number from `start` on that fits, `end` where none does."""
    return next((number for number in range(start, end) if fits(number)), end)


class BitrateTier:
    """The bit rate of one publication's encoder: the tier that most of its subscribers can take."""

    def __init__(self, start: int) -> None:
        self.bitrate = start
        self._wanted_since: tuple[int, float] | None = None
        self._patience = Patience(STEP_UP_AFTER)

    def update(self, now: float, shares: Sequence[float | None], pixels: int) -> int:
        """Return the bit rate to encode at.

        `shares` is what each subscriber could take of this stream in bit/s, None where it isn't known; `pixels`
        the size of the picture.
        """
        if all(share is None for share in shares):
            return self.bitrate
        # Of whom nothing is known is content with what there is.
        wishes = sorted(self.bitrate if share is None else share for share in shares)
        # Only where more than half can't take it does everybody get less; the others have layers left out.
        maximum = SMALL_MAXIMUM if pixels <= USUAL_PICTURE else LARGE_MAXIMUM
        wanted = self._tier(min(maximum, wishes[len(wishes) // 2]))
        lower = wanted < self.bitrate
        if wanted == self.bitrate:
            self._wanted_since = None
            return self.bitrate
        if self._wanted_since is None or (self._wanted_since[0] < self.bitrate) != lower:
            self._wanted_since = (wanted, now)
        waited = now - self._wanted_since[1]
        if lower and waited >= STEP_DOWN_AFTER:
            self._patience.down(now)
            self.bitrate, self._wanted_since = wanted, None
        elif not lower and waited >= self._patience.seconds:
            self._patience.up(now)
            self.bitrate, self._wanted_since = self._next_up(wanted), None
        return self.bitrate

    @staticmethod
    def _tier(share: float) -> int:
        return next((tier for tier in reversed(TIERS) if tier <= share), TIERS[0])

    def _next_up(self, wanted: int) -> int:
        return min(wanted, next((tier for tier in TIERS if tier > self.bitrate), wanted))
