"""Workers that work on nothing: for participants and publications whose pictures don't matter."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from filters.backgrounds.background import Background
from filters.base import Outcome
from filters.effects import Effects
from filters.matting.follow import FollowState, Target
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import StageTimes
from server.media.workers.base import Camera, Place, Transcoded


@dataclass
class IdleFilter:
    """A FilterControl that keeps what it is told."""

    background: Background
    network_interval: float = 1
    full_blur: bool = False
    effects: Effects = field(default_factory=Effects)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    errors: int = 0
    failing: bool = False
    inferences: int = 0
    inference_time: float = 0.0
    plate: str = "none"

    followed: FollowState = "off"
    target: Target | None = None

    def want_plate(self, wanted: bool) -> None:
        pass

    def follow(self, target: Target | None) -> None:
        self.target = target


@dataclass
class IdleTranscoding:
    """A Transcoding that makes no pictures, and keeps how many frames it was given."""

    bitrate: int = 600_000
    heavy: bool = False
    pixels: int = 0
    times: StageTimes = field(default_factory=StageTimes)
    frames: int = 0
    resets: int = 0
    closed: bool = False

    @property
    def place(self) -> Place:
        return Place(0, here=True)

    def submit(
        self, frames: Sequence[EncodedFrame], codecs: Sequence[str], *, keyframe: bool, reset: bool
    ) -> asyncio.Future[Transcoded]:
        self.frames += len(frames)
        self.resets += reset
        done = asyncio.get_running_loop().create_future()
        done.set_result(Transcoded([], 0.0, 0.0))
        return done

    def close(self) -> None:
        self.closed = True


class IdleWorkers:
    """Workers that open such cameras."""

    def __init__(self) -> None:
        self.ready = 1
        self.processes: Collection[int] = ()
        self.remote = 0
        self.cores: Mapping[int, float] = {0: 1.0}
        self.on_remote_frame: Callable[[float], None] = lambda seconds: None
        self.transcodings: list[IdleTranscoding] = []
        """Of every camera so far."""

    def open(self, background: Background, bitrate: int) -> Camera:
        self.transcodings.append(IdleTranscoding(bitrate))
        return Camera(IdleFilter(background), self.transcodings[-1])

    def check(self, now: float) -> None:
        pass

    def close(self) -> None:
        pass
