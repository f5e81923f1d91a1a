"""What a participant's microphone publishes: sound, forwarded encoded, at the age of the pictures that belong to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from server.core.token_bucket import TokenBucket
from server.media.codec.frames import AUDIO_CLOCK_RATE
from server.media.lip_sync import PictureAge, SoundWait
from server.media.publication import Publication
from server.media.rtc import AudioPacket, AudioReceiver, TimedQueue, Timeline, ntp_now
from server.media.subscription import AudioSink

MAX_PACKETS: Final = 200.0
"""Packets a second that are passed on, and at once after a gap: one for each 5 ms, where browsers send one for 20."""
MAX_BYTES: Final = 510_000 / 8
"""Bytes of them, of what Opus takes at most (RFC 7587, section 6.1). More would be sent to everybody, unasked."""


class _HeldPacket(NamedTuple):
    """A packet that waits for its picture."""

    packet: AudioPacket
    captured: int | None
    heard: bool


class AudioPublication(Publication[AudioSink]):
    """One participant's microphone: Opus packets, forwarded as they are.

    With the age of a camera's pictures they are held back until they are as old (lip_sync).
    """

    def __init__(self, picture: PictureAge | None = None) -> None:
        super().__init__()
        self.paused = False
        self.on_level: Callable[[int], bool] = lambda level: True
        """Takes a packet's level in -dBov, tells whether the room hears it."""
        self._source: AudioReceiver | None = None
        self._timeline = Timeline(AUDIO_CLOCK_RATE)
        self._packets = TokenBucket(MAX_PACKETS, MAX_PACKETS)
        self._bytes = TokenBucket(MAX_BYTES, MAX_BYTES)
        self._wait = SoundWait(picture)
        self._waiting = TimedQueue(self._send)

    def attach(self, source: AudioReceiver | None) -> None:
        """Take the packets of another receiver from now on."""
        self._source = source
        self._timeline.restart()

    def receive(self, packet: AudioPacket) -> None:
        """Take the next Opus packet, on the event loop, and send it on once its picture leaves.

        What is more than any sound needs is dropped.
        """
        if self.paused:
            return
        now = time.monotonic()
        if not (self._packets.take(1, now) and self._bytes.take(len(packet.data), now)):
            return
        heard = packet.level is None or self.on_level(packet.level)
        captured = self._source.capture_ntp(packet.timestamp) if self._source is not None else None
        age = None if captured is None else (ntp_now() - captured) / (1 << 32)
        packet = packet._replace(timestamp=self._timeline.ticks(packet.timestamp, now))
        self._waiting.put(_HeldPacket(packet, captured, heard), now + self._wait.update(age, now), now)

    def _send(self, waiting: _HeldPacket) -> None:
        if self.paused:  # muted meanwhile
            return
        for subscription in self._subscriptions:
            if waiting.heard or not subscription.loudest_only:
                subscription.deliver(waiting.packet, waiting.captured)

    def close(self) -> None:
        """Send nothing any more."""
        self._subscriptions.clear()
        self._waiting.close()
