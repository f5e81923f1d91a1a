"""What Prometheus is told about the server. No label names a room or a person.

Counters of participants live with them; `Totals` carries on what those who have left had counted.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from filters.base import Outcome
from server.media.camera_costs import USUAL_PICTURE
from server.media.load import LoadMeter
from server.media.rtc import REFUSALS
from server.media.rtc.refusals import Kind
from server.rooms.hidden import Why
from server.rooms.participant import Participant
from server.rooms.rooms import Rooms

SAMPLE_INTERVAL = 0.5  # seconds; chosen
FRAME_BUCKETS = (0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024, 0.033, 0.05, 0.1, 0.25)
"""Seconds: finest around the few ms that a frame takes; .033 is one frame at 30 frames/s."""
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)  # seconds; chosen
OUTCOMES = ("received", *Outcome, "withheld", "sent", "raw")
STAGES = {"decode": "decoded", "filter": "filtered", "encode": "encoded"}
DIRECTIONS = ("in", "out")


class MeasuredLoad(LoadMeter):
    """A LoadMeter that also fills histograms: how long each frame waited for a worker, and kept it busy."""

    def __init__(self, workers: int, registry: CollectorRegistry) -> None:
        super().__init__(workers)
        self._frame = Histogram(
            "greenroom_frame_seconds",
            "Time of one camera frame: waiting for a worker, and being decoded, filtered and encoded.",
            ["part"],
            buckets=FRAME_BUCKETS,
            registry=registry,
        )
        self._waiting, self._working = self._frame.labels("wait"), self._frame.labels("work")

    def note(self, *, wait: float | None, busy: float) -> None:
        """See LoadMeter."""
        super().note(wait=wait, busy=busy)
        if wait is not None:
            self._waiting.observe(max(0.0, wait))
        self._working.observe(busy)


class Totals:
    """Sums over everybody who is here or was."""

    def __init__(self) -> None:
        self._people: dict[str, Participant] = {}
        self._gone: Counter[str] = Counter()
        self._bytes: dict[tuple[object, str], int] = {}

    def follow(self, people: Iterable[Participant]) -> None:
        """Take note of who is here now; those who no longer are still count."""
        present = {participant.id: participant for participant in people}
        for gone in self._people.keys() - present.keys():
            self._gone += counts(self._people[gone])
        self._people = present
        transferred = {key: n for participant in present.values() for key, n in _transferred(participant)}
        for key, total in transferred.items():
            before = self._bytes.get(key, 0)
            # A total that shrinks is that of a new connection.
            self._gone["bytes " + key[1]] += total - before if total >= before else total
        self._bytes = transferred

    def read(self) -> Counter[str]:
        """Return the sums."""
        return sum((counts(participant) for participant in self._people.values()), self._gone.copy())


def counts(participant: Participant) -> Counter[str]:
    """Return what a participant's camera has cost and become so far."""
    times = participant.video.transcoder.times
    found: Counter[str] = Counter(participant.counters()._asdict())
    found["sent"] = participant.video.sent
    for why in get_args(Why):
        found[f"hidden {why}"] = participant.hidden.begun[why]
    for stage, runs in STAGES.items():
        found[stage + " runs"] = getattr(times, runs)
        found[stage + " microseconds"] = round(getattr(times, stage) * 1e6)
    return found


def _transferred(participant: Participant) -> Iterator[tuple[tuple[object, str], int]]:
    """Yield bytes of video in, and of everything out, on each of the present connections."""
    received, subscriber = participant.publisher.stats, participant.subscriber
    yield (participant.id, "in"), received.bytes if received is not None else 0
    if subscriber is not None:
        yield (participant.id, "out"), subscriber.bytes
    for egress in participant.egresses:
        yield (egress, "out"), egress.bytes


class Metrics(Collector):
    """Made inside a running event loop, for all rooms; ends with `close`."""

    def __init__(self, rooms: Rooms) -> None:
        self.registry = CollectorRegistry()
        self._rooms = rooms
        self._totals = Totals()
        self._lag = Histogram(
            "greenroom_event_loop_lag_seconds",
            "How late the event loop is: nothing is sent or received meanwhile.",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )
        remote = Histogram(
            "greenroom_remote_frame_seconds",
            "Time from sending a camera frame to another machine's worker to its answer.",
            buckets=FRAME_BUCKETS,
            registry=self.registry,
        )
        rooms.media.workers.on_remote_frame = remote.observe
        meter = MeasuredLoad(rooms.config.workers, self.registry)
        rooms.media = rooms.media._replace(meter=meter)
        ProcessCollector(registry=self.registry)
        self.registry.register(self)
        self._task = asyncio.get_running_loop().create_task(self._sample())

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    async def close(self) -> None:
        """Stop sampling."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _sample(self) -> None:
        while True:
            due = time.monotonic() + SAMPLE_INTERVAL
            await asyncio.sleep(SAMPLE_INTERVAL)
            self._lag.observe(max(0.0, time.monotonic() - due))
            self._totals.follow(self._people())

    def _people(self) -> list[Participant]:
        return [a.participant for room in self._rooms.open_rooms.all() for a in room.memberships]

    def collect(self) -> Iterator[Metric]:
        """Yield what is counted elsewhere."""
        self._totals.follow(self._people())
        yield from self._gauges()
        totals = self._totals.read()
        frames = CounterMetricFamily(
            "greenroom_frames", "Camera frames by what became of them.", labels=["outcome"]
        )
        for outcome in OUTCOMES:
            frames.add_metric([outcome], totals[outcome])
        yield frames
        hidings = CounterMetricFamily(
            "greenroom_camera_hidings", "How often a camera was hidden, by why.", labels=["why"]
        )
        for why in get_args(Why):
            hidings.add_metric([why], totals[f"hidden {why}"])
        yield hidings
        yield CounterMetricFamily(
            "greenroom_filter_errors",
            "Frames at which the filter failed, and closed.",
            value=totals["errors"],
        )
        seconds = CounterMetricFamily("greenroom_stage_seconds", "CPU time by stage.", labels=["stage"])
        runs = CounterMetricFamily("greenroom_stage_runs", "Pictures by stage.", labels=["stage"])
        for stage in STAGES:
            seconds.add_metric([stage], totals[stage + " microseconds"] / 1e6)
            runs.add_metric([stage], totals[stage + " runs"])
        yield seconds
        yield runs
        transferred = CounterMetricFamily(
            "greenroom_media_bytes", "RTP payload: video in, everything out.", labels=["direction"]
        )
        for direction in DIRECTIONS:
            transferred.add_metric([direction], totals["bytes " + direction])
        yield transferred
        refused = CounterMetricFamily(
            "greenroom_datagrams_refused", "Datagrams that were dropped unread, by why.", labels=["kind"]
        )
        for kind in get_args(Kind):
            refused.add_metric([kind], REFUSALS.counts[kind])
        yield refused

    def _gauges(self) -> Iterator[Metric]:
        rooms = self._rooms.open_rooms.all()
        inside = sum(len(room.members) for room in rooms)
        everybody = sum(len(room.memberships) for room in rooms)
        yield GaugeMetricFamily("greenroom_rooms", "Rooms with somebody in them.", value=len(rooms))
        people = GaugeMetricFamily("greenroom_participants", "People, by where they are.", labels=["state"])
        people.add_metric(["room"], inside)
        people.add_metric(["lobby"], everybody - inside)
        yield people
        cameras = GaugeMetricFamily(
            "greenroom_hidden_cameras",
            "Cameras that the server covers or stops for the moment, by why.",
            labels=["why"],
        )
        hidden = Counter(m.participant.hidden.why for room in rooms for m in room.memberships)
        for why in get_args(Why):
            cameras.add_metric([why], hidden[why])
        yield cameras
        yield GaugeMetricFamily(
            "greenroom_remote_workers",
            "Workers of other machines that are there.",
            value=self._rooms.media.workers.remote,
        )
        governor = self._rooms.governor
        yield GaugeMetricFamily(
            "greenroom_load_level",
            "What is given up because of the load; 0 is nothing.",
            value=governor.given_up,
        )
        asked = [governor.pixels(m.participant.id) for room in rooms for m in room.memberships]
        yield GaugeMetricFamily(
            "greenroom_large_cameras",
            "Cameras that are asked for pictures larger than 360p.",
            value=sum(pixels > USUAL_PICTURE for pixels in asked),
        )
        yield GaugeMetricFamily(
            "greenroom_small_cameras",
            "Cameras that are asked for pictures smaller than 360p.",
            value=sum(pixels < USUAL_PICTURE for pixels in asked),
        )
        yield GaugeMetricFamily(
            "greenroom_frame_rate_limit",
            "Pictures a second that a camera may show at the present load.",
            value=governor.level.frame_rate,
        )
