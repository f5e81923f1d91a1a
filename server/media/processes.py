"""Workers that are processes: they share neither the interpreter nor the fate of the server.

Python runs one thread of a process at a time, and the filter is made of many short operations: two processes get a
third more done than two threads, and the event loop waits for nobody. A codec that crashes takes its process along;
another one is started, and the cameras on it begin anew with a slate.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from filters.background import Background
from server.media.encoder import FilteredVideo
from server.media.frames import EncodedFrame
from server.media.transcoder import DecodeError, EncodeError, StageTimes
from server.media.worker import LENGTH, Job, frame_message, read_answer
from server.media.workers import Camera, Transcoded, WorkerError

logger = logging.getLogger(__name__)

ROOT: Final = Path(__file__).resolve().parents[2]
READ_SIZE: Final = 1 << 18
MAX_ANSWER: Final = 1 << 24  # bytes
PREFIX: Final = "GREENROOM_"
HANGING: Final = 10.0  # seconds that one job may take, its wait for others included
RESTART_PAUSE: Final = 1.0  # seconds
ENDING: Final = 2.0  # seconds that a process may take to end
COUNTERS: Final = ("filtered", "slated", "repeated", "covered_frames", "errors", "looks", "look_time")


class RemoteFilter:
    """The FilterControl of a PersonFilter in a worker. Counters are those of the last job, crashes survived."""

    def __init__(self, background: Background) -> None:
        self.network_interval = 1
        self.covered = False
        self.filtered = self.slated = self.repeated = self.covered_frames = self.errors = self.looks = 0
        self.look_time = 0.0
        self.failing = False
        self.wanted_plate: bool | None = None
        self.changed = True
        self.background = background
        self._plate = "none"
        self._before: dict[str, float] = dict.fromkeys(COUNTERS, 0)

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
        for name in COUNTERS:
            setattr(self, name, self._before[name] + status[name])
        self.failing, self._plate = bool(status["failing"]), str(status["plate"])

    def restart(self) -> None:
        """Go on counting with a new worker, which knows nothing."""
        self._before = {name: getattr(self, name) for name in COUNTERS}
        self._plate = "none"
        self.changed = True


class RemoteTranscoding:
    """The Transcoding of one camera in a worker."""

    def __init__(self, workers: Processes, camera: int, control: RemoteFilter, bitrate: int) -> None:
        self.bitrate = bitrate
        self.pixels = 0
        self.times = StageTimes()
        self.camera = camera
        self.since: float | None = None
        self._workers = workers
        self._control = control
        self._worker = workers.least(None)
        self._job: asyncio.Future[Transcoded] | None = None
        self._before = StageTimes()

    @property
    def worker(self) -> Worker:
        """The process that works for this camera."""
        return self._worker

    def submit(
        self, frames: Sequence[EncodedFrame], codecs: Sequence[str], *, keyframe: bool, reset: bool
    ) -> asyncio.Future[Transcoded]:
        """See Transcoding. Raises WorkerError through the future when the worker ends."""
        if reset:
            self._move()
        control = self._control
        background = pickle.dumps(control.background) if control.changed else None
        plate, control.wanted_plate, control.changed = control.wanted_plate, None, False
        job = Job(
            self.camera,
            list(frames),
            list(codecs),
            keyframe,
            reset,
            self.bitrate,
            control.network_interval,
            control.covered,
            background,
            plate,
        )
        self._job = asyncio.get_running_loop().create_future()
        self.since = time.monotonic()
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
                self._end(Transcoded(videos, float(answer["wait"]), float(answer["busy"])))
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


class Worker:
    """One process and the socket to it. What is sent is bounded, because every camera has one job at a time."""

    def __init__(self, workers: Processes, command: Sequence[str]) -> None:
        self._workers = workers
        self._command = command
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._outgoing = bytearray()
        self._incoming = bytearray()
        self._closed = False
        self._start()

    def send(self, job: Job) -> None:
        """Send a job, without ever waiting."""
        self._outgoing += frame_message(pickle.dumps(job))
        self._write()

    def close_camera(self, camera: int) -> None:
        """Have a camera forgotten."""
        self.send(Job(camera, [], [], False, False, 0, 1, False, None, None))

    def kill(self) -> None:
        """End the process; another one takes its place."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process for good, after what it is just doing."""
        self._closed = True
        self._disconnect()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # Keys and secrets may be in the environment; codecs need not be near them.
            environment = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
            path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server.media.worker", str(theirs.fileno()), *self._command],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment | {"PYTHONPATH": path},
            )
        ours.setblocking(False)
        self._socket = ours
        self._loop.add_reader(ours, self._read)
        self._write()

    def _write(self) -> None:
        if self._socket is None:
            return
        try:
            sent = self._socket.send(self._outgoing) if self._outgoing else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lost()
            return
        del self._outgoing[:sent]
        if self._outgoing:
            self._loop.add_writer(self._socket, self._write)
        else:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        self._incoming += data
        try:
            self._take()
        except Exception:  # noqa: BLE001 - a worker that a codec's flaw has taken over may answer anything
            logger.error("a media worker answers nonsense")
            self.kill()
            self._lost()

    def _take(self) -> None:
        """Give the cameras the answers that are complete."""
        while len(self._incoming) >= LENGTH.size:
            size = LENGTH.unpack_from(self._incoming)[0]
            if size > MAX_ANSWER:
                raise ValueError("too long")
            end = LENGTH.size + size
            if len(self._incoming) < end:
                return
            message = bytes(self._incoming[LENGTH.size : end])
            del self._incoming[:end]
            self._workers.answer(self, *read_answer(message))

    def _lost(self) -> None:
        self._disconnect()
        if not self._closed:
            logger.error("a media worker has ended; another one is started")
            self._workers.lost(self)
            self._loop.call_later(RESTART_PAUSE, self._restart)

    def _restart(self) -> None:
        if not self._closed:
            self._start()

    def _disconnect(self) -> None:
        connection, self._socket = self._socket, None
        process, self._process = self._process, None
        self._outgoing.clear()
        self._incoming.clear()
        if connection is not None:
            self._loop.remove_reader(connection)
            self._loop.remove_writer(connection)
            connection.close()
        if process is not None:
            self._loop.run_in_executor(None, _reap, process)


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Processes:
    """Workers in processes of their own. Made inside a running event loop."""

    def __init__(self, model: str, models: Path, count: int, smoother: str) -> None:
        """Start `count` processes with a network from the folder `models`."""
        self._cameras: dict[int, RemoteTranscoding] = {}
        self._next = 0
        self._workers = [Worker(self, (model, str(models), smoother)) for _ in range(count)]

    def open(self, background: Background, bitrate: int) -> Camera:
        """See Workers."""
        self._next += 1
        control = RemoteFilter(background)
        transcoding = RemoteTranscoding(self, self._next, control, bitrate)
        self._cameras[self._next] = transcoding
        return Camera(control, transcoding)

    def least(self, camera: RemoteTranscoding | None) -> Worker:
        """Return the worker with the fewest cameras; the present one of a camera if moving gains nothing."""
        others = [c.worker for c in self._cameras.values() if c is not camera]
        present = camera and camera.worker
        return min(self._workers, key=lambda worker: (others.count(worker), worker is not present))

    def forget(self, camera: RemoteTranscoding) -> None:
        """Count a camera no more."""
        self._cameras.pop(camera.camera, None)

    def answer(self, worker: Worker, answer: dict[str, Any], videos: list[FilteredVideo]) -> None:
        """Give a camera what a worker has answered; a worker has no say about the cameras of others."""
        camera = self._cameras.get(answer["camera"])
        if camera is not None and camera.worker is worker:
            camera.answer(answer, videos)

    def lost(self, worker: Worker) -> None:
        """Tell the cameras of a worker that it has ended."""
        for camera in list(self._cameras.values()):
            if camera.worker is worker:
                camera.lost()

    def check(self, now: float) -> None:
        """See Workers."""
        hanging = {
            c.worker for c in self._cameras.values() if c.since is not None and now - c.since > HANGING
        }
        for worker in hanging:
            logger.error("a media worker hangs; it is ended")
            worker.kill()

    def close(self) -> None:
        """See Workers."""
        for worker in self._workers:
            worker.close()
