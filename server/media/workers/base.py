"""Who works on pictures: threads of this process (threads.py), or processes of their own (pool.py).

A publication hands encoded camera frames to its Transcoding and gets encoded filtered ones back. What may be told to
the filter meanwhile, and read from it, is its FilterControl.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from filters.backgrounds.background import Background
from filters.base import Outcome
from filters.effects import Effects
from filters.matting.follow import FollowState, Target
from server.media.codec.encoder import FilteredVideo
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import StageTimes, Transcoder
from server.media.workers.wire import Job


class Transcoded(NamedTuple):
    """What came of one job: one picture per codec, or none; seconds it waited for a worker, and kept it busy."""

    videos: list[FilteredVideo]
    wait: float
    busy: float
    broken: bool = False
    """Whether the last frame was no picture of the camera's, so that only a keyframe will do."""


class Place(NamedTuple):
    """A worker, as a number, and whether it is on this machine."""

    worker: int
    here: bool


class Transcoding(Protocol):
    """A Transcoder on a worker. One job at a time."""

    bitrate: int
    heavy: bool
    """Whether this camera takes more than its share, so that others are better off on another worker."""

    @property
    def pixels(self) -> int:
        """Width times height of what was encoded last; 0 before."""
        ...

    @property
    def times(self) -> StageTimes: ...

    @property
    def place(self) -> Place:
        """Where it is worked on."""
        ...

    def submit(
        self, frames: Sequence[EncodedFrame], codecs: Sequence[str], *, keyframe: bool, reset: bool
    ) -> asyncio.Future[Transcoded]:
        """Start a job, with `reset` after forgetting the stream; see Transcoder.transcode for result and errors.

        `frames` may be empty, to forget only.
        """
        ...

    def close(self) -> None:
        """Forget everything; what is still at work is lost."""
        ...


class FilterControl(Protocol):
    """What a PersonFilter can be told between two frames, and has counted."""

    background: Background
    effects: Effects
    network_interval: float
    full_blur: bool
    outcomes: Counter[Outcome]
    errors: int
    failing: bool

    @property
    def inferences(self) -> int: ...

    @property
    def inference_time(self) -> float: ...

    @property
    def plate(self) -> str: ...

    def want_plate(self, wanted: bool) -> None: ...

    @property
    def followed(self) -> FollowState: ...

    def follow(self, target: Target | None) -> None: ...


class Camera(NamedTuple):
    """The two ends of what one camera's frames go through."""

    filter: FilterControl
    transcoding: Transcoding


class AnyWorker(Protocol):
    """A worker process, here or on another machine."""

    @property
    def place(self) -> Place:
        """Where it is."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it is there, and has loaded its network."""
        ...

    @property
    def running(self) -> bool:
        """Whether it is there, though it may still be starting."""
        ...

    def send(self, job: Job) -> None:
        """Send a job, without ever waiting; for the bin where it is not running."""
        ...

    def close_camera(self, camera: int) -> None:
        """Have a camera forgotten."""
        ...

    def kill(self) -> None:
        """End what it is doing, with all its cameras; it comes back."""
        ...

    def check(self, now: float) -> None:
        """End what takes too long to start; `now` in seconds of the monotonic clock."""
        ...

    def close(self) -> None:
        """End it for good."""
        ...


class Owner(Protocol):
    """Whoever has started a worker."""

    def answer(self, worker: AnyWorker, answer: dict[str, Any], videos: list[FilteredVideo]) -> None:
        """Take an answer."""
        ...

    def lost(self, worker: AnyWorker, camera: int | None) -> None:
        """A worker has ended, while it was at work for that camera if any."""
        ...

    def started(self, worker: AnyWorker) -> None:
        """A worker is ready."""
        ...


class Workers(Protocol):
    """All workers of a server."""

    @property
    def ready(self) -> int:
        """How many can work now."""
        ...

    @property
    def cores(self) -> Mapping[int, float]:
        """How many cores each worker that is ready can keep busy, by its number."""
        ...

    @property
    def processes(self) -> Collection[int]:
        """The process numbers of the workers of this machine that are ready and are processes of their own."""
        ...

    def open(self, background: Background, bitrate: int) -> Camera:
        """Get ready for one camera."""
        ...

    on_remote_frame: Callable[[float], None]
    """Told the seconds from a job to its answer, of every job of another machine's worker."""

    @property
    def remote(self) -> int:
        """How many workers of other machines are there now."""
        ...

    def check(self, now: float) -> None:
        """End what hangs; to be called now and then with the seconds of the monotonic clock."""
        ...

    def close(self) -> None:
        """End all work, without waiting."""
        ...


def transcoded(
    transcoder: Transcoder,
    frames: Sequence[EncodedFrame],
    codecs: Sequence[str],
    *,
    keyframe: bool,
    reset: bool,
) -> Transcoded:
    """Do one job here and now."""
    start = time.monotonic()
    if reset:
        transcoder.reset()
    videos = transcoder.transcode(frames, codecs, keyframe=keyframe)
    wait = max(0.0, start - frames[-1].arrival) if frames else 0.0
    return Transcoded(videos, wait, time.monotonic() - start, transcoder.broken)
