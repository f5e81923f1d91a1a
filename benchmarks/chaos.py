"""Everything goes wrong at once, and nobody's room is shown: over 50 kinds of faults, and every frame that comes out.

    python -m benchmarks.chaos [--seed 1 2 3] [--minutes 3] [--save FOLDER] [--json FILE]

Cameras show a person in a room on whose wall hang saturated stripes. They publish over the WebSocket and by WHIP into
rooms of the product's own server, in a process of its own; people, a WHEP viewer and a server that is forwarded to
decode every frame that they get and measure the stripes' contrast: 100 % is as painted. A seed chooses faults and
their order; what is decoded meanwhile depends on the machine. Ends with status 1 where a frame shows more than 5 %.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from rich.console import Console

from benchmarks.chaos_faults import FAULTS, World, deck
from benchmarks.chaos_media import SIZES, Clip, frames, unfiltered
from benchmarks.chaos_people import PATIENCE, Person
from benchmarks.chaos_tally import LIMIT, Tally
from benchmarks.chaos_whip import Onward, WhepViewer, WhipCamera
from benchmarks.room import module, serving

ROOMS = ("north", "south")
WATCHERS = 1
"""People without a camera in each room; chosen."""
AT_ONCE = 3
"""Faults; chosen."""
PAUSE = 0.5
"""Longest seconds between two faults of a series; chosen."""
LONGEST = 30.0
"""Seconds that a fault may take; those that end by themselves take a few. Chosen."""
OUTCOME = r'greenroom_frames_total{outcome="(\w+)"} (\S+)'
IN_THE_WAY = (TimeoutError, aiohttp.ClientError, OSError, ValueError)
"""What a fault or a repair meets when another fault is in its way."""


@asynccontextmanager
async def world(seed: int, tally: Tally) -> AsyncIterator[World]:
    """Start a server and fill its rooms."""
    rng = random.Random(seed)
    async with AsyncExitStack() as stack:
        onward = Onward(tally)
        forward_to = await onward.start()
        stack.push_async_callback(onward.close)
        url = stack.enter_context(serving(module("chaos_server", forward_to)))
        patience = aiohttp.ClientTimeout(total=PATIENCE)
        http = await stack.enter_async_context(aiohttp.ClientSession(url, timeout=patience))

        async def person(room: str, *, camera: bool = True) -> Person:
            somebody = Person(http, room, tally, rng, camera=camera)
            stack.push_async_callback(somebody.close)
            await somebody.join()
            return somebody

        hosts = [await person(room) for room in ROOMS]
        guests = [await person(room) for room in ROOMS]
        guests += [await person(room, camera=False) for room in ROOMS for _ in range(WATCHERS)]
        desk = WhipCamera(http, ROOMS[0], rng)
        stack.push_async_callback(desk.close)
        await desk.begin()
        viewer = WhepViewer(http, ROOMS[0], desk.identity, tally)
        stack.push_async_callback(viewer.close)
        await viewer.begin()
        yield World(http, hosts, guests, desk, viewer, rng)


async def trouble(around: World, kinds: Iterator[str], tally: Tally, end: float) -> None:
    """Make one fault after the other until `end`, a time of the monotonic clock, and repair what they leave."""
    while time.monotonic() < end:
        kind = next(kinds)
        with tally.fault(kind):
            try:
                async with asyncio.timeout(LONGEST):
                    await FAULTS[kind](around)
            except IN_THE_WAY:
                tally.failed[kind] += 1
        await asyncio.sleep(around.rng.uniform(0, PAUSE))


async def repairs(around: World) -> None:
    """Bring back, again and again, whoever was thrown out."""
    while True:
        for repair in (*(each.repair for each in around.people), around.desk.repair, around.viewer.repair):
            with suppress(*IN_THE_WAY):
                async with asyncio.timeout(PATIENCE):
                    await repair()
        await asyncio.sleep(1)


async def run(seed: int, seconds: float, tally: Tally) -> None:
    """Make trouble for so long."""
    async with world(seed, tally) as around:
        kinds, end = deck(around.rng), time.monotonic() + seconds
        repairing = asyncio.create_task(repairs(around))
        await asyncio.gather(*(trouble(around, kinds, tally, end) for _ in range(AT_ONCE)))
        repairing.cancel()
        await asyncio.gather(repairing, return_exceptions=True)
        async with around.http.get("/metrics") as response:
            counts = re.findall(OUTCOME, await response.text())
        tally.outcomes.update({outcome: int(float(count)) for outcome, count in counts})


def prepare() -> None:
    """Encode what cameras send, so that nobody waits for it later."""
    for size in SIZES:
        for codec in ("VP8", "H264"):
            for somebody in (True, False):
                frames(Clip(size, codec, somebody))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="one run each")
    parser.add_argument("--minutes", type=float, default=3, help="of each run")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="for pictures that show too much")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
    prepare()
    tally = Tally(options.save)
    for seed in options.seed:
        asyncio.run(run(seed, 60 * options.minutes, tally))
    title = f"{tally.frames} frames decoded; one as a camera sends it shows {100 * unfiltered():.0f} %"
    Console(width=None if sys.stdout.isatty() else 120).print(tally.table(title))
    print(f"the cameras' frames, as the server counts them: {dict(tally.outcomes)}")
    print(f"decoded {dict(tally.by)}, not decodable {tally.undecodable}, above {LIMIT:.0%}: {tally.above}")
    if options.json:
        options.json.write_text(json.dumps(tally.describe() | {"seeds": options.seed}, indent=1) + "\n")
    if tally.above or not tally.frames:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
