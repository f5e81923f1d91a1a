"""What a run of the room benchmark says: figures, and the tables they are printed in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

WAYS = {
    "greenroom": "Greenroom, filtered",
    "remote": "Greenroom, remote workers",
    "simulated": "Greenroom, simulated workers",
    "janus": "Janus, no filter",
    "stock": "stock aiortc, no filter",
    "stock-filter": "stock aiortc, tutorial filter",
}
STAGES = (
    "receive",
    "decode",
    "network",
    "rest of filter",
    "encode",
    "dispatch",
    "fan-out",
    "audio",
    "rest of loop",
)
"""`dispatch` is handing frames to the workers; `rest of loop` is asyncio itself, RTCP, ICE and signalling."""
COUNTS = ("received", "sent", "withheld", "placeholders", "errors", "network", "keyframes")
HOLDS = 29.0  # frames per second on the worst stream, of 30; chosen


@dataclass(frozen=True)
class Result:
    """One run. Percentages are of one core; times in ms, memory in MB, packets per second."""

    way: str
    participants: int
    streams: int
    mean_fps: float
    worst_fps: float
    hop: Mapping[str, float | None]
    """Percentiles from sending a frame to its last packet at the receiver; None when no frame was recognised."""
    hop_undelayed: Mapping[str, float | None]
    """The same without the frame that the smoother waits for."""
    server_cpu: float
    loop_cpu: float
    clients_cpu: float
    other_cpu: float | None
    """What else ran on the machine; where it is not small, the run is disturbed."""
    ms_per_frame: float | None
    """The server's CPU per participant and frame; None where there is no counter."""
    stages: Mapping[str, float]
    """The same by stage."""
    counts: Mapping[str, int]
    """During the measurement, of all participants together."""
    level: int
    """What the governor has given up at the end; 0 is nothing."""
    frame_rate: int
    """Pictures a second that it allows at the end."""
    lines: int
    """Of the median camera's pictures at the end, 0 where that is not known."""
    recovery: float | None
    """Seconds after a disturbance until every stream was whole again."""
    loop_lag: Sequence[float]
    """Median and 99th percentile."""
    memory: tuple[float, float]
    packets: float
    audio_packets: float

    @property
    def holds(self) -> bool:
        """Whether every stream keeps its frame rate."""
        return self.worst_fps >= HOLDS


def result(way: str, participants: int, measured: Mapping[str, Any]) -> Result:
    """Work out the figures from what the clients have measured."""
    before, after = measured["server"]
    fps, seconds = measured["fps"], measured["seconds"]
    level = after["counts"].get("level", 0)
    counts = {name: after["counts"].get(name, 0) - before["counts"].get(name, 0) for name in COUNTS}
    cpu, loop = (100 * (after[k] - before[k]) / (after["time"] - before["time"]) for k in ("cpu", "loop"))
    clients, busy, frames = 100 * measured["cpu"] / seconds, measured["busy"], counts["sent"]
    stages = {
        name: round(1e3 * (after["stages"][name] - before["stages"].get(name, 0)) / frames, 3)
        for name in STAGES
        if frames and name in after["stages"]
    }
    return Result(
        way=way,
        participants=participants,
        streams=len(fps),
        mean_fps=round(sum(fps) / max(len(fps), 1), 1),
        worst_fps=round(min(fps, default=0.0), 1),
        hop=measured["hop"],
        # A full blur needs no matte, so the smoother delays nothing.
        hop_undelayed=measured["hop" if after["counts"].get("full blur") else "hop_undelayed"],
        server_cpu=round(cpu, 1),
        loop_cpu=round(loop, 1),
        clients_cpu=round(clients, 1),
        other_cpu=None if busy is None else round(100 * busy / seconds - cpu - clients, 1),
        ms_per_frame=round(1e3 * (after["cpu"] - before["cpu"]) / frames, 2) if frames else None,
        stages=stages,
        counts=counts,
        level=level,
        frame_rate=after["counts"].get("frame rate", 0),
        lines=round(math.sqrt(after["counts"].get("pixels", 0) * 9 / 16)),
        recovery=measured["recovery"],
        loop_lag=[round(lag, 2) for lag in after["lag"]],
        memory=(round(before["rss"] / 1e6, 1), round(after["rss"] / 1e6, 1)),
        packets=round(measured["packets"]),
        audio_packets=round(measured["audio_packets"]),
    )


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    return table


def rate_table(results: Sequence[Result]) -> Table:
    """Return frame rates, latencies and the load."""
    columns = ["", "N", "streams", "fps mean", "fps worst", "hop p50", "p95", "p99", "p50*", "p95*", "p99*"]
    columns += [
        "server %",
        "loop %",
        "clients %",
        "other %",
        "lag p99",
        "level",
        "allowed",
        "lines",
        "back s",
    ]
    title = "Frames per second and latency in ms (* without the smoother's frame); CPU in % of a core"
    table = _table(title, columns)
    for r in results:
        hops = [_number(h[p]) for h in (r.hop, r.hop_undelayed) for p in ("p50", "p95", "p99")]
        loads = [_number(value, 0) for value in (r.server_cpu, r.loop_cpu, r.clients_cpu, r.other_cpu)]
        rates = [_number(r.mean_fps), _number(r.worst_fps)]
        counts, back = (
            [str(r.participants), str(r.streams)],
            [str(r.frame_rate), str(r.lines), _number(r.recovery)],
        )
        table.add_row(
            WAYS[r.way], *counts, *rates, *hops, *loads, _number(r.loop_lag[1]), str(r.level), *back
        )
    return table


def cost_table(results: Sequence[Result]) -> Table:
    """Return the CPU per participant and frame by stage, and what else was counted."""
    columns = [
        "N",
        *STAGES,
        "other",
        "total ms",
        "memory MB",
        "withheld",
        "placeholders",
        "keyframes",
        "network runs",
    ]
    table = _table("Greenroom's CPU in ms per participant and frame", columns)
    for r in results:
        if r.ms_per_frame is None or not r.stages:
            continue
        rest = r.ms_per_frame - sum(r.stages.values())
        stages = [_number(r.stages.get(name), 2) for name in STAGES] + [_number(rest, 2)]
        counts = [str(r.counts[name]) for name in ("withheld", "placeholders", "keyframes", "network")]
        memory = f"{r.memory[0]:.0f} → {r.memory[1]:.0f}"
        table.add_row(str(r.participants), *stages, _number(r.ms_per_frame, 2), memory, *counts)
    return table
