"""A camera whose frames are worked on in another process, as this process sees it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Protocol

from filters.backgrounds.background import Background
from filters.base import Outcome
from filters.effects import Effects
from filters.matting.follow import FollowState, Target
from server.core.errors import DecodeError, EncodeError, WorkerError
from server.media.codec.encoder import FilteredVideo
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import StageTimes
from server.media.workers.base import AnyWorker, Place, Transcoded
from server.media.workers.wire import Job

FORGIVEN: Final = 60.0  # seconds after which a worker's end is no longer held against a camera
LONGEST_REST: Final = 60.0  # seconds; chosen

BACKGROUND_INTERVAL: Final = 0.5
"""Seconds between two backgrounds that a worker gets ready: a large picture keeps it from others' cameras for 0.2 s."""

COUNTERS: Final = ("outcomes", "errors", "inferences", "inference_time")


class Balance(Protocol):
    """Knows who works for whom."""

    def least(self, camera: TranscodingProxy | None) -> AnyWorker:
        """Return the worker with the fewest cameras; the present one of a camera if moving gains nothing."""
        ...

    def forget(self, camera: TranscodingProxy) -> None:
        """Count a camera no more."""
        ...


class FilterProxy:
    """The FilterControl of a PersonFilter in a worker. Counters are those of the last job, crashes survived."""

    def __init__(self, background: Background) -> None:
        self.network_interval = 1.0
        self.full_blur = False
        self.effects = Effects()
        self.outcomes = Counter[Outcome]()
        self.errors = self.inferences = 0
        self.inference_time = 0.0
        self.failing = False
        self.wanted_plate: bool | None = None
        self._target: Target | None = None
        self._target_told = True
        self._followed: FollowState = "off"
        self._unknown = self._changed = True
        self._taken = float("-inf")
        self.background = background
        self._plate = "none"
        self._before: dict[str, Any] = {name: getattr(self, name) for name in COUNTERS}

    @property
    def background(self) -> Background:
        """What is shown instead of the room, from the next frame on."""
        return self._background

    @background.setter
    def background(self, background: Background) -> None:
        self._background = background
        self._changed = True

    def due(self, now: float) -> bool:
        """Tell whether the worker is to be told the background now: at once if it knows none, not too often else."""
        due = self._unknown or (self._changed and now - self._taken >= BACKGROUND_INTERVAL)
        if due:
            self._taken, self._unknown, self._changed = now, False, False
        return due

    @property
    def plate(self) -> str:
        """See PersonFilter."""
        return "recording" if self.wanted_plate else self._plate

    def want_plate(self, wanted: bool) -> None:
        """See PersonFilter."""
        self.wanted_plate = wanted

    @property
    def followed(self) -> FollowState:
        """See PersonFilter."""
        if self._target_told:
            return self._followed
        return "off" if self._target is None else "lost"

    def follow(self, target: Target | None) -> None:
        """See PersonFilter."""
        self._target, self._target_told = target, False

    def target_to_tell(self) -> tuple[()] | tuple[Target | None]:
        """Return whom to follow from now on, in a tuple, where the worker doesn't know it yet."""
        told, self._target_told = self._target_told, True
        if told:
            return ()
        self._followed = "off" if self._target is None else "lost"
        return (self._target,)

    def update(self, status: dict[str, Any]) -> None:
        """Take what the worker says after a job."""
        counted = status | {"outcomes": Counter({o: int(status["outcomes"].get(o, 0)) for o in Outcome})}
        for name in COUNTERS:
            setattr(self, name, self._before[name] + counted[name])
        self.failing, self._plate = bool(status["failing"]), str(status["plate"])
        self._followed = status["followed"]

    def restart(self) -> None:
        """Go on counting with a new worker, which knows nothing, and until whose first answer nothing is shown."""
        self.failing = True
        self._before = {name: getattr(self, name) for name in COUNTERS}
        self._plate = "none"
        self._unknown = True
        if self._target_told and self._target is not None:
            self.follow("nobody")  # a new worker knows nobody's looks


class TranscodingProxy:
    """The Transcoding of one camera in a worker."""

    def __init__(self, workers: Balance, camera: int, control: FilterProxy, bitrate: int) -> None:
        self.bitrate = bitrate
        self.heavy = False
        self.pixels = 0
        self.times = StageTimes()
        self.camera = camera
        self.since: float | None = None
        """When the job that is running was sent, in seconds of the monotonic clock."""
        self._arrival = 0.0
        self._crashes = 0
        self._crashed = float("-inf")
        self._rests_until = float("-inf")
        self._workers = workers
        self._control = control
        self.home = self._worker = workers.least(None)
        """The worker that is to work from the next job on."""
        self._job: asyncio.Future[Transcoded] | None = None
        self._before = StageTimes()

    @property
    def worker(self) -> AnyWorker:
        """The process that works for this camera."""
        return self._worker

    @property
    def place(self) -> Place:
        """See Transcoding."""
        return self._worker.place

    def submit(
        self, frames: Sequence[EncodedFrame], codecs: Sequence[str], *, keyframe: bool, reset: bool
    ) -> asyncio.Future[Transcoded]:
        """See Transcoding. Raises WorkerError through the future when the worker ends, and while there is none."""
        if reset or not self.home.ready:
            self.home = self._workers.least(self)
        self._move()
        result = self._job = asyncio.get_running_loop().create_future()
        now = time.monotonic()
        if not self._worker.running or now < self._rests_until:
            self._control.failing = True
            self._end(WorkerError("no worker takes this camera at the moment"))
            return result
        control = self._control
        background = control.background if control.due(now) else None
        plate, control.wanted_plate = control.wanted_plate, None
        job = Job(
            self.camera,
            list(frames),
            list(codecs),
            keyframe,
            reset,
            self.bitrate,
            control.network_interval,
            control.full_blur,
            background,
            plate,
            control.effects,
            control.target_to_tell(),
        )
        self.since = now
        self._arrival = frames[-1].arrival if frames else now
        self._worker.send(job)
        return result

    def answer(self, answer: dict[str, Any], videos: list[FilteredVideo]) -> None:
        """Take the worker's answer to the job."""
        status = answer["status"]
        self._control.update(status)
        self.pixels = int(status["pixels"])
        self.times = self._before + StageTimes(**status["times"])
        match answer["error"]:
            case None:
                # By this machine's clock alone; the way to the worker and back counts as waiting.
                now = time.monotonic()
                busy = max(0.0, min(float(answer["busy"]), now - (self.since or now)))
                wait = max(0.0, now - self._arrival - busy)
                self._end(Transcoded(videos, wait, busy, bool(answer["broken"])))
            case ["decode", text]:
                self._end(DecodeError(text))
            case ["encode", text]:
                self._end(EncodeError(text))
            case [_, text]:
                self._end(WorkerError(text))

    def lost(self, *, guilty: bool) -> None:
        """The worker has ended: go on with another one, or the one that takes its place.

        A camera whose frames it was working on, again and again, rests: they may be what has ended it, and others
        need the workers.
        """
        if guilty:
            now = time.monotonic()
            self._crashes = self._crashes + 1 if now - self._crashed < FORGIVEN else 1
            self._crashed = now
            if self._crashes > 1:
                self._rests_until = now + min(LONGEST_REST, 2.0**self._crashes)
        self._control.restart()
        self._before = self.times
        self._end(WorkerError("the worker has ended"))

    def close(self) -> None:
        """See Transcoding."""
        self._worker.close_camera(self.camera)
        self._workers.forget(self)
        if self._job is not None:
            self._job.cancel()

    def _move(self) -> None:
        """Change to the worker that is to work from now on, where the stream begins anew."""
        if self.home is not self._worker:
            self._worker.close_camera(self.camera)
            self._worker = self.home
            self._control.restart()
            self._before = self.times

    def _end(self, result: Transcoded | Exception) -> None:
        job, self._job, self.since = self._job, None, None
        if job is None or job.done():
            return
        if isinstance(result, Transcoded):
            job.set_result(result)
        else:
            job.set_exception(result)
