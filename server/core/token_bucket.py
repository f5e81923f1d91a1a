"""A token bucket: what may be spent on something, as a burst and then at a rate. Pure; time is passed in."""

from __future__ import annotations


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
