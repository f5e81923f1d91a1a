"""What a subscriber's bandwidth means for what it is sent. Pure logic; time is passed in.

Two decisions: which of a subscriber's streams are cut down to their base layer, or paused where not even these fit,
and at which bit rate a publication is encoded for all of its subscribers together. Both go down quickly and up slowly,
since an estimate of bandwidth that isn't used is a guess, and since a new bit rate costs everybody a keyframe.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.media.codec.encoder import BASE_LAYER_SHARE
from server.media.retry_interval import Patience

TIERS = (150_000, 250_000, 400_000, 600_000, 900_000, 1_500_000)
"""Bit rates of an encoder, bit/s."""

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
RATE_INTERVAL = 1.0  # seconds
SMALL_PICTURE = 640 * 360  # px: what cameras are asked for
SMALL_MAXIMUM, LARGE_MAXIMUM = 900_000, TIERS[-1]  # bit/s, up to that size and above; chosen


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

    `paused` of them are not sent at all for the moment: what does not fit would only be lost in a full queue, and
    what does along with it. A lower bit rate of the publications, which `share` asks for, ends that.
    """

    def __init__(self) -> None:
        self.base_only = 0
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
        self.base_only, self.paused = min(self.base_only, len(rates)), min(self.paused, len(rates))
        self._streams = sum(rate > 0 for rate in rates)
        expected = self._total(rates, self.base_only, self.paused)
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
            needed = self._needed(self._limit, rates)
            if needed > self.base_only:
                self._patience.down(now)
            self.base_only = needed
            excess = self._excess(BEARABLE * estimate, rates)
            if excess > self.paused:
                self._resuming.down(now)
                self.paused = excess
        elif self.paused and estimate is not None:
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

    def _needed(self, budget: float, rates: Sequence[float]) -> int:
        fitting = (cut for cut in range(self.base_only, len(rates)) if self._total(rates, cut) <= budget)
        return next(fitting, len(rates))

    def _excess(self, budget: float, rates: Sequence[float]) -> int:
        """Return how many streams to pause so that the base layers of the rest fit; one always stays."""
        most = max(0, self._streams - 1)
        fitting = (n for n in range(most) if self._total(rates, self.base_only, n) <= budget)
        return next(fitting, most)

    def _resume(self, now: float, budget: float, rates: Sequence[float]) -> None:
        if self._total(rates, self.base_only, 0) <= budget:
            self.paused = 0
        elif self._free_since is not None and now - self._free_since >= self._resuming.seconds:
            self.paused, self._free_since = self.paused - 1, now
            self._resuming.up(now)

    @staticmethod
    def _total(rates: Sequence[float], cut: int, paused: int = 0) -> float:
        """Return the bit rate with both layers of all streams but the `cut` first, of which some are paused."""
        return BASE_LAYER_SHARE * sum(rates[paused:cut]) + sum(rates[max(cut, paused) :])


class BitrateTier:
    """The bit rate of one publication's encoder: the tier that most of its subscribers can take."""

    def __init__(self, start: int) -> None:
        self.bitrate = start
        self._wanted_since: tuple[int, float] | None = None
        self._patience = Patience(STEP_UP_AFTER)

    def update(
        self, now: float, shares: Sequence[float | None], pixels: int, *, at_once: bool = False
    ) -> int:
        """Return the bit rate to encode at.

        `shares` is what each subscriber could take of this stream in bit/s, None where it isn't known; `pixels`
        the size of the picture; with `at_once` it goes down without waiting.
        """
        if all(share is None for share in shares):
            return self.bitrate
        # Of whom nothing is known is content with what there is.
        wishes = sorted(self.bitrate if share is None else share for share in shares)
        # Only where more than half can't take it does everybody get less; the others have layers left out.
        maximum = SMALL_MAXIMUM if pixels <= SMALL_PICTURE else LARGE_MAXIMUM
        wanted = self._tier(min(maximum, wishes[len(wishes) // 2]))
        lower = wanted < self.bitrate
        if wanted == self.bitrate:
            self._wanted_since = None
            return self.bitrate
        if self._wanted_since is None or (self._wanted_since[0] < self.bitrate) != lower:
            self._wanted_since = (wanted, now)
        waited = now - self._wanted_since[1]
        if lower and (at_once or waited >= STEP_DOWN_AFTER):
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
