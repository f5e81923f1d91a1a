"""Token buckets: what may be spent on something, as a burst and then at a rate. Pure; time is passed in."""

from __future__ import annotations

from collections import OrderedDict


class TokenBucket:
    """Holds at most `burst` tokens, and as many at first; `rate` more come in a second."""

    def __init__(self, burst: float, rate: float = 0.0) -> None:
        self._burst = burst
        self._rate = rate
        self._tokens = float(burst)
        self._filled = float("-inf")

    def add(self, tokens: float) -> None:
        """Put tokens in, as many as fit."""
        self._tokens = min(self._burst, self._tokens + tokens)

    def take(self, tokens: float, now: float = 0.0) -> bool:
        """Take so many tokens at `now`, in seconds of one clock; tell whether there were as many."""
        if self._rate and now > self._filled:
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
            self._filled = now
        if tokens > self._tokens:
            return False
        self._tokens -= tokens
        return True


class TokenBuckets:
    """Buckets by key. Beyond `most`, those that have not been asked for longest are forgotten, which fills them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buckets = OrderedDict[str, TokenBucket]()

    def __len__(self) -> int:
        return len(self._buckets)

    def get(self, key: str, burst: float, rate: float) -> TokenBucket:
        """Return the bucket of a key, a full one of these figures at first."""
        bucket = self._buckets.setdefault(key, TokenBucket(burst, rate))
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket
