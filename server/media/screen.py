"""A shared screen: the one kind of picture that passes without the filter, because it is no camera's."""

from __future__ import annotations

import time
from typing import Final

from server.core.token_bucket import TokenBucket
from server.media.codec.encoder import EncodedVideo
from server.media.codec.frames import VIDEO_CLOCK_RATE
from server.media.publication import Publication
from server.media.rtc import EncodedFrame, Timeline, VideoReceiver
from server.media.subscription import Packets, VideoSubscription

KEYFRAME_INTERVAL = 0.5  # seconds between two requests to the sender, whoever asks and however often
MAX_BYTES: Final = 5_000_000 / 8
"""Bytes a second that are passed on: of twice the bit rate that pages are told to send, as keyframes exceed it."""
BURST: Final = 4 * MAX_BYTES
"""Bytes at once: keyframes of several megapixels; chosen."""


class ScreenPublication(Publication[VideoSubscription]):
    """One participant's screen, forwarded encoded to every subscriber, each from a keyframe on."""

    def __init__(self) -> None:
        super().__init__()
        self._source: VideoReceiver | None = None
        self._timeline = Timeline(VIDEO_CLOCK_RATE)
        self._index = 0
        self._keyframe_wanted = False
        self._keyframe_asked = float("-inf")
        self._bytes = TokenBucket(BURST, MAX_BYTES)
        self._broken = False
        """Whether pictures are missing, so that only a keyframe will do."""

    def attach(self, source: VideoReceiver | None) -> None:
        """Take the pictures of another receiver from now on."""
        self._source = source
        self._timeline.restart()
        self._keyframe_wanted = False

    def subscribe(self, subscription: VideoSubscription) -> None:
        """See Publication."""
        super().subscribe(subscription)
        self.request_keyframe()

    def request_keyframe(self) -> None:
        """Ask the sender for a keyframe until one comes; many requests at once cost one."""
        self._keyframe_wanted = True
        self._ask(time.monotonic())

    def receive(self, frame: EncodedFrame) -> None:
        """Take the next encoded picture, in decode order, on the event loop, and send it on.

        What is too much for everybody's lines is dropped, until a keyframe fits.
        """
        fits = self._bytes.take(len(frame.data), frame.arrival)
        if not fits or (self._broken and not frame.keyframe):
            self._broken = self._keyframe_wanted = True
            return self._ask(frame.arrival)
        self._broken = False
        self._keyframe_wanted &= not frame.keyframe
        timestamp = self._timeline.ticks(frame.timestamp, frame.arrival)
        video = EncodedVideo(frame.data, timestamp, frame.keyframe, 0)
        packets = Packets(self._index)
        self._index += 1
        captured = self._source.capture_ntp(frame.timestamp) if self._source is not None else None
        for subscription in self._subscriptions:
            if subscription.codec == frame.codec:
                subscription.deliver(video, packets, captured)
        self._ask(frame.arrival)

    def _ask(self, now: float) -> None:
        if self._keyframe_wanted and self._source is not None:
            if now - self._keyframe_asked < KEYFRAME_INTERVAL:
                return  # a later picture asks again, as it does when the request is lost
            self._keyframe_asked = now
            self._source.send_pli()

    def close(self) -> None:
        """Send nothing any more."""
        self._subscriptions.clear()
        self._source = None
