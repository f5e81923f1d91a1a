"""What a participant publishes: the wall between what a camera sends and what anybody receives."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Generic, TypeVar

from server.core.errors import DecodeError, EncodeError
from server.core.token_bucket import TokenBucket
from server.media.codec.encoder import SMALL, SMALL_BITRATE, FilteredVideo
from server.media.codec.frames import VIDEO_CLOCK_RATE
from server.media.fair_shares import KEYFRAMES_ONLY
from server.media.governor import FULL
from server.media.layer_selection import BitrateTier
from server.media.lip_sync import PictureAge
from server.media.load import LoadMeter, Pace
from server.media.rtc import EncodedFrame, Timeline, VideoReceiver, ntp_now
from server.media.subscription import FilteredVideoSink, Packets
from server.media.workers.base import Transcoded, Transcoding

logger = logging.getLogger(__name__)

MAX_AGE = 0.1  # seconds a frame may wait while newer ones wait behind it
MAX_WAITING = 64  # encoded frames; beyond that the sender starts again with a keyframe
MAX_WAITING_BYTES = 1 << 22  # the same; beside the largest background they fit into a message (wire.py)
RATE_WEIGHT = 0.3  # of what was encoded since the last look
MAX_FRAME_RATE = 75.0
"""Frames a second that are taken of a camera, as a rate and as a burst: 2.5 times what cameras are asked for."""
KEYFRAME_INTERVAL = 0.3
"""Seconds; requests in between are answered together, and ours to the camera so far apart."""


Sink = TypeVar("Sink")


class Publication(Generic[Sink]):
    """Whatever is sent to several: a camera, a microphone (microphone.py), a screen (screen.py)."""

    def __init__(self) -> None:
        self._subscriptions: list[Sink] = []

    def subscribe(self, subscription: Sink) -> None:
        """Send this publication to one more, a picture from a keyframe on."""
        self._subscriptions.append(subscription)

    def unsubscribe(self, subscription: Sink) -> None:
        """Send no more to one of them; there is no need that it is one."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)


class VideoPublication(Publication[FilteredVideoSink]):
    """One participant's camera, as the others see it: encoded once, sent to every subscriber.

    Encoded camera frames go in by `receive`; only what the Transcoder made of a FilteredFrame comes out. Bounded:
    frames that waited longer than MAX_AGE are decoded (later ones need them) and not shown.
    """

    def __init__(self, transcoder: Transcoding, meter: LoadMeter) -> None:
        super().__init__()
        self.transcoder = transcoder
        self.frame_rate = FULL.frame_rate
        self.max_bitrate = FULL.bitrate
        self.received = self.droppable = 0
        self.sent = 0
        self.withheld = 0
        self.delay: float | None = None
        self.age = PictureAge()
        self.paused = False
        self.held_back = False
        """Whether it has fewer pictures than others, because they cost more."""
        self.sending = 0.0
        """Seconds of CPU time that the event loop has spent on its pictures."""
        self.shown_large = False
        """Whether receivers show it large, as of who speaks or is spotlit; it is cut down last."""
        self._meter = meter
        self._waiting: deque[EncodedFrame] = deque()
        self._frames = TokenBucket(MAX_FRAME_RATE, MAX_FRAME_RATE)
        self._skipping = False
        self._asked = float("-inf")
        self._busy = False
        self._closed = False
        self._reset = False
        self._kept = False  # whether the transcoder may hold pictures
        self._source: VideoReceiver | None = None
        self._keyframe_wanted = True
        self._keyframe_sent = 0.0
        self._tier = BitrateTier(transcoder.bitrate)
        self.rate = 0.0
        """What the pictures really take, bit/s, smoothed."""
        self._encodings: list[str] = []
        self._encoded = 0.0
        self._adapted: float | None = None
        self._timeline = Timeline(VIDEO_CLOCK_RATE)
        self._pace = Pace(VIDEO_CLOCK_RATE)
        self._due = 0

    def attach(self, source: VideoReceiver | None) -> None:
        """Take the frames of another receiver from now on; what the last one sent is forgotten."""
        self._source = source
        self._timeline.restart()
        self.reset()

    def subscribe(self, subscription: FilteredVideoSink) -> None:
        """See Publication."""
        super().subscribe(subscription)
        self.request_keyframe()

    def request_keyframe(self) -> None:
        """Make the next encoded picture a keyframe; many requests at once cost one."""
        self._keyframe_wanted = True

    @property
    def bitrate(self) -> float:
        """What the pictures take from now on, bit/s: no more than the encoder is set to."""
        return min(self.rate, self.transcoder.bitrate)

    def adapt(self, now: float) -> None:
        """Encode at the bit rate that the subscribers can take; `now` in seconds of the monotonic clock."""
        if self._adapted is not None and now > self._adapted:
            self.rate += RATE_WEIGHT * (8 * self._encoded / (now - self._adapted) - self.rate)
        self._encoded, self._adapted = 0.0, now
        self._follow(now)

    def encodes(self, encoding: str) -> bool:
        """Tell whether there is that encoding already, so that whoever wants it needs a keyframe."""
        return encoding in self._encodings

    def _follow(self, now: float) -> None:
        shares = [s.share for s in self._subscriptions if not s.own] or [s.share for s in self._subscriptions]
        tier = self._tier.update(now, shares, self.transcoder.pixels)
        self.transcoder.bitrate = min(tier, self.max_bitrate)

    def ask_for(self, bitrate: int | None) -> None:
        """Ask the sender for no more than so many bit/s; None for what it likes."""
        if self._source is not None:
            self._source.ask_for(bitrate)

    def reset(self) -> None:
        """Forget the picture, also where it waits for a line: next is a placeholder until the person is found again."""
        self._waiting.clear()
        for subscription in self._subscriptions:
            subscription.drop()
        self._break()
        self._reset = True
        self._due = 0
        self._start()

    def close(self) -> None:
        """Send nothing any more."""
        self._closed = True
        self._waiting.clear()
        self._subscriptions.clear()
        self.transcoder.close()

    def receive(self, frame: EncodedFrame) -> None:
        """Take the next encoded camera frame, in decode order, on the event loop."""
        if self._closed or self.paused:
            return
        self.received += 1
        self.droppable += frame.droppable
        if not self._affordable(frame):
            self.withheld += 1
            return
        size = len(frame.data) + sum(len(waiting.data) for waiting in self._waiting)
        if len(self._waiting) >= MAX_WAITING or size > MAX_WAITING_BYTES:
            self.reset()
            self._ask_sender_for_keyframe()
            return
        timestamp = self._timeline.ticks(frame.timestamp, frame.arrival)
        arrival = self._pace.smooth(timestamp, frame.arrival)
        self._waiting.append(frame._replace(timestamp=timestamp, arrival=arrival))
        self._start()

    def _affordable(self, frame: EncodedFrame) -> bool:
        """Tell whether a frame is taken; a camera that sends too many loses what comes before its next keyframe.

        Of one that is held to a few pictures a second only keyframes are taken: to decode what lies between them for
        nothing would keep a worker from the others for long.
        """
        now = time.monotonic()
        held = self.held_back and self.frame_rate <= KEYFRAMES_ONLY
        missed = (held or self._skipping) and not frame.keyframe
        self._skipping = missed or not self._frames.take(1, now)
        pause = 1 / self.frame_rate if held else KEYFRAME_INTERVAL
        if (held or self._skipping) and now - self._asked > pause:
            self._asked = now
            self._ask_sender_for_keyframe()
        return not self._skipping

    def _start(self) -> None:
        if self._busy or self._closed:
            return
        now = time.monotonic()
        batch = self._next_batch(now)
        if not batch and not (self._reset and self._kept):
            return
        self._kept = bool(batch)
        codecs = sorted({e for s in self._subscriptions for e in (s.encoding, s.wanted)}) or ["VP8"]
        self._encodings = codecs
        keyframe = bool(batch) and self._keyframe_wanted and now - self._keyframe_sent > KEYFRAME_INTERVAL
        if keyframe:
            self._keyframe_wanted, self._keyframe_sent = False, now
        reset, self._reset = self._reset, False
        self._busy = True
        job = self.transcoder.submit(batch, codecs, keyframe=keyframe, reset=reset)
        job.add_done_callback(lambda done: self._done(done, codecs, keyframe))

    def _next_batch(self, now: float) -> list[EncodedFrame]:
        """Take the frames up to the next one to show; none while that one has yet to come."""
        show = 0
        for i, frame in enumerate(self._waiting):
            if frame.timestamp >= self._due:
                show = i + 1
                if now - frame.arrival <= MAX_AGE:
                    break
        batch = [self._waiting.popleft() for _ in range(show)]
        if batch:
            self.withheld += show - 1
            # Nothing refers to what came before a keyframe.
            batch = batch[max((i for i, frame in enumerate(batch) if frame.keyframe), default=0) :]
            shown, interval = batch[-1].timestamp, round(VIDEO_CLOCK_RATE / self.frame_rate)
            batch = [frame for frame in batch[:-1] if not frame.droppable] + batch[-1:]
            # Cameras jitter; but what was missed long ago is not made up for.
            self._due = max(self._due + interval, shown + interval // 4)
        return batch

    def _done(self, job: asyncio.Future[Transcoded], codecs: list[str], keyframe: bool) -> None:
        start = time.thread_time()
        self._busy = False
        if self._closed or job.cancelled():
            return
        error = job.exception()
        if error is None:
            videos, wait, busy, broken = job.result()
            if broken:
                self._ask_sender_for_keyframe()
            # What waits because it is held back says nothing about what the others wait for.
            self._meter.note(wait=None if self.held_back else wait, busy=busy)
            self.delay = wait + busy if self.delay is None else 0.9 * self.delay + 0.1 * (wait + busy)
            if videos:
                self._fan_out(dict(zip(codecs, videos, strict=True)))
            else:
                self._keyframe_wanted |= keyframe
        else:
            self._withhold(error)
        self._start()
        self.sending += time.thread_time() - start

    def _withhold(self, error: BaseException) -> None:
        self.withheld += 1
        self._due = 0
        self._break()
        if isinstance(error, DecodeError):
            self._waiting.clear()
            self._ask_sender_for_keyframe()
        elif not isinstance(error, EncodeError):
            logger.error("publication failed; its frame is withheld", exc_info=error)

    def _break(self) -> None:
        """An encoded picture is not sent, so the next one must not refer to it."""
        self._keyframe_wanted, self._keyframe_sent = True, 0.0

    def _ask_sender_for_keyframe(self) -> None:
        if self._source is not None:
            self._source.request_keyframe()

    def _fan_out(self, videos: dict[str, FilteredVideo]) -> None:
        if self._reset or self.paused:
            self._break()
            return
        self.sent += 1
        self._encoded += _full_size(videos, self.transcoder.bitrate)
        packets = Packets(self.sent)
        captured = self._captured_at(next(iter(videos.values())).timestamp)
        if captured is not None:
            self.age.note((ntp_now() - captured) / (1 << 32), time.monotonic())
        for subscription in self._subscriptions:
            wanted = videos.get(subscription.wanted)
            if wanted is not None and wanted.keyframe:
                subscription.encoding = subscription.wanted
            video = videos.get(subscription.encoding)
            if video is not None:
                subscription.deliver(video, packets, captured)

    def _captured_at(self, timestamp: int) -> int | None:
        """Return the NTP time at which the camera took the picture with that outgoing timestamp."""
        stamped = self._timeline.timestamp(timestamp)
        return self._source.capture_ntp(stamped) if self._source is not None and stamped is not None else None


def _full_size(videos: Mapping[str, FilteredVideo], bitrate: int) -> float:
    """Return the bytes of a picture encoded at `bitrate`, or what they would be where only the small one is made."""
    full = [len(video.data) for encoding, video in videos.items() if encoding != SMALL]
    return max(full) if full else len(videos[SMALL].data) * bitrate / SMALL_BITRATE
