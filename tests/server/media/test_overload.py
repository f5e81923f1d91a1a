"""Twice as many cameras as fit on a worker: frames get fewer, evenly, and not late."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from filters.base import FilteredFrame, new_frame
from server.media.camera_costs import Use
from server.media.codec.encoder import Vp8Encoder
from server.media.governor import Governor
from server.media.headroom import MachineLoad
from server.media.load import LoadMeter
from server.media.publication import MAX_AGE, VideoPublication
from server.media.rtc import EncodedFrame
from server.media.subscription import VideoSubscription
from server.media.workers.threads import ThreadTranscoding
from tests.support.painting import PlainFilter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CAMERAS, FIT = 8, 4
SECONDS, SETTLING = 14, 6
PICTURE = 0.9 / 30 / FIT  # seconds
MEGABYTE = 1 << 20


class SlowFilter(PlainFilter):
    """Takes so long that FIT cameras keep one worker busy: sleeping, and later than that where the machine is."""

    def __init__(self, took: list[float]) -> None:
        self._took = took
        self._shown, _ = new_frame(64, 48)

    def filter(self, frame: av.VideoFrame) -> FilteredFrame:
        start = time.monotonic()
        time.sleep(PICTURE)
        self._took.append(time.monotonic() - start)
        self._shown.pts, self._shown.time_base = frame.pts, frame.time_base
        return FilteredFrame(self._shown)


class Peer:
    """Stands for an RtpSender; notes when each picture came."""

    backlog = 0.0

    ready = True

    def __init__(self) -> None:
        self.got: list[tuple[int, float]] = []

    def forget(self) -> None:
        pass

    def drop(self) -> None:
        self.forget()

    def send(self, payloads: Sequence[bytes], timestamp: int, **_: Any) -> None:  # noqa: ANN401
        self.got.append((timestamp, time.monotonic()))


def clip() -> list[tuple[bytes, bool]]:
    encoder = Vp8Encoder(200_000)
    grey, planes = new_frame(64, 48)
    planes.y[:], planes.u[:], planes.v[:] = 90, 128, 128
    videos = [encoder.encode(FilteredFrame(grey), 3000 * i, keyframe=i == 0) for i in range(30 * SECONDS)]
    return [(video.data, video.keyframe) for video in videos]


def resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def film(publication: VideoPublication, sent: dict[int, float], offset: float) -> None:
    """Send the clip in real time; note when each frame was sent."""
    start = time.monotonic() + offset
    for i, (data, keyframe) in enumerate(clip()):
        await asyncio.sleep(max(0.0, start + i / 30 - time.monotonic()))
        sent[3000 * i] = now = time.monotonic()
        publication.receive(EncodedFrame(data, 3000 * i, keyframe, "VP8", now))


class Watch:
    """Looks at the publications as a server does; the seconds that SlowFilter sleeps stand for CPU time."""

    def __init__(self, publications: list[VideoPublication], meter: LoadMeter) -> None:
        self._publications, self._meter = publications, meter
        self._then, self._before = time.monotonic(), 0.0

    def look(self, now: float) -> tuple[MachineLoad, dict[str, Use]]:
        uses = {str(i): self._use(publication) for i, publication in enumerate(self._publications)}
        total = sum(use.seconds for use in uses.values())
        used = (total - self._before) / (now - self._then)
        self._then, self._before = now, total
        _, delay = self._meter.read(now)
        return MachineLoad(2.0, max(0.0, 2.0 - used), 0.0, {0: 1.0}, delay), uses

    @staticmethod
    def _use(publication: VideoPublication) -> Use:
        times = publication.transcoder.times
        pictures = times.filtered
        return Use(publication.received, decoded=times.decoded, pictures=pictures, rest=pictures * PICTURE)


async def govern(publications: list[VideoPublication], meter: LoadMeter, levels: list[int]) -> None:
    """Do as a server does."""
    governor, watch = Governor(), Watch(publications, meter)
    while True:
        await asyncio.sleep(0.5)
        now = time.monotonic()
        governor.observe(now, *watch.look(now))
        levels.append(governor.given_up)
        for i, publication in enumerate(publications):
            publication.frame_rate = governor.level_of(str(i)).frame_rate


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
async def test_twice_the_cameras_that_fit() -> None:
    executor, meter = ThreadPoolExecutor(1), LoadMeter(1)
    took: list[float] = []
    publications = [
        VideoPublication(ThreadTranscoding(SlowFilter(took), executor, 200_000), meter)
        for _ in range(CAMERAS)
    ]
    peers: list[Any] = [Peer() for _ in publications]
    sent: list[dict[int, float]] = [{} for _ in publications]
    for publication, peer in zip(publications, peers, strict=True):
        publication.subscribe(VideoSubscription(peer, "VP8"))
    levels: list[int] = []
    governing = asyncio.create_task(govern(publications, meter, levels))
    films = [
        asyncio.create_task(film(publication, times, i / 30 / CAMERAS))
        for i, (publication, times) in enumerate(zip(publications, sent, strict=True))
    ]
    await asyncio.sleep(SETTLING)
    memory, settled = resident(), time.monotonic()
    took.clear()
    await asyncio.gather(*films)
    seconds = time.monotonic() - settled
    governing.cancel()
    hops, rates = [], []
    for peer, times in zip(peers, sent, strict=True):
        late = [(timestamp, at) for timestamp, at in peer.got if at > settled]
        rates.append(len(late) / seconds)
        hops += [at - times[timestamp] for timestamp, at in late]
    executor.shutdown()
    assert levels[-1] > 0
    picture = float(np.mean(took))  # seconds: PICTURE, and more on a busy machine
    assert float(np.percentile(hops, 95)) < MAX_AGE + 3 * CAMERAS * picture
    assert min(rates) > 0.8 * max(rates), rates
    assert sum(took) / seconds > 0.66  # 11 pictures a second of each, where one takes no more than PICTURE
    assert resident() - memory < 10 * MEGABYTE
