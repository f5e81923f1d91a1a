"""Loss: one sender behind a bad network, one viewer beside the server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.impairment import BLACKOUT, Impairment
from benchmarks.network_rig import Peer, Rig, Stats

ROUND_TRIP = 0.1  # seconds; chosen
CAP = 600_000  # bit/s that the camera may send; chosen
GAP = 0.25  # seconds between two frames from which on one sees that a picture stands; chosen
SETTLE = 6.0  # seconds before anything counts; chosen
BLACKOUT_AT, BLACKOUT_FOR = 5.0, 5.0  # seconds from then on, and how long; chosen

HALF = ROUND_TRIP / 2

LOSS_ROWS: dict[str, Impairment] = {
    "no loss": Impairment(HALF),
    "1 %": Impairment(HALF, loss=0.01),
    "3 %": Impairment(HALF, loss=0.03),
    "5 %": Impairment(HALF, loss=0.05),
    "10 %": Impairment(HALF, loss=0.10),
    "burst": Impairment(HALF, loss=0.05, burst=4),
    "reordering": Impairment(HALF, reorder=0.05),
    "duplicates": Impairment(HALF, duplicate=0.1),
    "jitter": Impairment(HALF, jitter=0.03),
    "blackout": Impairment(HALF),
}
"""Of both directions; seconds and probabilities, chosen."""


@dataclass(frozen=True)
class Gaps:
    """Pauses of more than GAP between complete frames at the server."""

    count: int
    total: float
    longest: float
    """Of all pauses, seconds."""

    @classmethod
    def of(cls, arrivals: Sequence[float]) -> Gaps:
        pauses = [b - a for a, b in pairwise(arrivals)]
        long = [pause for pause in pauses if pause > GAP]
        return cls(len(long), sum(long), max(pauses, default=float("inf")))


async def loss_row(rig: Rig, name: str, seconds: float) -> dict[str, Any]:
    """Let a network be bad for `seconds` and return what came of it.

    `decoded` and `shown` are frames a second (a viewer without CPU to spare drops some in between), `freezes` and
    `frozen` seconds by Chromium's own count at the viewer; `own` is the same of the sender's picture of itself, which
    has crossed the bad network twice.
    """
    sender = await Peer.join(rig.far, rig.url, "loss", "Ada")
    viewer = await Peer.join(rig.near, rig.url, "loss", "Bob")
    await sender.publish(maxBitrate=CAP)
    await viewer.until_shown(sender.id)
    rig.network.impair(LOSS_ROWS[name])
    await asyncio.sleep(SETTLE)
    before = await _look(rig, sender, viewer)
    await _wait(rig, name, seconds)
    after = await _look(rig, sender, viewer)
    states = after[1]["states"]
    gaps = Gaps.of(after[0]["arrivals"])
    row: dict[str, Any] = {
        "kbit/s": _kilobits(before[1], after[1]),
        "encoded": _encoded(before[1], after[1]),
        "gaps": gaps.count,
        "gap total": round(gaps.total, 2),
        "longest": round(gaps.longest, 3),
        **_seen(before[2], after[2], sender.id),
        **{f"own {key}": value for key, value in _seen(before[1], after[1], sender.id).items()},
        **{
            key: after[0]["uplink"][key] - before[0]["uplink"][key]
            for key in ("repaired", "lost", "nacks", "plis")
        },
        "state": states[0] if states[0] == states[1] else "/".join(states),
        "limit": after[0]["uplink"]["limit"] // 1000,
        "withheld": after[0]["withheld"] - before[0]["withheld"],
        "level": after[0]["level"],
        "load": round(os.getloadavg()[0], 1),
    }
    await viewer.leave()
    return row


async def _wait(rig: Rig, name: str, seconds: float) -> None:
    if name != "blackout":
        await asyncio.sleep(seconds)
        return
    await asyncio.sleep(BLACKOUT_AT)
    rig.network.impair(BLACKOUT)
    await asyncio.sleep(BLACKOUT_FOR)
    rig.network.impair(LOSS_ROWS[name])
    await asyncio.sleep(seconds - BLACKOUT_AT - BLACKOUT_FOR)


async def _look(rig: Rig, sender: Peer, viewer: Peer) -> tuple[Stats, Stats, Stats]:
    """Return what the server, the sender and the viewer know."""
    server = await rig.server.ask()
    camera = {**server["participants"][sender.id], "level": server["level"]}
    return camera, await sender.stats(), await viewer.stats()


def _encoded(before: Stats, after: Stats) -> float:
    frames: int = after["outbound"]["framesEncoded"] - before["outbound"]["framesEncoded"]
    return round(frames / float(after["time"] - before["time"]), 1)


def _kilobits(before: Stats, after: Stats) -> int:
    sent: int = after["outbound"]["bytesSent"] - before["outbound"]["bytesSent"]
    return round(sent * 8e-3 / float(after["time"] - before["time"]))


def _seen(before: Stats, after: Stats, owner: str) -> dict[str, float]:
    """Return how one browser saw somebody."""
    first, last = (stats["inbound"].get(f"{owner} video", {}) for stats in (before, after))

    def grown(key: str) -> float:
        return float(last.get(key) or 0) - float(first.get(key) or 0)

    elapsed = float(after["time"] - before["time"])
    return {
        "decoded": round(grown("framesDecoded") / elapsed, 1),
        "shown": round((grown("framesDecoded") - grown("framesDropped")) / elapsed, 1),
        "freezes": int(grown("freezeCount")),
        "frozen": round(grown("totalFreezesDuration"), 2),
    }
