"""One participant's peer connections: one to publish on, one to receive on, and what RTCP tells of both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from statistics import median

from server.config.options import Config
from server.media.microphone import AudioPublication
from server.media.publication import VideoPublication
from server.peers.connection_quality import ConnectionQuality, Link, LossCounter
from server.peers.publisher import Publisher
from server.peers.subscriber import OfferSender, Subscriber


class PeerConnections:
    """Connections come and go with a browser; what is published by them stays."""

    def __init__(self, config: Config, video: VideoPublication, audio: AudioPublication) -> None:
        self.publisher = Publisher(config, video, audio)
        self.subscriber: Subscriber | None = None
        """None before a browser has come, and after the end."""
        self.quality = ConnectionQuality()
        self.round_trip: float | None = None
        """Seconds."""
        self.uplink_loss = 0.0
        """Share of the packets that did not come at first."""
        self._loss_counter = LossCounter()
        self._config = config
        self._video = video
        self._audio = audio

    @property
    def paused(self) -> list[str]:
        """Whose camera can't be sent to this browser at the moment, by id."""
        return self.subscriber.paused if self.subscriber is not None else []

    def begin(self, send_offer: OfferSender) -> Awaitable[object]:
        """Begin new connections, at once; return the end of those before."""
        before = _close(self.publisher, self.subscriber)
        self.publisher = Publisher(self._config, self._video, self._audio)
        self.subscriber = Subscriber(self._config, send_offer)
        return before

    def reconnect(self, send_offer: OfferSender) -> Awaitable[object]:
        """Begin to receive on a new connection, at once; return the end of the one before."""
        before, self.subscriber = self.subscriber, Subscriber(self._config, send_offer)
        return _close(before)

    def receive(self, *, saving: bool, shows_large: str) -> None:
        """Receive every other picture of the cameras only, or all, last less of who is shown large, by id.

        That holds for the present connection.
        """
        if self.subscriber is not None:
            self.subscriber.saving, self.subscriber.shows_large = saving, shows_large

    async def close(self) -> None:
        """End both."""
        subscriber, self.subscriber = self.subscriber, None
        await _close(self.publisher, subscriber)

    def measure(self) -> None:
        """Take what RTCP has told about both directions since the last call."""
        sent, received = self.publisher.stats, self.subscriber.stats if self.subscriber is not None else []
        # Only what is received is answered by reports, so the round trip is that way's.
        round_trips = [s.rtt for s in received if s.rtt is not None]
        self.round_trip = median(round_trips) if round_trips else None
        links = [Link(s.fraction_lost or 0.0, s.rtt) for s in received if s.rtt is not None]
        if sent is not None and sent.packets:
            lost, came = sent.lost + sent.repaired, sent.packets - sent.repaired
            self.uplink_loss = self._loss_counter.update(lost, came)
            links.append(Link(self.uplink_loss, self.round_trip or 0.0))
        self.quality.update(*links)


def _close(*connections: Publisher | Subscriber | None) -> Awaitable[object]:
    return asyncio.gather(*(connection.close() for connection in connections if connection is not None))
