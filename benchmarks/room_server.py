"""The product's server with a stopwatch in it: `python -m benchmarks.room_server`, for benchmarks.room."""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections import Counter
from collections.abc import Mapping

from aiohttp import web

from benchmarks.room_counters import Stopwatch, serve
from filters.base import Alpha, Planes
from filters.segmenter import Box, ModelCard, Segmenter, load_card
from server.app import CONFERENCE, create_app
from server.config import MODELS, Config
from server.media.encoder import FilteredVideo
from server.media.load import LEVELS, Governor, Level
from server.media.publication import AudioPublication, VideoPublication
from server.media.rtc import udp

MAX_PARTICIPANTS = 64


class TimedSegmenter(Segmenter):
    """A Segmenter that adds up its CPU time over all threads."""

    def __init__(self, card: ModelCard) -> None:
        self.seconds = 0.0
        self.runs = 0
        self._lock = threading.Lock()
        super().__init__(card)

    def __call__(self, planes: Planes, box: Box | None = None, pixels: int | None = None) -> Alpha:
        start = time.thread_time()
        try:
            return super().__call__(planes, box, pixels)
        finally:
            with self._lock:
                self.seconds += time.thread_time() - start
                self.runs += 1


class NoGovernor(Governor):
    """Never gives anything up, so that cost and overload can be seen."""

    def observe(self, now: float, *, utilisation: float, delay: float) -> Level:
        return self.level


class Instruments:
    """Measures a server of this process from outside."""

    def __init__(self, app: web.Application, segmenter: TimedSegmenter) -> None:
        self._app = app
        self._segmenter = segmenter
        self._keyframes = 0
        self._watch = Stopwatch()
        self._count_keyframes()
        self._watch.time(udp, "_drain", "receive")
        self._watch.time(VideoPublication, "_start", "dispatch")
        self._watch.time(VideoPublication, "_fan_out", "fan-out")
        self._watch.time(AudioPublication, "receive", "audio")

    def _count_keyframes(self) -> None:
        inner = VideoPublication._fan_out

        def counted(publication: VideoPublication, videos: dict[str, FilteredVideo]) -> None:
            self._keyframes += any(video.keyframe for video in videos.values())
            inner(publication, videos)

        setattr(VideoPublication, inner.__name__, counted)

    def collect(self) -> tuple[Mapping[str, float], Mapping[str, int]]:
        """Return the seconds of each stage and the counts so far."""
        self._watch.switch(self._watch.switch("rest of loop"))
        conference = self._app[CONFERENCE]
        members = [m for room in conference.rooms.all() for m in room.members.values()]
        times = [m.video.transcoder.times for m in members]
        seconds = dict(self._watch.seconds)
        seconds["decode"] = sum(t.decode for t in times)
        seconds["network"] = self._segmenter.seconds
        seconds["rest of filter"] = sum(t.filter for t in times) - self._segmenter.seconds
        seconds["encode"] = sum(t.encode for t in times)
        counts = Counter(network=self._segmenter.runs, keyframes=self._keyframes)
        counts["level"] = LEVELS.index(conference.governor.level)
        for member in members:
            counts.update(member.counters()._asdict())
            counts["sent"] += member.video.sent
        return seconds, dict(counts)


async def _free(app: web.Application) -> None:
    app[CONFERENCE].governor = NoGovernor()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoother", default=Config().smoother)
    parser.add_argument("--no-governor", dest="governor", action="store_false")
    parser.add_argument("--workers", type=int, default=Config().workers)
    options = parser.parse_args()
    config = Config(smoother=options.smoother, workers=options.workers, max_participants=MAX_PARTICIPANTS)
    segmenter = TimedSegmenter(load_card(config.model, MODELS))
    segmenter.seconds = 0.0
    app = create_app(config, segmenter)
    if not options.governor:
        app.on_startup.append(_free)
    asyncio.run(serve(app, Instruments(app, segmenter).collect))


if __name__ == "__main__":
    main()
