"""A camera whose frames are worked on in another process, as this process sees it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Protocol

from filters.backgrounds.background import Background
from filters.base import Outcome
from server.core.errors import DecodeError, EncodeError, WorkerError
from server.media.codec.encoder import FilteredVideo
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import StageTimes
from server.media.workers.base import Transcoded
from server.media.workers.wire import Job

COUNTERS: Final = ("outcomes", "errors", "inferences", "inference_time")


class AnyWorker(Protocol):
    """A worker process, here or on another machine."""

    @property
    def ready(self) -> bool:
        """Tell whether it can be given a camera."""
        ...

    def send(self, job: Job) -> None:
        """Send a job, without ever waiting."""
        ...

    def close_camera(self, camera: int) -> None:
        """Have a camera forgotten."""
        ...

    def kill(self) -> None:
        """End what it is doing, with all its cameras; it comes back."""
        ...

    def close(self) -> None:
        """End it for good."""
        ...


class Balance(Protocol):
    """Knows who works for whom."""

    def least(self, camera: RemoteTranscoding | None) -> AnyWorker:
        """Return the worker with the fewest cameras; the present one of a camera if moving gains nothing."""
        ...

    def forget(self, camera: RemoteTranscoding) -> None:
        """Count a camera no more."""
        ...


class RemoteFilter:
    """The FilterControl of a PersonFilter in a worker. Counters are those of the last job, crashes survived."""

    def __init__(self, background: Background) -> None:
        self.network_interval = 1
        self.full_blur = False
        self.outcomes = Counter[Outcome]()
        self.errors = self.inferences = 0
        self.inference_time = 0.0
        self.failing = False
        self.wanted_plate: bool | None = None
        self.changed = True
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
        self.changed = True

    @property
    def plate(self) -> str:
        """See PersonFilter."""
        return "recording" if self.wanted_plate else self._plate

    def want_plate(self, wanted: bool) -> None:
        """See PersonFilter."""
        self.wanted_plate = wanted

    def update(self, status: dict[str, Any]) -> None:
        """Take what the worker says after a job."""
        counted = status | {"outcomes": Counter({o: int(status["outcomes"].get(o, 0)) for o in Outcome})}
        for name in COUNTERS:
            setattr(self, name, self._before[name] + counted[name])
        self.failing, self._plate = bool(status["failing"]), str(status["plate"])

    def restart(self) -> None:
        """Go on counting with a new worker, which knows nothing."""
        self._before = {name: getattr(self, name) for name in COUNTERS}
        self._plate = "none"
        self.changed = True


class RemoteTranscoding:
    """The Transcoding of one camera in a worker."""

    def __init__(self, workers: Balance, camera: int, control: RemoteFilter, bitrate: int) -> None:
        self.bitrate = bitrate
        self.pixels = 0
        self.times = StageTimes()
        self.camera = camera
        self.since: float | None = None
        self._arrival = 0.0
        self._workers = workers
        self._control = control
        self._worker = workers.least(None)
        self._job: asyncio.Future[Transcoded] | None = None
        self._before = StageTimes()

    @property
    def worker(self) -> AnyWorker:
        """The process that works for this camera."""
        return self._worker

    def submit(
        self, frames: Sequence[EncodedFrame], codecs: Sequence[str], *, keyframe: bool, reset: bool
    ) -> asyncio.Future[Transcoded]:
        """See Transcoding. Raises WorkerError through the future when the worker ends."""
        if reset or not self._worker.ready:
            self._move()
        control = self._control
        background = control.background if control.changed else None
        plate, control.wanted_plate, control.changed = control.wanted_plate, None, False
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
        )
        self._job = asyncio.get_running_loop().create_future()
        self.since = time.monotonic()
        self._arrival = frames[-1].arrival if frames else self.since
        self._worker.send(job)
        return self._job

    def answer(self, answer: dict[str, Any], videos: list[FilteredVideo]) -> None:
        """Take the worker's answer to the job."""
        status = answer["status"]
        self._control.update(status)
        self.pixels = int(status["pixels"])
        self.times = self._before + StageTimes(**status["times"])
        match answer["error"]:
            case None:
                busy = float(answer["busy"])
                # By this machine's clock alone; the way to the worker and back counts as waiting.
                wait = max(0.0, time.monotonic() - self._arrival - busy)
                self._end(Transcoded(videos, wait, busy))
            case ["decode", text]:
                self._end(DecodeError(text))
            case ["encode", text]:
                self._end(EncodeError(text))
            case [_, text]:
                self._end(WorkerError(text))

    def lost(self) -> None:
        """The worker has ended: go on with the one that takes its place."""
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
        """Change to a worker with less to do: where the stream begins anew, nothing is lost by that."""
        least = self._workers.least(self)
        if least is not self._worker:
            self._worker.close_camera(self.camera)
            self._worker = least
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
