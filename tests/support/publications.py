"""Publications and subscriptions that only keep what happens to them."""

from __future__ import annotations

from server.media.load import LoadMeter
from server.media.microphone import AudioPublication
from server.media.publication import VideoPublication
from server.media.rtc import AudioPacket
from server.media.subscription import AudioSink, FilteredVideoSink
from tests.support.workers import IdleTranscoding


class Camera(VideoPublication):
    """A camera whose subscriptions can be counted."""

    def __init__(self) -> None:
        super().__init__(IdleTranscoding(), LoadMeter(1))
        self.sinks: list[FilteredVideoSink] = []

    def subscribe(self, subscription: FilteredVideoSink) -> None:
        self.sinks.append(subscription)

    def unsubscribe(self, subscription: FilteredVideoSink) -> None:
        self.sinks.remove(subscription)


class Voice(AudioPublication):
    """A microphone whose subscriptions can be counted."""

    def __init__(self) -> None:
        super().__init__()
        self.sinks: list[AudioSink] = []

    def subscribe(self, subscription: AudioSink) -> None:
        self.sinks.append(subscription)

    def unsubscribe(self, subscription: AudioSink) -> None:
        self.sinks.remove(subscription)


class Listener:
    """An AudioSink that keeps the packets."""

    loudest_only = False

    def __init__(self) -> None:
        self.packets: list[AudioPacket] = []

    def deliver(self, packet: AudioPacket, capture_ntp: int | None) -> None:
        self.packets.append(packet)
