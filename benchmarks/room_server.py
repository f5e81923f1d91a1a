"""The product's server with a stopwatch in it: `python -m benchmarks.room_server`, for benchmarks.room."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from aiohttp import web

from benchmarks import loop_worker
from benchmarks.room_counters import Stopwatch, serve
from filters.base import Outcome
from server.app import ROOMS, create_app
from server.config.options import Config
from server.media.camera_costs import Use
from server.media.codec.encoder import FilteredVideo
from server.media.governor import Governor
from server.media.headroom import MachineLoad
from server.media.microphone import AudioPublication
from server.media.publication import VideoPublication
from server.media.rtc import udp

MAX_PARTICIPANTS = 64  # of a room: more than any row has; chosen


class NoGovernor(Governor):
    """Never gives anything up, so that cost and overload can be seen."""

    def observe(self, now: float, load: MachineLoad, uses: Mapping[str, Use]) -> None:
        pass


class Instruments:
    """Measures a server of this process from outside."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._keyframes = 0
        self._watch = Stopwatch()
        self._count_keyframes()
        self._watch.time(udp, "_drain", "receive")
        self._watch.time(VideoPublication, "_start", "dispatch")
        self._watch.time(VideoPublication, "_fan_out", "fan-out")
        self._watch.time(AudioPublication, "receive", "audio")
        self._watch.time(AudioPublication, "_send", "audio")

    def _count_keyframes(self) -> None:
        inner = VideoPublication._fan_out

        def counted(publication: VideoPublication, videos: dict[str, FilteredVideo]) -> None:
            self._keyframes += any(video.keyframe for video in videos.values())
            inner(publication, videos)

        setattr(VideoPublication, inner.__name__, counted)

    def collect(self) -> tuple[Mapping[str, float], Mapping[str, int]]:
        """Return the seconds of each stage and the counts so far."""
        rooms = self._app[ROOMS]
        members = [m for room in rooms.open_rooms.all() for m in room.members.values()]
        times = [m.video.transcoder.times for m in members]
        seconds = dict(self._watch.seconds)
        seconds["decode"] = sum(t.decode for t in times)
        seconds["network"] = sum(m.filter.inference_time for m in members)
        seconds["rest of filter"] = sum(t.filter for t in times) - seconds["network"]
        seconds["encode"] = sum(t.encode for t in times)
        counts = Counter(network=sum(m.filter.inferences for m in members), keyframes=self._keyframes)
        counts["level"], level = rooms.governor.given_up, rooms.governor.level
        counts["pixels"] = round(median(m.video.transcoder.pixels for m in members)) if members else 0
        counts["frame rate"], counts["full blur"] = round(level.frame_rate), level.full_blur
        for member in members:
            counts.update(member.counters()._asdict())
            counts["sent"] += member.video.sent
            counts["placeholders"] += member.filter.outcomes[Outcome.PLACEHOLDER]
        return seconds, dict(counts)


async def _free(app: web.Application) -> None:
    app[ROOMS].governor = NoGovernor()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoother", default=Config().smoother)
    parser.add_argument("--no-governor", dest="governor", action="store_false")
    parser.add_argument("--workers", type=int, default=Config().workers)
    parser.add_argument("--simulated", action="store_true", help="workers that only take time")
    parser.add_argument("--remote", nargs="*", default=[], metavar="HOST:PORT", help="only these workers")
    parser.add_argument("--secret", type=Path, help="of the remote workers")
    options = parser.parse_args()
    if options.simulated:
        loop_worker.install()
    config = Config(
        smoother=options.smoother,
        workers=0 if options.remote else options.workers,
        remote_workers=tuple(options.remote),
        cluster_secret=options.secret,
        max_participants=MAX_PARTICIPANTS,
    )
    app = create_app(config)
    if not options.governor:
        app.on_startup.append(_free)
    asyncio.run(serve(app, Instruments(app).collect))


if __name__ == "__main__":
    main()
