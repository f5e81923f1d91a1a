"""The server's end of a worker: the process, and the socket to it."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from server.config.interpreter import python_command, python_environment
from server.media.codec.encoder import FilteredVideo
from server.media.workers.wire import Job, Messages, end_of, read_answer, write_job

logger = logging.getLogger(__name__)

READ_SIZE: Final = 1 << 18
RESTART_PAUSE: Final = 1.0  # seconds
ENDING: Final = 2.0  # seconds that a process may take to end

OnAnswer: TypeAlias = Callable[["Worker", dict[str, Any], list[FilteredVideo]], None]
OnLost: TypeAlias = Callable[["Worker"], None]


class Worker:
    """One process and the socket to it. What is sent is bounded, because every camera has one job at a time."""

    def __init__(self, command: Sequence[str], on_answer: OnAnswer, on_lost: OnLost) -> None:
        """Start `python -m server.media.workers.program` with the words of `command` after its socket."""
        self._command = command
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._outgoing = bytearray()
        self._messages = Messages()
        self._closed = False
        self._start()

    @property
    def ready(self) -> bool:
        """Tell that it can be given a camera: what is sent waits until it has started."""
        return True

    def send(self, job: Job) -> None:
        """Send a job, without ever waiting."""
        self._outgoing += write_job(job)
        self._write()

    def close_camera(self, camera: int) -> None:
        """Have a camera forgotten."""
        self.send(end_of(camera))

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
            self._process = subprocess.Popen(
                python_command("server.media.workers.program", str(theirs.fileno()), *self._command),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=python_environment(),
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
        try:
            for message in self._messages.add(data):
                self._on_answer(self, *read_answer(message))
        except Exception:  # noqa: BLE001 - a worker that a codec's flaw has taken over may answer anything
            logger.error("a media worker answers nonsense")
            self.kill()
            self._lost()

    def _lost(self) -> None:
        self._disconnect()
        if not self._closed:
            logger.error("a media worker has ended; another one is started")
            self._on_lost(self)
            self._loop.call_later(RESTART_PAUSE, self._restart)

    def _restart(self) -> None:
        if not self._closed:
            self._start()

    def _disconnect(self) -> None:
        connection, self._socket = self._socket, None
        process, self._process = self._process, None
        self._outgoing.clear()
        self._messages = Messages()
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
