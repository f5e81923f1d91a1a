"""RTP counters without wrap-around, and capture time on this server's clock (RFC 3550 section 6.4.1)."""

from __future__ import annotations

import time
from collections import deque

MAX_JUMP = 10.0
"""Seconds by which RTP time may differ from the time that went by between two packets of one stream; chosen."""
NTP_EPOCH = 2_208_988_800
"""Seconds from the NTP epoch (1900) to the Unix epoch."""


def ntp_now() -> int:
    """Return this host's time as a 64-bit NTP timestamp (32.32 fixed point)."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return ((seconds + NTP_EPOCH) << 32) | ((nanoseconds << 32) // 1_000_000_000)


def signed_difference(a: int, b: int, bits: int) -> int:
    """Return a - b for counters of `bits` bits, taken as the shorter way round."""
    half = 1 << (bits - 1)
    return ((a - b + half) & ((1 << bits) - 1)) - half


class Unwrapper:
    """Continues a wrapping counter; values may come out of order by less than half of its range."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._last: int | None = None

    def __call__(self, value: int) -> int:
        if self._last is None:
            self._last = value
        else:
            self._last += signed_difference(value, self._last, self._bits)
        return self._last


class Timeline:
    """RTP timestamps (32 bit) to ticks that start at 0 and go on across a change of stream, announced or not."""

    def __init__(self, clock_rate: int) -> None:
        self._rate = clock_rate
        self._unwrap = Unwrapper(32)
        self._origin: int | None = None
        self._latest: tuple[int, float] | None = None

    def restart(self) -> None:
        """Begin another stream, whose timestamps have nothing to do with the last one's."""
        self._unwrap = Unwrapper(32)
        self._origin = None

    def ticks(self, timestamp: int, now: float) -> int:
        """Return the ticks of an RTP timestamp that arrived at `now` seconds."""
        unwrapped = self._unwrap(timestamp)
        if self._origin is not None and self._latest is not None:
            ticks, then = self._latest
            elapsed = (now - then) * self._rate
            if abs(unwrapped - self._origin - ticks - elapsed) > MAX_JUMP * self._rate:
                self.restart()
                unwrapped = self._unwrap(timestamp)
        if self._origin is None:
            self._origin = unwrapped
            if self._latest is not None:
                ticks, then = self._latest
                self._origin -= ticks + max(1, round((now - then) * self._rate))
        result = unwrapped - self._origin
        self._latest = result, now
        return result

    def timestamp(self, ticks: int) -> int | None:
        """Return the RTP timestamp (unwrapped) of ticks of the present stream; None before its first packet."""
        return None if self._origin is None else ticks + self._origin


class ClockOffset:
    """The difference between a participant's NTP clock and ours, from the sender reports of one connection.

    Audio and video of a connection must share one instance: each adds its own network delay to every sample,
    and a lip-sync error would be exactly the difference. The smallest of recent samples has the least delay.
    """

    def __init__(self) -> None:
        self._samples: deque[int] = deque(maxlen=16)

    def report(self, remote_ntp: int, local_ntp: int) -> None:
        self._samples.append(local_ntp - remote_ntp)

    @property
    def value(self) -> int:
        """What to add to the participant's NTP time to get ours; 0 before the first report."""
        return min(self._samples, default=0)


class CaptureClock:
    """RTP timestamps of one stream to capture time as NTP, on this server's clock.

    Until the first sender report the time of the first packet's arrival stands in.
    """

    def __init__(self, clock_rate: int, offset: ClockOffset) -> None:
        self._rate = clock_rate
        self._offset = offset
        self._reported = False
        self._ntp: int | None = None
        self._timestamp = 0

    def arrived(self, timestamp: int, ntp: int) -> None:
        """Note that a packet with this RTP timestamp came at `ntp`, on our clock."""
        if self._ntp is None:
            self._ntp, self._timestamp = ntp, timestamp

    def report(self, timestamp: int, remote_ntp: int, local_ntp: int) -> None:
        """Note a sender report, which pairs `timestamp` with `remote_ntp`; it came at `local_ntp`."""
        self._offset.report(remote_ntp, local_ntp)
        self._ntp, self._timestamp, self._reported = remote_ntp, timestamp, True

    def ntp(self, timestamp: int) -> int | None:
        """Capture time of an RTP timestamp (any width), or None when nothing has arrived yet."""
        if self._ntp is None:
            return None
        ticks = signed_difference(timestamp, self._timestamp, 32)
        offset = self._offset.value if self._reported else 0
        return self._ntp + offset + (ticks << 32) // self._rate
