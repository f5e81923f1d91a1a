"""A worker: a process that decodes, filters and encodes, and knows neither network nor room.

    python -m server.media.workers.program FD SMOOTHER LOG_FORMAT     (started by process.py)

The network comes first over the socket FD: it is the one that the server has read and names, whatever has become of its
file. The first answer tells that it is loaded. Then camera frames come in encoded and leave filtered and encoded; see
wire.py.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from filters.matting.segmenter import Segmenter
from filters.matting.smoother import SMOOTHERS
from filters.person import PersonFilter
from server.config.options import PICTURES
from server.core.core_dumps import forbid_core_dumps
from server.core.errors import DecodeError, EncodeError
from server.core.logs import configure_logging
from server.media.codec.transcoder import Transcoder
from server.media.workers.base import Transcoded, transcoded
from server.media.workers.inbox import Inbox
from server.media.workers.wire import Job, read_card, read_job, write_answer

logger = logging.getLogger(__name__)

NICENESS: Final = 5
"""What is received and sent must not wait for pictures that are worked on."""

PUT_OFF: Final = 1.0
"""Pictures by which a look of the network comes later while other cameras wait for their worker, once less than every
picture has one. Chosen: in a simulated queue two shorten the waits little further."""


class _Camera:
    """One camera's filter and codecs."""

    def __init__(self, segmenter: Segmenter, smoother: str, job: Job) -> None:
        if job.background is None:
            raise ValueError("a camera begins with a background")
        self._filter = PersonFilter(segmenter, job.background, smoother=SMOOTHERS[smoother]())
        self._transcoder = Transcoder(self._filter, job.bitrate)
        self._done = 0.0
        """Seconds of CPU time of the last job's stages."""

    def work(self, job: Job, *, others_wait: bool = False) -> bytes:
        """Do a job, while the jobs of other cameras wait for it or none does; return the answer."""
        times = self._transcoder.times
        self._done = times.seconds
        self._tell(job, others_wait=others_wait)
        error, done = None, Transcoded([], 0.0, 0.0)
        try:
            done = transcoded(
                self._transcoder, job.frames or [], job.codecs, keyframe=job.keyframe, reset=job.reset
            )
        except DecodeError as failure:
            error = ["decode", str(failure)]
        except EncodeError as failure:
            error = ["encode", str(failure)]
        except Exception as failure:  # noqa: BLE001 - a worker serves others as well; the frame is withheld
            error = ["other", f"{type(failure).__name__}: {failure}"]
        self._done = times.seconds - self._done
        answer = {"camera": job.camera, "error": error, "status": self._status()}
        return write_answer(answer | {"busy": done.busy, "broken": done.broken}, done.videos)

    def charge(self, seconds: float) -> None:
        """Charge the CPU time since the end of the job before this one, of which the stages are known already."""
        self._transcoder.times.other += max(0.0, seconds - self._done)

    def _tell(self, job: Job, *, others_wait: bool) -> None:
        if job.background is not None:
            self._filter.background = job.background
        if job.plate is not None:
            self._filter.want_plate(job.plate)
        self._filter.network_interval = _interval(job.network_interval, others_wait=others_wait)
        self._filter.full_blur = job.full_blur
        for target in job.follow:
            self._filter.follow(target)
        self._filter.effects = job.effects
        self._transcoder.bitrate = job.bitrate

    def _status(self) -> dict[str, Any]:
        made = self._filter
        return {
            "outcomes": made.outcomes,
            "errors": made.errors,
            "failing": made.failing,
            "plate": made.plate,
            "followed": made.followed,
            "inferences": made.inferences,
            "inference_time": made.inference_time,
            "pixels": self._transcoder.pixels,
            "times": asdict(self._transcoder.times),
        }


def _interval(interval: float, *, others_wait: bool) -> float:
    """Return the pictures per look now: one that is merely due is put off, so that others need not wait for it."""
    return interval + PUT_OFF if interval > 1 and others_wait else interval


def run(connection: socket.socket, smoother: str) -> None:
    """Work until the server closes its end; raise ValueError for what is no job."""
    cameras: dict[int, _Camera] = {}
    inbox = Inbox(connection)
    begin = inbox.next()
    if begin is None:
        return
    card = read_card(begin)
    segmenter = Segmenter(card)
    gc.freeze()  # what was imported need not be looked through again and again
    connection.sendall(write_answer({"model": card.sha256}, []))
    before = time.process_time()
    while (content := inbox.next()) is not None:
        job = read_job(content, PICTURES, time.monotonic())
        if job.frames is None:
            cameras.pop(job.camera, None)
            forget(everything=not cameras)
            continue
        if job.camera not in cameras:
            cameras[job.camera] = _Camera(segmenter, smoother, job)
        connection.sendall(cameras[job.camera].work(job, others_wait=inbox.waiting()))
        before, began = time.process_time(), before
        cameras[job.camera].charge(before - began)


def forget(*, everything: bool) -> None:
    """Free a camera that is gone at once: it holds pictures of a room. With `everything`, give the heap back, too."""
    gc.collect()
    if everything:
        with contextlib.suppress(AttributeError, OSError):  # only glibc keeps it, and only glibc has this
            ctypes.CDLL(None).malloc_trim(0)


def main(
    fd: str, smoother: str, log_format: str, *, work: Callable[[socket.socket, str], None] | None = None
) -> None:
    """Serve on an inherited socket: `run`, or other `work`."""
    forbid_core_dumps()
    # The server ends its workers by closing their sockets, once all peers have been told.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    configure_logging(log_format, "warning")
    with socket.socket(fileno=int(fd)) as connection:
        try:
            (work or run)(connection, smoother)
        except (BrokenPipeError, ConnectionResetError):
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
