"""Light participants in a room called "benchmark": `python -m benchmarks.network_crowd URL N`, for benchmarks.network.

They send a person and Opus. For each line that it reads it prints, as JSON, how many frames each has received of
each; ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from benchmarks.room_client import Clip, Media
from benchmarks.room_clients import clients
from benchmarks.room_media import opus_clip, video_clip
from server.media.rtc import packetize_vp8

FPS = 30  # frames per second, as a page's camera by default


async def run(url: str, count: int) -> None:
    """Take part until standard input ends."""
    video = [packetize_vp8(frame, i) for i, frame in enumerate(video_clip(640, 360, FPS))]
    async with clients(url, count, Media({360: Clip(video, [])}, opus_clip(), FPS)) as everybody:
        print("joined", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            frames = {
                client.id: {
                    owner: len(s.frames) for (owner, kind), s in client.streams.items() if kind == "video"
                }
                for client in everybody
            }
            print(json.dumps(frames), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    asyncio.run(run(options.url, options.count))


if __name__ == "__main__":
    main()
