"""How many connections one address may hold, and how often it may begin one."""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.core.errors import SignalingError
from server.core.token_bucket import TokenBuckets
from server.http.forwarded import ip_address

IPV6_SITE = 64  # bits of an IPv6 address that one customer has (RFC 6177)

MAX_COUNTED = 10_000  # addresses; chosen


class RateLimit:
    """How often one address may do something, counted as by Quota. `clock` tells seconds."""

    def __init__(self, burst: float, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Let it be done `burst` times at once, and then `rate` times a second."""
        self._figures = burst, rate
        self._clock = clock
        self._buckets = TokenBuckets(MAX_COUNTED)

    def spend(self, address: str | None) -> None:
        """Count once more; raise SignalingError too-many-connections for what is too often."""
        counted = site(address)
        if counted is not None and not self._buckets.get(counted, *self._figures).take(1, self._clock()):
            raise SignalingError(
                "too-many-connections", "Too many in a short time from your address. Wait a moment."
            )


class Quota:
    """How many connections one address holds at a time; IPv6 networks of /64 count as one address."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: Counter[str] = Counter()

    def take(self, address: str | None) -> Callable[[], None]:
        """Count one more connection; return what gives it back. Raises SignalingError too-many-connections."""
        counted = site(address)
        if counted is None:
            return lambda: None
        if self._held[counted] >= self._limit:
            raise SignalingError(
                "too-many-connections", "Too many connections from your address.", fatal=True
            )
        self._held[counted] += 1
        return lambda: self._give_back(counted)

    def _give_back(self, counted: str) -> None:
        self._held[counted] -= 1
        if not self._held[counted]:
            del self._held[counted]

    @contextmanager
    def hold(self, address: str | None) -> Iterator[None]:
        """Count one more connection for as long as the context lasts."""
        give_back = self.take(address)
        try:
            yield
        finally:
            give_back()


def site(address: str | None) -> str | None:
    """Return what is counted; None for loopback, and for sockets without an address."""
    ip = ip_address(address)
    if ip is None or ip.is_loopback:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, IPV6_SITE), strict=False))
    return str(ip)
