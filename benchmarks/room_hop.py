"""How long a frame takes from the sending client to the receiving one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MASK = (1 << 32) - 1  # RTP timestamps have 32 bits; RFC 3550, section 5.1
GRAIN = 10
"""Ticks that timestamps are multiples of: stock aiortc gives them back up to a tick off."""
DITHER = 72
"""Most grains by which a frame's timestamp is early, at random, so that a receiver can tell frames apart. Chosen."""
PROBE = 30
"""Frames that must fit for a stream to be recognised, where so many came; chosen."""
FEWEST = 5
"""Frames without which it is not: of a few hundred places in what was sent, fewer fit one by chance too often."""


@dataclass
class Stream:
    """What one client received of one stream: packets, and each frame's RTP timestamp and time."""

    packets: int = 0
    frames: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Hop:
    """Percentiles of the latency in ms; None when no frame was recognised."""

    p50: float | None
    p95: float | None
    p99: float | None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Hop:
        """Return the percentiles of latencies in seconds."""
        ordered = sorted(seconds)
        if not ordered:
            return cls(None, None, None)
        p50, p95, p99 = (round(ordered[len(ordered) * p // 100] * 1e3, 2) for p in (50, 95, 99))
        return cls(p50, p95, p99)


def align(sent: Sequence[int], received: Sequence[int]) -> int | None:
    """Return received minus sent timestamp, modulo 2^32, the same for all frames of a stream; None for too few frames.

    A server picks the origin of its timestamps at random and may leave frames out, but keeps their distances.
    """
    known, probe = {timestamp // GRAIN for timestamp in sent}, received[:PROBE]
    for timestamp in sent if len(probe) >= FEWEST else ():
        offset = probe[0] - timestamp
        if all(_grains(other - offset) in known for other in probe):
            return offset & MASK
    return None


def _grains(ticks: int) -> int:
    return ((ticks + GRAIN // 2) & MASK) // GRAIN


def measure(
    sent: Sequence[tuple[int, float]],
    received: Sequence[tuple[int, float]],
    start: float,
    end: float,
    delay: int = 0,
) -> list[float]:
    """Return the seconds from sending to receiving of the frames received between `start` and `end`.

    With a `delay` it is from the frame that comes out so much later, without which the server could not begin.
    """
    offset = align([timestamp for timestamp, _ in sent], [timestamp for timestamp, _ in received])
    if offset is None:
        return []
    times = {timestamp // GRAIN: at for timestamp, at in sent}
    hops = []
    for (_, at), (awaited, _) in zip(received, received[delay:], strict=False):
        begun = times.get(_grains(awaited - offset))
        if start <= at < end and begun is not None:
            hops.append(at - begun)
    return hops
