"""How long a first visit takes on a slow line until the lobby is there, in Chromium: requests, bytes, seconds.

    python -m benchmarks.first_visit [--kbit 400] [--latency 400] [--runs 5]

Each visit has an empty cache. The line is Chromium's own emulation of one (DevTools protocol,
Network.emulateNetworkConditions): each answer begins after the latency, and all share the rate. *lobby* is when the
lobby is shown and takes a name; *preview* when the server's round trip of the camera is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from typing import Final, NamedTuple

from playwright.async_api import Browser, Page, async_playwright

from benchmarks.network_rig import Process
from tests.support.browser import FLAGS, find_chromium

PATIENCE: Final = 60_000  # ms; chosen
LOBBY: Final = """new Promise((done) => {
  const look = () => document.body?.dataset.state === 'lobby' && document.activeElement?.id === 'name'
    ? done(performance.now()) : requestAnimationFrame(look);
  look();
})"""
PREVIEW: Final = """new Promise((done) => {
  const look = () => document.getElementById('stage')?.dataset.preview === 'live'
    ? done(performance.now()) : requestAnimationFrame(look);
  look();
})"""


class Visit(NamedTuple):
    """One first visit: seconds since the address was opened; answers and kB until the lobby was there."""

    lobby: float
    preview: float
    requests: int
    kilobytes: float


async def visit(browser: Browser, url: str, kbit: float, latency: float) -> Visit:
    """Open a room as somebody who has never been there, over a slow line."""
    context = await browser.new_context(permissions=["camera", "microphone"], locale="en-US")
    page = await context.new_page()
    received, done = await _watch(page, kbit, latency)
    await page.goto(url, wait_until="commit")
    lobby = float(await page.evaluate(LOBBY))
    requests, size = len(done), sum(received)
    preview = float(await asyncio.wait_for(page.evaluate(PREVIEW), PATIENCE / 1000))
    await context.close()
    return Visit(lobby / 1000, preview / 1000, requests, size / 1000)


async def _watch(page: Page, kbit: float, latency: float) -> tuple[list[float], list[str]]:
    """Slow the line down; return lists that fill with the bytes received and the requests answered."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    rate = kbit * 1000 / 8
    line = {"offline": False, "latency": latency, "downloadThroughput": rate, "uploadThroughput": rate}
    await session.send("Network.emulateNetworkConditions", line)
    received: list[float] = []
    done: list[str] = []
    session.on("Network.dataReceived", lambda event: received.append(event["encodedDataLength"]))
    session.on("Network.responseReceived", lambda event: done.append(event["requestId"]))
    return received, done


async def run(kbit: float, latency: float, runs: int) -> list[Visit]:
    """Measure visits one after the other, after one that warms browser and server up."""
    executable = find_chromium()
    if executable is None:
        raise SystemExit("there is no Chromium; name one in $CHROMIUM")
    server = await Process.start([sys.executable, "-m", "benchmarks.network_server", "127.0.0.1"])
    url = f"http://127.0.0.1:{await server.read()}/r/first-visit"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        visits = [await visit(browser, url, kbit, latency) for _ in range(runs + 1)]
        await browser.close()
    await server.end()
    return visits[1:]


def main() -> None:
    """Print a row for each visit, and the median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kbit", type=float, default=400)
    parser.add_argument("--latency", type=float, default=400)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    visits = asyncio.run(run(options.kbit, options.latency, options.runs))
    median = Visit(*(statistics.median(column) for column in zip(*visits, strict=True)))
    print(f"{options.kbit:g} kbit/s, {options.latency:g} ms\n")
    print("| visit | lobby | preview | requests | kB |\n|---|---|---|---|---|")
    for name, row in [*((str(i + 1), v) for i, v in enumerate(visits)), ("median", median)]:
        print(
            f"| {name} | {row.lobby:.2f} s | {row.preview:.2f} s | {row.requests:.0f} | {row.kilobytes:.0f} |"
        )


if __name__ == "__main__":
    main()
