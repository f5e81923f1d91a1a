"""A receiver of several videos behind a line that gets narrow: what the server decides is real, the rest simulated.

Real are the bandwidth estimator, the allocator, the subscriptions and the limits of retransmission. Simulated are
encoders, the line (a rate, a queue, a delay), and a receiver that reports, asks again and decodes as libwebrtc does:
a picture is shown when it and every one before it, back to a keyframe, are complete.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

from benchmarks.impairment import Impairment, Line
from server.media.allocator import BandwidthAllocator
from server.media.codec.encoder import BASE_LAYER_SHARE, SMALL, SMALL_BITRATE, EncodedVideo
from server.media.layer_selection import BitrateTier
from server.media.rtc import SenderStats
from server.media.rtc.bandwidth_estimator import NO_LIMIT, BandwidthEstimator, PacketResult
from server.media.rtc.pacer import Pacer
from server.media.rtc.packets import RetransmissionLimit
from server.media.subscription import VideoSubscription

INTERVAL = 1 / 30  # seconds between pictures
PACKET = 1150  # bytes
FEEDBACK = 0.05  # seconds between two feedback packets
NACK_INTERVAL = 0.02  # seconds between two looks for holes
ROUND_TRIP = 0.1  # seconds that the receiver believes in, and after which it asks again
NACKS = 10  # times that a packet is asked for
KEYFRAME_AFTER = 3.0  # seconds without a picture after which the receiver asks for a keyframe
SOUND = 125  # bytes of an Opus packet, 50 kbit/s
SILENT = 0xFFFFFFFF
KEYFRAME = 6.0  # times the mean picture
OVERHEAD = 60  # bytes of IP, UDP, SRTP and RTP headers


@dataclass
class Publication:
    """Stands for a VideoPublication: pictures in two temporal layers at a bit rate."""

    now: Callable[[], float]
    rate: float
    follows: bool
    """Whether its encoder goes down for this one receiver."""
    shown_large: bool = False

    def __post_init__(self) -> None:
        self.transcoder: Any = SimpleNamespace(bitrate=round(self.rate))
        self.most = self.rate
        self.keyframes = 0
        self.subscription: VideoSubscription | None = None
        self._tier = BitrateTier(self.transcoder.bitrate)
        self._wanted, self._last = True, float("-inf")
        self._made: dict[str, int | None] = {}
        self._random = random.Random(round(self.rate))

    @property
    def bitrate(self) -> float:
        return min(self.rate, float(self.transcoder.bitrate))

    def request_keyframe(self) -> None:
        self._wanted = True

    def encodes(self, encoding: str) -> bool:
        return encoding in self._made

    def adapt(self, now: float) -> None:
        if not self.follows or self.subscription is None:
            return
        bitrate = self._tier.update(now, [self.subscription.share], 640 * 360)
        if bitrate != self.transcoder.bitrate:
            self.transcoder.bitrate = bitrate
            self._made.pop("VP8", None)  # a new encoder begins with a keyframe
        self.rate = min(self.most, bitrate)

    def pictures(self) -> dict[str, EncodedVideo]:
        """Return the next picture in each encoding."""
        now = self.now()
        wanted = {"VP8"}
        if self.subscription is not None:
            wanted |= {self.subscription.encoding, self.subscription.wanted}
        keyframe = self._wanted and now - self._last > 0.3
        if keyframe:
            self._wanted, self._last = False, now
        self._made = {encoding: self._made.get(encoding) for encoding in wanted}
        videos = {}
        for encoding, layer in self._made.items():
            key = keyframe or layer is None
            self.keyframes += key
            layer = 0 if key or layer is None else 1 - layer
            self._made[encoding] = layer
            share = KEYFRAME if key else 2 * (BASE_LAYER_SHARE if layer == 0 else 1 - BASE_LAYER_SHARE)
            rate = self.rate if encoding != SMALL else SMALL_BITRATE
            size = rate * INTERVAL / 8 * share * self._random.uniform(0.7, 1.3)
            videos[encoding] = EncodedVideo(bytes(max(50, round(size))), round(now * 90_000), key, layer)
        return videos


@dataclass
class Stream:
    """One video on its way: stands for its RtpSender, and for the receiver's end of it."""

    room: Room
    publication: Publication
    ready: bool = True
    pictures: list[tuple[int, int, bool]] = field(default_factory=list)
    """First and last sequence number of each picture, whether it is a keyframe."""
    history: dict[int, int] = field(default_factory=dict)
    """Sizes of the packets that can be repeated."""
    arrived: set[int] = field(default_factory=set)
    shown: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.subscription = VideoSubscription(self, "VP8")  # type: ignore[arg-type]
        self.publication.subscription = self.subscription
        self._number, self._highest, self._next = 0, -1, 0
        self._missing: dict[int, tuple[int, float]] = {}
        self._limit = RetransmissionLimit()
        self._asked = 0.0

    @property
    def backlog(self) -> float:
        return self.room.pacer.wait(self.room.now)

    def on_keyframe_request(self) -> None:
        self.publication.request_keyframe()

    def send(self, payloads: Sequence[bytes], timestamp: int, *, capture_ntp: int | None = None) -> None:
        keyframe = self.room.keyframe
        due = self.room.pacer.take(sum(map(len, payloads)), self.room.now)
        self.room.later(due, lambda: self._write(payloads, keyframe))

    def _write(self, payloads: Sequence[bytes], keyframe: bool) -> None:
        first = self._number
        self._limit.sent(sum(map(len, payloads)))
        for payload in payloads:
            self.history[self._number] = len(payload)
            self.history.pop(self._number - 256, None)
            self.room.transmit(len(payload), self, self._number)
            self._number += 1
        self.pictures.append((first, self._number - 1, keyframe))

    def forget(self) -> None:
        self.history.clear()

    def drop(self) -> None:
        self.forget()

    def repeat(self, number: int) -> None:
        now = self.room.now
        size = self.history.get(number)
        if size is None:
            return
        if self._limit.allows(number, size, now, ROUND_TRIP / 2):
            self.room.pacer.take(size, now)
            self.room.transmit(size, self, number)
        elif self._limit.exhausted(now):
            self.publication.request_keyframe()

    def arrive(self, number: int) -> None:
        for hole in range(self._highest + 1, number):
            self._missing[hole] = 0, float("-inf")
        self._highest = max(self._highest, number)
        self._missing.pop(number, None)
        self.arrived.add(number)
        self._show()

    def _show(self) -> None:
        for i in range(len(self.pictures) - 1, self._next - 1, -1):
            if self.pictures[i][2] and self._complete(i):
                self._next = i
                self._missing = {n: v for n, v in self._missing.items() if n > self.pictures[i][0]}
                break
        while self._next < len(self.pictures) and self._complete(self._next):
            self.shown.append(self.room.now)
            self._next += 1

    def _complete(self, index: int) -> bool:
        first, last, _ = self.pictures[index]
        return all(number in self.arrived for number in range(first, last + 1))

    def ask(self) -> None:
        """Ask for what is missing, as the receiver."""
        now = self.room.now
        for number, (times, at) in list(self._missing.items()):
            if now - at >= ROUND_TRIP and times < NACKS:
                self._missing[number] = times + 1, now
                self.room.back(partial(self.repeat, number))
        if self.shown and now - max(self.shown[-1], self._asked) > KEYFRAME_AFTER:
            self._asked = now
            self.room.back(self.publication.request_keyframe)

    def frozen(self, start: float, end: float) -> float:
        """Return seconds in freezes as libwebrtc counts them, that began and ended in between or have not ended."""
        times = [*self.shown, max(end, self.shown[-1])] if self.shown else [start, end]
        total = 0.0
        for i in range(1, len(times)):
            recent = times[max(0, i - 30) : i]
            mean = (recent[-1] - recent[0]) / max(1, len(recent) - 1)
            gap = times[i] - times[i - 1]
            if start <= times[i - 1] and times[i] <= end and gap > max(3 * mean, mean + 0.15):
                total += gap
        return total


class Room:
    """Who watches `rates`, in bit/s, over one line."""

    def __init__(self, rates: Sequence[float], *, follows: bool = False, sound: int = 3) -> None:
        self.now = 0.0
        self.line = Line(Impairment(0.01))
        self.keyframe = False
        self.estimator, self.pacer = BandwidthEstimator(), Pacer()
        self.estimates: list[tuple[float, int | None]] = []
        self.streams = [Stream(self, Publication(lambda: self.now, rate, follows)) for rate in rates]
        self.heard = 0
        """Packets of sound that have come."""
        self._allocator = BandwidthAllocator()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._sent: list[tuple[float, int, Stream, int]] = []
        self._arrivals: dict[int, float] = {}
        self._reported, self._bytes = 0, 0
        for i, stream in enumerate(self.streams):
            self._every(INTERVAL, partial(self._picture, stream), INTERVAL * i / len(self.streams))
            self._every(NACK_INTERVAL, stream.ask)
        for i in range(sound):
            self._every(0.02, self._sound, 0.02 * i / sound)
        self._every(FEEDBACK, self._report)
        self._every(0.5, self.adapt)

    def run(self, until: float) -> None:
        """Let time pass."""
        while True:
            at = min(self._events[0][0], self.line.next_due or float("inf"))
            if at > until:
                break
            self.now = at
            if self._events[0][0] <= at:
                heapq.heappop(self._events)[2]()
            for packet in self.line.take(self.now):
                self._arrive(int.from_bytes(packet[:4], "big"))
        self.now = until

    def narrow(self, rate: float, queue: float = 0.3) -> None:
        """Let the line carry no more than so many bit/s from now on; 0 for everything."""
        self.line.impairment = Impairment(0.01, rate=rate, queue=queue)

    def transmit(self, size: int, stream: Stream, number: int) -> None:
        index = len(self._sent)
        self._sent.append((self.now, size, stream, number))
        self._bytes += size
        self.line.put(index.to_bytes(4, "big") + bytes(size + OVERHEAD - 4), self.now)

    def back(self, act: Callable[[], None]) -> None:
        """Do something when the receiver's message about it is there."""
        self.later(self.now + 0.01, act)

    def later(self, at: float, act: Callable[[], None]) -> None:
        """Do something at that time, or now."""
        if at <= self.now:
            act()
        else:
            heapq.heappush(self._events, (at, next(self._order), act))

    def adapt(self) -> None:
        for stream in self.streams:
            stream.publication.adapt(self.now)
        stats = [SenderStats(0, self._bytes, 0.02, 0.0, self.estimator.bitrate)]
        videos: Any = [(s.subscription, s.publication) for s in self.streams]
        self._allocator.adapt(self.now, stats, videos)

    def _every(self, interval: float, act: Callable[[], object], start: float = 0.0) -> None:
        def step() -> None:
            act()
            heapq.heappush(self._events, (self.now + interval, next(self._order), step))

        heapq.heappush(self._events, (start, next(self._order), step))

    def _picture(self, stream: Stream) -> None:
        subscription, videos = stream.subscription, stream.publication.pictures()
        wanted = videos[subscription.wanted]
        if wanted.keyframe:
            subscription.encoding = subscription.wanted
        video = videos[subscription.encoding]
        self.keyframe = video.keyframe
        count = -(-len(video.data) // PACKET)
        payloads = [video.data[i::count] for i in range(count)]
        packets: Any = SimpleNamespace(payloads=lambda encoding, video: payloads)
        subscription.deliver(video, packets, None)

    def _sound(self) -> None:
        """Send an Opus packet, which has no number in the feedback."""
        self.line.put(SILENT.to_bytes(4, "big") + bytes(SOUND + OVERHEAD - 4), self.now)

    def _arrive(self, index: int) -> None:
        if index == SILENT:
            self.heard += 1
            return
        self._arrivals[index] = self.now
        _, _, stream, number = self._sent[index]
        stream.arrive(number)

    def _report(self) -> None:
        if not self._arrivals:
            return
        highest = max(self._arrivals)
        results = [
            PacketResult(*self._sent[i][:2], self._arrivals.get(i))
            for i in range(self._reported, highest + 1)
        ]
        self._reported = max(self._reported, highest + 1)
        self._arrivals.clear()
        self.back(lambda: self._take(results))

    def _take(self, results: list[PacketResult]) -> None:
        lowered, bitrate = self.estimator.update(results, self.now), self.estimator.bitrate
        in_flight = sum(size for _, size, *_ in self._sent[self._reported :])
        self.pacer.limit(None if bitrate == NO_LIMIT else bitrate, self.now, in_flight if lowered else 0)
        self.estimates.append((self.now, self.estimator.bitrate))
        if lowered:
            self.adapt()
