"""The server's end of a worker: the process, and the socket to it."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from filters.matting.segmenter import ModelCard
from server.config.interpreter import python_command, python_environment
from server.core.backoff import Backoff
from server.media.codec.encoder import FilteredVideo
from server.media.workers.base import Owner, Place
from server.media.workers.wire import Job, Messages, end_of, read_answer, write_card, write_job

logger = logging.getLogger(__name__)

READ_SIZE: Final = 1 << 18  # bytes of one read; chosen
RESTART_PAUSE: Final = 1.0  # seconds before the first attempt to replace a process
LONGEST_PAUSE: Final = 30.0  # seconds between attempts that fail
START_LIMIT: Final = 60.0  # seconds until a process has loaded its network, on a machine that is busy
ENDING: Final = 2.0  # seconds that a process may take to end


class Worker:
    """One process and the socket to it. What is sent is bounded, because every camera has one job at a time.

    A process that ends is replaced, sooner or later: every attempt that fails makes the next one wait longer.
    """

    def __init__(self, card: ModelCard, words: Sequence[str], owner: Owner) -> None:
        """Start `python -m server.media.workers.program FD` with these words, and give it a network."""
        self.ready = False
        """Whether there is a process, and it has loaded its network."""
        self._card = write_card(card)
        self._words = words
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._outgoing = bytearray()
        self._messages = Messages()
        self._jobs = deque[int]()
        self._started = 0.0
        self._pauses = Backoff(RESTART_PAUSE, LONGEST_PAUSE)
        self._closed = False
        self._start()

    @property
    def place(self) -> Place:
        """See AnyWorker."""
        return Place(id(self), here=True)

    @property
    def running(self) -> bool:
        """Whether there is a process, though it may still be starting."""
        return self._socket is not None

    @property
    def process(self) -> int | None:
        """The number of the process; None where there is none, or it has not loaded its network."""
        return self._process.pid if self.ready and self._process is not None else None

    def send(self, job: Job) -> None:
        """Send a job, without ever waiting; for the bin where no process is running."""
        if self._socket is None:
            return
        if job.frames is not None:
            self._jobs.append(job.camera)
        self._outgoing += write_job(job)
        self._write()

    def close_camera(self, camera: int) -> None:
        """Have a camera forgotten."""
        self.send(end_of(camera))

    def kill(self) -> None:
        """End the process; another one takes its place."""
        if self._process is not None:
            self._process.kill()

    def check(self, now: float) -> None:
        """End a process that takes too long to start; `now` in seconds of the monotonic clock."""
        if self.running and not self.ready and now - self._started > START_LIMIT:
            logger.error("a media worker does not start; it is ended")
            self.kill()

    def close(self) -> None:
        """End the process for good, after what it is just doing."""
        self._closed = True
        self._disconnect()

    def _start(self) -> None:
        """Start a process; raises OSError when this machine has none, or no descriptor, to spare."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = _program(theirs, self._words)
            ours.setblocking(False)
            self._loop.add_reader(ours, self._read)
        except BaseException:
            ours.close()
            self.kill()
            raise
        self._socket, self._started = ours, time.monotonic()
        self._outgoing += self._card
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
        try:
            for message in self._messages.add(data):
                self._take(*read_answer(message))
        except Exception:  # noqa: BLE001 - a worker that a codec's flaw has taken over may answer anything
            logger.error("a media worker answers nonsense")
            self.kill()
            self._lost()

    def _take(self, answer: dict[str, Any], videos: list[FilteredVideo]) -> None:
        """Take an answer, of which the first one tells that the network is loaded."""
        if not self.ready:
            self._begin()
        else:
            self._jobs.popleft()
            self._owner.answer(self, answer, videos)

    def _begin(self) -> None:
        self.ready = True
        self._pauses.reset()
        self._owner.started(self)

    def _lost(self) -> None:
        camera = self._jobs[0] if self._jobs and self.ready else None
        self._disconnect()
        if not self._closed:
            logger.error("a media worker has ended; another one is started")
            self._loop.call_later(self._pauses.pause(), self._restart)
            self._owner.lost(self, camera)

    def _restart(self) -> None:
        if self._closed:
            return
        try:
            self._start()
        except (OSError, subprocess.SubprocessError) as error:
            logger.error("a media worker can't be started, for now: %s", error)
            self._process = None
            self._loop.call_later(self._pauses.pause(), self._restart)

    def _disconnect(self) -> None:
        connection, self._socket = self._socket, None
        process, self._process = self._process, None
        self.ready = False
        self._outgoing.clear()
        self._messages = Messages()
        self._jobs.clear()
        if connection is not None:
            self._loop.remove_reader(connection)
            self._loop.remove_writer(connection)
            connection.close()
        if process is not None:
            try:
                self._loop.run_in_executor(None, _reap, process)
            except RuntimeError:  # no thread to spare; subprocess reaps it when the next process is started
                process.kill()


def _program(connection: socket.socket, words: Sequence[str]) -> subprocess.Popen[bytes]:
    # Keys and secrets may be in the environment; codecs need not be near them.
    return subprocess.Popen(
        python_command("server.media.workers.program", str(connection.fileno()), *words),
        pass_fds=[connection.fileno()],
        stdin=subprocess.DEVNULL,
        env=python_environment(),
    )


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
