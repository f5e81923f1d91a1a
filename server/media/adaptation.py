"""What a subscriber's bandwidth means for what it is sent. Pure logic; time is passed in.

Two decisions: which of a subscriber's streams are cut down to their base layer, and at which bit rate a publication
is encoded for all of its subscribers together. Both go down quickly and up slowly, since an estimate of bandwidth
that isn't used is a guess, and since a new bit rate costs everybody a keyframe.
"""

from __future__ import annotations

from collections.abc import Sequence

TIERS = (150_000, 250_000, 400_000, 600_000, 900_000, 1_500_000)
"""Bit rates of an encoder, bit/s."""
BASE_SHARE = 0.6
"""Bits of the base layer, of those of both layers."""

HEADROOM = 0.9  # share of the estimate that may be filled with video
STEP_UP_AFTER = 5.0  # seconds during which more would have fitted
STEP_DOWN_AFTER = 1.0
SMALL_PICTURE = 640 * 360
SMALL_MAXIMUM = 900_000


class LayerSelection:
    """Decides how many of one subscriber's video streams must do with their base layer."""

    def __init__(self) -> None:
        self.base_only = 0
        self._fits_since: float | None = None

    def update(self, now: float, estimate: int | None, bitrates: Sequence[int]) -> int:
        """Return how many streams to cut down.

        `estimate` is the subscriber's bandwidth in bit/s (REMB), None while unknown; `bitrates` the encoders'.
        """
        if estimate is None or not bitrates:
            self.base_only = min(self.base_only, len(bitrates))
            return self.base_only
        needed = self._needed(estimate * HEADROOM, bitrates)
        if needed >= self.base_only:
            self.base_only, self._fits_since = needed, None
        elif self._fits_since is None:
            self._fits_since = now
        elif now - self._fits_since >= STEP_UP_AFTER:
            self.base_only, self._fits_since = self.base_only - 1, now
        return self.base_only

    @staticmethod
    def _needed(budget: float, bitrates: Sequence[int]) -> int:
        total = float(sum(bitrates))
        for cut, bitrate in enumerate(sorted(bitrates, reverse=True)):
            if total <= budget:
                return cut
            total -= bitrate * (1 - BASE_SHARE)
        return len(bitrates)


class BitrateTier:
    """The bit rate of one publication's encoder: the tier that its weaker subscribers can take."""

    def __init__(self, start: int) -> None:
        self.bitrate = start
        self._wanted_since: tuple[int, float] | None = None

    def update(self, now: float, shares: Sequence[float | None], pixels: int) -> int:
        """Return the bit rate to encode at.

        `shares` is what each subscriber could take of this stream in bit/s, None where it isn't known; `pixels`
        the size of the picture.
        """
        known = sorted(share for share in shares if share is not None)
        if not known:
            return self.bitrate
        # A quarter of the subscribers may be weaker: they get the base layer, which is less than half as much.
        wanted = self._tier(known[len(known) // 4] * HEADROOM, pixels)
        if wanted == self.bitrate:
            self._wanted_since = None
        elif self._wanted_since is None or (self._wanted_since[0] < self.bitrate) != (wanted < self.bitrate):
            self._wanted_since = (wanted, now)
        elif now - self._wanted_since[1] >= (STEP_DOWN_AFTER if wanted < self.bitrate else STEP_UP_AFTER):
            self.bitrate, self._wanted_since = self._towards(wanted), None
        return self.bitrate

    @staticmethod
    def _tier(share: float, pixels: int) -> int:
        maximum = SMALL_MAXIMUM if pixels <= SMALL_PICTURE else TIERS[-1]
        fitting = [tier for tier in TIERS if tier <= min(share, maximum)]
        return fitting[-1] if fitting else TIERS[0]

    def _towards(self, wanted: int) -> int:
        """Go down at once, up by one tier."""
        if wanted < self.bitrate:
            return wanted
        return min(wanted, next((tier for tier in TIERS if tier > self.bitrate), wanted))
