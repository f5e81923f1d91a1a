"""N light clients in one process: `python -m benchmarks.room_clients URL N`, for benchmarks.room."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from benchmarks.room_client import Client, Clip, Media, read_headers_only
from benchmarks.room_hop import Hop, measure
from benchmarks.room_media import opus_clip, sizes, video_clip
from server.media.rtc import packetize_vp8

CONNECT_TIMEOUT = 30.0  # seconds; chosen
LONGEST_RECOVERY = 8.0  # seconds that are looked at after a disturbance; chosen
RECOVERY_STEP = 0.1  # seconds; chosen
NEARLY_ALL = 0.95  # of the frames of a second; chosen


class Reading(NamedTuple):
    """What can be read off at one moment."""

    time: float
    cpu: float
    """Seconds of CPU that this process took."""
    busy: float | None
    """Seconds that the machine's cores have worked, where Linux tells."""
    video: int
    """Packets received by all."""
    audio: int


@dataclass(frozen=True)
class Measurement:
    """What the clients saw. `server` are the server's snapshots at the beginning and at the end."""

    seconds: float
    fps: list[float]
    """Of each stream."""
    hop: Hop
    hop_undelayed: Hop
    packets: float
    """Per second, received by all."""
    audio_packets: float
    rewinds: int
    cpu: float
    """Seconds of CPU that the clients took."""
    recovery: float | None
    """Seconds after the end of a disturbance until every stream had nearly all its frames for a second."""
    busy: float | None
    """Seconds of CPU that the machine was busy, the benchmark included."""
    server: tuple[dict[str, Any], dict[str, Any]]


@asynccontextmanager
async def clients(url: str, count: int, media: Media) -> AsyncIterator[list[Client]]:
    """Fill a room."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        everybody: list[Client] = []
        for number in range(count):
            client = Client(number, media, await session.ws_connect(f"{url}/ws", max_msg_size=0))
            stack.push_async_callback(client.close)
            everybody.append(client)
            await client.join()
        yield everybody


async def _until_all_see_all(everybody: Sequence[Client]) -> None:
    """Wait for the first frame of everybody at everybody, but not for ever."""
    others = len(everybody) - 1
    deadline = time.monotonic() + CONNECT_TIMEOUT
    while time.monotonic() < deadline:
        seen = [sum(bool(s.frames) for s in client.streams.values()) for client in everybody]
        if min(seen) >= max(others, 1):
            return
        await asyncio.sleep(0.1)


async def run(options: argparse.Namespace) -> Measurement:
    """Fill a room, let it settle, and measure."""
    media = Media(_clips(options), opus_clip() if options.audio else [], options.fps)
    room, session = clients(options.url, options.participants, media), aiohttp.ClientSession()
    async with room as everybody, session as http:
        await _until_all_see_all(everybody)
        gc.freeze()
        await asyncio.sleep(options.settle)
        before = await _snapshot(http, options.url)
        start = _read(everybody)
        async with _disturbance(options.disturb):
            await asyncio.sleep(options.seconds)
            end = _read(everybody)
        after = await _snapshot(http, options.url)
        recovery = None
        if options.disturb:
            await asyncio.sleep(LONGEST_RECOVERY)
            recovery = _recovery(everybody, end.time, NEARLY_ALL * options.fps)
        fps, hop, undelayed = _frames(everybody, start.time, end.time, options.delay)
    seconds = end.time - start.time
    return Measurement(
        seconds=seconds,
        fps=fps,
        hop=hop,
        hop_undelayed=undelayed,
        packets=(end.video + end.audio - start.video - start.audio) / seconds,
        audio_packets=(end.audio - start.audio) / seconds,
        rewinds=sum(client.rewinds for client in everybody),
        cpu=end.cpu - start.cpu,
        recovery=recovery,
        busy=None if start.busy is None or end.busy is None else end.busy - start.busy,
        server=(before, after),
    )


def _clips(options: argparse.Namespace) -> dict[int, Clip]:
    clips = {}
    for width, height in sizes(options.size):
        both = [video_clip(width, height, options.fps, layered=layered) for layered in (False, True)]
        clips[height] = Clip(*([packetize_vp8(frame, i) for i, frame in enumerate(clip)] for clip in both))
    return clips


@asynccontextmanager
async def _disturbance(share: float) -> AsyncIterator[None]:
    """Have another program take a share of a core until the end of the block."""
    if not share:
        yield
        return
    burner = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.room_burner", str(share))
    try:
        yield
    finally:
        burner.kill()
        await burner.wait()


def _recovery(everybody: Sequence[Client], since: float, frames: float) -> float | None:
    """Return how long after `since` a second began in which every stream had so many frames."""
    streams = [s.frames for c in everybody for (_, kind), s in c.streams.items() if kind == "video"]
    for step in range(int((LONGEST_RECOVERY - 1) / RECOVERY_STEP)):
        begin = since + step * RECOVERY_STEP
        if all(sum(begin <= at < begin + 1 for _, at in stream) >= frames for stream in streams):
            return round(step * RECOVERY_STEP, 1)
    return None


def _frames(
    everybody: Sequence[Client], start: float, end: float, delay: int
) -> tuple[list[float], Hop, Hop]:
    fps, hops, undelayed = [], [], []
    sent = {client.id: client.sent for client in everybody}
    for client in everybody:
        for (owner, kind), stream in client.streams.items():
            if kind == "video":
                fps.append(sum(start <= at < end for _, at in stream.frames) / (end - start))
                hops += measure(sent[owner], stream.frames, start, end)
                undelayed += measure(sent[owner], stream.frames, start, end, delay)
    return fps, Hop.of(hops), Hop.of(undelayed)


def _read(everybody: Sequence[Client]) -> Reading:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    packets = {"video": 0, "audio": 0}
    for client in everybody:
        for (_, kind), stream in client.streams.items():
            packets[kind] += stream.packets
    return Reading(time.monotonic(), usage.ru_utime + usage.ru_stime, _busy(), **packets)


async def _snapshot(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with http.get(f"{url}/benchmark") as response:
        return dict(await response.json())


def _busy() -> float | None:
    """Return the seconds that the machine's cores have worked, where Linux tells."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, stat.read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / 100


def main() -> None:
    """Print a Measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("participants", type=int)
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(640, 360))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--settle", type=float, default=3)
    parser.add_argument("--delay", type=int, default=1, help="frames that the server holds back on purpose")
    parser.add_argument("--disturb", type=float, default=0.0)
    parser.add_argument("--no-audio", dest="audio", action="store_false")
    options = parser.parse_args()
    read_headers_only()
    print(json.dumps(asdict(asyncio.run(run(options)))), flush=True)


if __name__ == "__main__":
    main()
