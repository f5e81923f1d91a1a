"""The product's server, which tells what it receives: `python -m benchmarks.network_server HOST`.

Prints its port, then one line of JSON for each line that it reads; ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import sys
import threading
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from benchmarks.room_counters import family
from server.app import ROOMS, create_app
from server.config.options import Config
from server.media.codec.encoder import EncodedVideo
from server.media.publication import VideoPublication
from server.media.rtc import EncodedFrame
from server.media.subscription import Packets, VideoSubscription
from server.rooms.participant import Participant


class Arrivals:
    """When each camera frame was complete, by publication; seconds of the monotonic clock."""

    def __init__(self) -> None:
        self.times: WeakKeyDictionary[VideoPublication, list[float]] = WeakKeyDictionary()
        inner = VideoPublication.receive

        def receive(publication: VideoPublication, frame: EncodedFrame) -> None:
            self.times.setdefault(publication, []).append(frame.arrival)
            inner(publication, frame)

        setattr(VideoPublication, inner.__name__, receive)


def describe(participant: Participant, arrivals: Arrivals) -> dict[str, Any]:
    """Return what happened to a camera; its arrivals since the last time."""
    publication = participant.video
    stats = participant.publisher.stats
    return {
        "arrivals": arrivals.times.pop(publication, []),
        "sent": publication.sent,
        "withheld": publication.withheld,
        "bitrate": publication.transcoder.bitrate,
        "delay": publication.delay,
        "uplink": None if stats is None else stats._asdict(),
        "downlink": [s._asdict() for s in participant.subscriber.stats] if participant.subscriber else [],
    }


def hold_video_back(seconds: float) -> None:
    """Send every picture so much later, to see what browsers make of it."""
    inner = VideoSubscription.deliver

    def deliver(
        subscription: VideoSubscription, video: EncodedVideo, packets: Packets, capture_ntp: int | None
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, inner, subscription, video, packets, capture_ntp)

    setattr(VideoSubscription, inner.__name__, deliver)


def census() -> dict[str, Any]:
    """Count what this process holds."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "megabytes": round(family()[1] / (1 << 20), 1),
    }


async def serve(host: str, config: Config) -> None:
    """Serve on any port of an address."""
    arrivals = Arrivals()
    app = create_app(config)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    print(runner.addresses[0][1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        rooms = app[ROOMS]
        members = {id_: member for room in rooms.open_rooms.all() for id_, member in room.members.items()}
        told = {id_: describe(member, arrivals) for id_, member in members.items()}
        level = rooms.governor.given_up
        process = {} if told else census()  # it takes long
        print(json.dumps({"level": level, "participants": told, "process": process}), flush=True)
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("--smoother", default=Config().smoother)
    parser.add_argument("--seat-hold", type=float, default=Config().seat_hold)
    parser.add_argument("--hold-back", type=float, default=0.0, help="seconds that all video is sent later")
    options = parser.parse_args()
    if options.hold_back:
        hold_video_back(options.hold_back)
    config = Config(smoother=options.smoother, host=options.host, open=True, seat_hold=options.seat_hold)
    asyncio.run(serve(options.host, config))


if __name__ == "__main__":
    main()
