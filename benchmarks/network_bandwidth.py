"""Bandwidth: what Chromium's own estimate makes of the server's feedback, up and down."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.impairment import Impairment
from benchmarks.network_rig import Peer, Process, Rig, Stats

SAMPLE = 2.5  # seconds between two looks at the bit rate; chosen
ROOM = "benchmark"
OPEN = Impairment(0.01)  # seconds each way: a near server; chosen


@dataclass(frozen=True)
class Uplink:
    """One row: the camera's size, light participants besides, and the way to the server."""

    size: tuple[int, int] = (640, 360)
    others: int = 3
    up: Impairment = OPEN


BANDWIDTH_ROWS: dict[str, Uplink] = {
    "360p, 3 others": Uplink(),
    "720p": Uplink((1280, 720), others=0),
    "400 kbit/s uplink": Uplink(others=0, up=Impairment(OPEN.delay, rate=400_000, queue=0.3)),
}

DOWNLINK_ROWS: dict[str, int] = {f"{n} kbit/s": n * 1000 for n in (2000, 1500, 900, 600)}
"""bit/s from the server to one receiver, who watches three; chosen."""


async def bandwidth_row(rig: Rig, name: str, seconds: float) -> dict[str, Any]:
    """Publish for `seconds` without a limit of our own; rates in kbit/s, `none` in % of the time."""
    row = BANDWIDTH_ROWS[name]
    rig.network.impair(row.up, OPEN)
    if not row.others:
        return await _publish(rig, row, seconds)
    async with rig.crowd(row.others):
        return await _publish(rig, row, seconds)


async def _publish(rig: Rig, row: Uplink, seconds: float) -> dict[str, Any]:
    sender = await Peer.join(rig.far, rig.url, ROOM, "Ada")
    width, height = row.size
    await sender.publish(width=width, height=height)
    await sender.until_shown(sender.id)
    start, samples = time.monotonic(), [await sender.stats()]
    began = samples[0]["time"]
    while time.monotonic() - start < seconds:
        await asyncio.sleep(SAMPLE)
        samples.append(await sender.stats())
    server = (await rig.server.ask())["participants"][sender.id]["uplink"]
    series = [_sample(a, b, began) for a, b in pairwise(samples)]
    first, last = samples[0]["outbound"], samples[-1]["outbound"]
    durations = {
        k: last["qualityLimitationDurations"][k] - first["qualityLimitationDurations"][k]
        for k in last["qualityLimitationDurations"]
    }
    total = server["packets"] + server["lost"]
    return {
        "estimate at 10 s": _at(series, 10)["estimate"],
        "at the end": series[-1]["estimate"],
        "sent at 10 s": _at(series, 10)["sent"],
        "last half": round(
            sum(s["sent"] for s in series[len(series) // 2 :]) / (len(series) - len(series) // 2)
        ),
        "size": series[-1]["size"],
        "full size at": next((s["t"] for s in series if s["size"] == "{}x{}".format(*row.size)), "never"),
        "none %": round(100 * durations["none"] / sum(durations.values())),
        "lost %": round(100 * (server["repaired"] + server["lost"]) / total, 2),
        "shown": _shown(samples[len(samples) // 2], samples[-1], sender.id),
        "load": round(os.getloadavg()[0], 1),
        "series": series,
    }


def _sample(before: Stats, after: Stats, began: float) -> dict[str, Any]:
    a, b = before["outbound"], after["outbound"]
    return {
        "t": round(after["time"] - began, 1),
        "sent": round((b["bytesSent"] - a["bytesSent"]) * 8e-3 / float(after["time"] - before["time"])),
        "estimate": round((after["available"] or 0) / 1e3),
        "size": f"{b['frameWidth']}x{b['frameHeight']}",
        "limited": b["qualityLimitationReason"],
        "retransmitted": b["retransmittedPacketsSent"] - a["retransmittedPacketsSent"],
    }


def _at(series: list[dict[str, Any]], when: float) -> dict[str, Any]:
    return min(series, key=lambda sample: abs(sample["t"] - when))


def _shown(before: Stats, after: Stats, owner: str) -> float:
    a, b = (stats["inbound"][f"{owner} video"] for stats in (before, after))
    frames: int = b["framesDecoded"] - a["framesDecoded"]
    return round(frames / float(after["time"] - before["time"]), 1)


async def downlink_row(rig: Rig, name: str, seconds: float) -> dict[str, Any]:
    """Let one receiver's downlink get narrow and wide again, while three others get everything.

    `base only` is the share of the receiver's streams that run at half the frame rate when it has settled.
    """
    narrow = Impairment(OPEN.delay, rate=DOWNLINK_ROWS[name], queue=0.3)
    async with rig.crowd(3) as crowd:
        receiver = await Peer.join(rig.far, rig.url, ROOM, "Ada")
        owners = list(await crowd.ask())
        for owner in owners:
            await receiver.until_shown(owner)
        phases = {}
        for phase, line in (("wide", OPEN), ("narrow", narrow), ("wide again", OPEN)):
            rig.network.impair(OPEN, line)
            phases[phase] = await _phase(crowd, receiver, owners, seconds)
        row: dict[str, Any] = {}
        for phase, (rates, others, frozen, received) in phases.items():
            row |= {
                f"{phase}: fps": " ".join(f"{rate:.0f}" for rate in sorted(rates)),
                f"{phase}: others": round(others, 1),
                f"{phase}: frozen": frozen,
                f"{phase}: kbit/s": received,
            }
        return row | {"load": round(os.getloadavg()[0], 1)}


async def _phase(
    crowd: Process, receiver: Peer, owners: list[str], seconds: float
) -> tuple[list[float], float, float, int]:
    """Return the receiver's frame rates in the last half, the others' slowest; seconds frozen and kbit/s in all."""
    start = await receiver.stats()
    await asyncio.sleep(seconds / 2)
    middle, counted = await receiver.stats(), await crowd.ask()
    await asyncio.sleep(seconds / 2)
    end, recounted = await receiver.stats(), await crowd.ask()
    elapsed = end["time"] - middle["time"]
    rates = [_shown(middle, end, owner) for owner in owners]
    others = [
        (recounted[a][b] - counted[a][b]) / elapsed
        for a in owners
        for b in owners
        if a != b and b in counted[a]
    ]

    def grown(key: str) -> float:
        return float(
            sum(end["inbound"][f"{o} video"][key] - start["inbound"][f"{o} video"][key] for o in owners)
        )

    kilobits = grown("bytesReceived") * 8e-3 / (end["time"] - start["time"])
    return rates, min(others), round(grown("totalFreezesDuration"), 2), round(kilobits)
