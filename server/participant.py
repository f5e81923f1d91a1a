"""Somebody in a room: a name, a background, what is published and what is received."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import Executor
from typing import Any, NamedTuple

from filters.person import PersonFilter
from filters.segmenter import Segmenter
from filters.smoother import SMOOTHERS
from server.backgrounds import Wardrobe
from server.config import Config
from server.media.load import LEVELS, Level, LoadMeter
from server.media.publication import AudioPublication, Counters, VideoPublication
from server.publisher import Publisher
from server.room import Kind
from server.subscriber import OfferSender, Stream, Subscriber


class MediaResources(NamedTuple):
    """What all participants of a process share."""

    segmenter: Segmenter
    executor: Executor
    meter: LoadMeter


class Participant:
    """One person, for as long as the seat is held; connections may come and go meanwhile."""

    publishes: tuple[Kind, ...] = ("video", "audio")

    def __init__(self, name: str, background: str, config: Config, media: MediaResources) -> None:
        self.id = "p" + secrets.token_hex(8)
        self.seat = secrets.token_urlsafe(24)
        self.name = name
        self.background = background
        self.wardrobe = Wardrobe(config)
        self.sends_audio = False
        self.sends_video = False
        self.connected = True
        self.filter = PersonFilter(
            media.segmenter, self.wardrobe.background(background), smoother=SMOOTHERS[config.smoother]()
        )
        self.video = VideoPublication(self.filter, media.executor, media.meter, bitrate=config.start_bitrate)
        self.overloaded = False
        self.audio = AudioPublication()
        self._config = config
        self._publisher = Publisher(config, self.video, self.audio)
        self._subscriber: Subscriber | None = None

    @property
    def publisher(self) -> Publisher:
        """Where the browser's offers go."""
        return self._publisher

    @property
    def subscriber(self) -> Subscriber | None:
        """What the browser receives on, once it is connected."""
        return self._subscriber

    def describe(self) -> dict[str, Any]:
        """Return the Participant of the signalling protocol."""
        return {
            "id": self.id,
            "name": self.name,
            "audio": self.sends_audio,
            "video": self.sends_video,
            "connected": self.connected,
        }

    def counters(self) -> Counters:
        """Return what became of this camera's frames."""
        video = self.video
        return Counters(
            video.received,
            self.filter.filtered,
            self.filter.slated + self.filter.covered_frames,
            video.withheld,
            self.filter.errors,
        )

    @property
    def degraded(self) -> str | None:
        """Why the picture is less than it could be: `error`, `overload`, or None."""
        return "error" if self.filter.failing else "overload" if self.overloaded else None

    def choose(self, background: str) -> None:
        """Change the background from the next frame on; raise SignalingError unknown-background."""
        self.filter.background = self.wardrobe.background(background)
        self.background = background

    def set_media(self, *, audio: bool, video: bool) -> None:
        """Note what the participant sends; without video the picture is forgotten."""
        if not video:
            self.video.reset()
        self.sends_audio, self.sends_video = audio, video
        self.audio.paused, self.video.paused = not audio, not video

    def govern(self, level: Level) -> None:
        """Give up what the server's load demands."""
        self.overloaded = level != LEVELS[0]
        self.video.frame_rate = level.frame_rate
        self.filter.network_interval = level.network_interval
        self.filter.covered = level.covered

    async def connect(self, send_offer: OfferSender) -> None:
        """Start receiving on a new connection; the one before ends."""
        await self.disconnect()
        self._subscriber = Subscriber(self._config, send_offer)
        self.connected = True

    async def disconnect(self) -> None:
        """End both connections; the seat and the publications stay."""
        self.connected = False
        subscriber, self._subscriber = self._subscriber, None
        closing = [self._publisher.close()]
        if subscriber is not None:
            closing.append(subscriber.close())
        await asyncio.gather(*closing)

    async def close(self) -> None:
        """End everything."""
        await self.disconnect()
        self.video.close()
        self.audio.close()

    def watch(self, streams: list[tuple[Participant, Kind]]) -> None:
        """Receive just these from now on."""
        if self._subscriber is not None:
            self._subscriber.watch(
                [Stream(p.id, kind, p.video if kind == "video" else p.audio) for p, kind in streams]
            )
