"""Lip sync: a flash and a beep of the same instant, through the server, as real Chromium plays them.

    python -m benchmarks.sync [--beats 15] [--json FILE]

Prints how long after the beep the flash appears, in ms, for a camera by smoother, relative to the same flash and beep
sent as a shared screen, which the server passes on at once: what remains of the method's own bias cancels out.
Positive: the picture is late.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import aiohttp
import numpy as np
from aiortc import RTCSessionDescription
from playwright.async_api import Browser, async_playwright

from benchmarks.network_rig import Peer, Process
from benchmarks.sync_media import FPS, beeping, flashing
from server.media.rtc import RtpSender, ntp_now, packetize_vp8, peer_connection
from tests.support.browser import FLAGS, find_chromium

PACKETS = 50
"""Of Opus, a second: 20 ms each, as browsers send."""
BEAT = 2
"""Seconds from one flash to the next; chosen."""
AT = 1.0
"""Seconds into the beat; chosen."""
LASTS = 0.2  # seconds of a flash; chosen
WAYS = (
    ("screen, at once", "none", "screen", 0.0),
    ("camera, none", "none", "publish", 0.0),
    ("camera, ofd", "ofd", "publish", 0.0),
    ("ofd and 100 ms", "ofd", "publish", 0.1),
)
"""Name, smoother, connection, and seconds that the server holds all video back."""
SCRIPT = Path(__file__).with_suffix(".js")

Series = Sequence[tuple[float, float]]
"""Times in seconds, and levels."""


class Beacon:
    """A participant who flashes and beeps, as camera and microphone or as a shared screen."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.id = ""
        self._socket = socket
        self._connection = peer_connection()
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, room: str, connection: str, video: list[list[bytes]], audio: list[bytes]) -> None:
        """Enter a room and send; `connection` is `publish` or `screen`."""
        join = {"type": "join", "version": 1, "room": room, "name": "Beacon", "background": "#000000"}
        await self._socket.send_json(join)
        self.id = (await self._expect("joined"))["participant"]
        senders = [
            RtpSender(self._connection.addTransceiver(kind, direction="sendonly"))
            for kind in ("video", "audio")
        ]
        await self._connection.setLocalDescription(await self._connection.createOffer())
        sdp = self._connection.localDescription.sdp
        await self._socket.send_json({"type": "offer", "connection": connection, "id": 1, "sdp": sdp})
        answer = await self._expect("answer")
        await self._connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        await self._socket.send_json({"type": "media", "audio": True, "video": True})
        start = time.monotonic() + 0.1
        self._tasks = [
            asyncio.create_task(_send(senders[0], video, FPS, 90_000, start)),
            asyncio.create_task(_send(senders[1], [[packet] for packet in audio], PACKETS, 48_000, start)),
            asyncio.create_task(self._ignore()),
        ]

    async def _expect(self, kind: str) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = await self._socket.receive_json()
            if message["type"] == kind:
                return message

    async def _ignore(self) -> None:
        async for _ in self._socket:
            pass

    async def close(self) -> None:
        """Leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.send_json({"type": "leave"})
        await self._connection.close()


async def _send(
    sender: RtpSender, pieces: list[list[bytes]], rate: int, clock_rate: int, start: float
) -> None:
    """Send the pieces again and again, each when it would have been captured."""
    for i in itertools.count():
        due = start + i / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        late = round((time.monotonic() - due) * (1 << 32))
        loud = AT <= i % len(pieces) / rate < AT + LASTS
        sender.send(
            pieces[i % len(pieces)],
            i * clock_rate // rate,
            level=10 if loud else 127,
            voice=loud,
            capture_ntp=ntp_now() - late,
        )


def onsets(series: Series) -> list[float]:
    """Return when the level rises above the middle of its range after having been below for half a beat."""
    levels = [level for _, level in series]
    middle = (np.percentile(levels, 5) + max(levels)) / 2
    found, above = [], float("-inf")
    for at, level in series:
        if level > middle:
            if at - above > BEAT / 2:
                found.append(at)
            above = at
    return found[1:]


def skews(video: Series, audio: Series) -> list[float]:
    """Return for each flash how much later than the beep it came, in ms."""
    beeps = onsets(audio)
    nearest = [(flash, min(beeps, key=lambda beep: abs(beep - flash))) for flash in onsets(video)]
    return [(flash - beep) * 1e3 for flash, beep in nearest if abs(flash - beep) < BEAT / 2]


async def measure(
    browser: Browser, smoother: str, connection: str, beats: int, hold_back: float
) -> dict[str, Any]:
    """Return the skews of one way through the server, and what the browser says of its delays."""
    async with _server(smoother, hold_back) as (server, url), aiohttp.ClientSession() as http:
        beacon = Beacon(await http.ws_connect(f"{url}/ws"))
        video = [packetize_vp8(data, i) for i, data in enumerate(flashing(BEAT, AT, LASTS))]
        await beacon.join("sync", connection, video, beeping(BEAT, AT, LASTS))
        kinds = ("screen", "screen-audio") if connection == "screen" else ("video", "audio")
        viewer = await Peer.join(browser, url, "sync", "Viewer")
        await viewer.page.evaluate(SCRIPT.read_text(encoding="utf-8"))
        key = f"{beacon.id} {kinds[0]}"
        await viewer.page.wait_for_function(
            "key => peer.streams[key]?.shown.length > 30", arg=key, timeout=3e4
        )
        await viewer.page.evaluate("words => sync.start(...words)", [beacon.id, *kinds])
        await asyncio.sleep((beats + 2) * BEAT)
        seen = await viewer.page.evaluate("sync")
        inbound = (await viewer.stats())["inbound"]
        told = (await server.ask())["participants"][beacon.id]
        await viewer.leave()
        await beacon.close()
    # The first third is left out: browsers adapt their delays slowly.
    return {
        "skews": skews(seen["video"], seen["packets"])[beats // 3 :],
        "heard": skews(seen["video"], seen["audio"])[beats // 3 :],
        "hop": None if told["delay"] is None else told["delay"] * 1e3,
        "video buffer": _buffered(inbound[key]),
        "audio buffer": _buffered(inbound[f"{beacon.id} {kinds[1]}"]),
        "playout": [inbound[f"{beacon.id} {kind}"].get("estimatedPlayoutTimestamp") for kind in kinds],
    }


def _buffered(report: dict[str, Any]) -> float:
    """Return how long a jitter buffer has kept what it played, on average, in ms."""
    return float(1e3 * report["jitterBufferDelay"] / max(report["jitterBufferEmittedCount"], 1))


@asynccontextmanager
async def _server(smoother: str, hold_back: float) -> AsyncIterator[tuple[Process, str]]:
    options = ["--smoother", smoother, "--hold-back", str(hold_back)]
    server = await Process.start([sys.executable, "-m", "benchmarks.network_server", "127.0.0.1", *options])
    try:
        yield server, f"http://127.0.0.1:{await server.read()}"
    finally:
        await server.end()


async def run(beats: int) -> list[dict[str, Any]]:
    """Measure every way, the reference first."""
    rows = []
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), headless=True, args=list(FLAGS)
        )
        stack.push_async_callback(browser.close)
        for name, smoother, connection, hold_back in WAYS:
            rows.append({"way": name, **await measure(browser, smoother, connection, beats, hold_back)})
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table; `heard` is by Web Audio, the rest by the packets."""
    bias, heard_bias = median(rows[0]["skews"]), median(rows[0]["heard"])
    print(
        f"{'way':<18} {'late by':>8} {'p10':>6} {'p90':>6} {'heard':>6} {'hop':>6} {'video, audio buffer':>24}   ms"
    )
    for row in rows:
        tens = quantiles(row["skews"], n=10)
        middle, low, high = (value - bias for value in (median(row["skews"]), tens[0], tens[-1]))
        heard = median(row["heard"]) - heard_bias
        hop = "" if row["hop"] is None else f"{row['hop']:.0f}"
        buffers = f"{row['video buffer']:.0f}, {row['audio buffer']:.0f}"
        print(f"{row['way']:<18} {middle:8.0f} {low:6.0f} {high:6.0f} {heard:6.0f} {hop:>6} {buffers:>24}")
    print(f"bias of the method, taken off: {bias:.0f} ms, heard {heard_bias:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--beats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = asyncio.run(run(options.beats))
    show(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
