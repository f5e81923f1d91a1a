"""A worker: a process that decodes, filters and encodes, and knows neither network nor room.

    python -m server.media.workers.program FD SMOOTHER LOG_FORMAT     (started by process.py)

The network comes first over the socket FD: it is the one that the server has read and names, whatever has become of its
file. The first answer tells that it is loaded. Then camera frames come in encoded and leave filtered and encoded. What
the server sends is pickled; what it reads is JSON and the encoded pictures, so that a broken codec here can't make the
server run anything.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import logging
import os
import pickle
import signal
import socket
import struct
import sys
from dataclasses import asdict
from typing import Any, BinaryIO, Final, NamedTuple

from filters.backgrounds.background import Background
from filters.matting.matte import MatteOptions
from filters.matting.segmenter import ModelCard, Segmenter
from filters.matting.smoother import SMOOTHERS
from filters.person import PersonFilter
from server.core.core_dumps import forbid_core_dumps
from server.core.errors import DecodeError, EncodeError
from server.core.logs import configure_logging
from server.media.codec.encoder import FilteredVideo
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import Transcoder
from server.media.workers.base import transcoded

logger = logging.getLogger(__name__)

NICENESS: Final = 5
"""What is received and sent must not wait for pictures that are worked on."""
LENGTH: Final = struct.Struct("!I")


class Job(NamedTuple):
    """One call of a Transcoder, and what has been told to the filter; `frames` None is the end of the camera.

    `background` is pickled, None where it is the one before; `plate` is what want_plate was told, None for nothing.
    """

    camera: int
    frames: list[EncodedFrame] | None
    codecs: list[str]
    keyframe: bool
    reset: bool
    bitrate: int
    network_interval: int
    full_blur: bool
    background: bytes | None
    plate: bool | None
    privacy: float = MatteOptions().privacy


def frame_message(content: bytes) -> bytes:
    """Return the content with its length before it."""
    return LENGTH.pack(len(content)) + content


def write_answer(answer: dict[str, Any], videos: list[FilteredVideo]) -> bytes:
    """Return the message of a worker: a JSON object, then the data of the pictures that it describes."""
    described = [(len(v.data), v.timestamp, v.keyframe, v.layer) for v in videos]
    head = json.dumps(answer | {"videos": described}).encode()
    return frame_message(LENGTH.pack(len(head)) + head + b"".join(v.data for v in videos))


def read_answer(content: bytes) -> tuple[dict[str, Any], list[FilteredVideo]]:
    """Undo write_answer, without the length; raise ValueError."""
    start = LENGTH.size
    end = start + LENGTH.unpack_from(content)[0]
    answer = json.loads(content[start:end])
    videos = []
    for size, timestamp, keyframe, layer in answer.pop("videos"):
        videos.append(FilteredVideo(content[end : end + size], timestamp, keyframe, layer))
        end += size
    return answer, videos


class _Camera:
    """One camera's filter and codecs."""

    def __init__(self, segmenter: Segmenter, smoother: str, job: Job) -> None:
        assert job.background is not None
        background: Background = pickle.loads(job.background)
        self._filter = PersonFilter(segmenter, background, smoother=SMOOTHERS[smoother]())
        self._transcoder = Transcoder(self._filter, job.bitrate)

    def work(self, job: Job) -> bytes:
        """Do a job; return the answer."""
        self._tell(job)
        error, videos, wait, busy = None, list[FilteredVideo](), 0.0, 0.0
        try:
            videos, wait, busy = transcoded(
                self._transcoder, job.frames or [], job.codecs, keyframe=job.keyframe, reset=job.reset
            )
        except DecodeError as failure:
            error = ["decode", str(failure)]
        except EncodeError as failure:
            error = ["encode", str(failure)]
        except Exception as failure:  # noqa: BLE001 - a worker serves others as well; the frame is withheld
            error = ["other", f"{type(failure).__name__}: {failure}"]
        answer = {"camera": job.camera, "error": error, "wait": wait, "busy": busy, "status": self._status()}
        return write_answer(answer, videos)

    def _tell(self, job: Job) -> None:
        if job.background is not None:
            self._filter.background = pickle.loads(job.background)
        if job.plate is not None:
            self._filter.want_plate(job.plate)
        self._filter.network_interval, self._filter.full_blur = job.network_interval, job.full_blur
        self._filter.privacy = job.privacy
        self._transcoder.bitrate = job.bitrate

    def _status(self) -> dict[str, Any]:
        made = self._filter
        return {
            "outcomes": made.outcomes,
            "errors": made.errors,
            "failing": made.failing,
            "plate": made.plate,
            "inferences": made.inferences,
            "inference_time": made.inference_time,
            "pixels": self._transcoder.pixels,
            "times": asdict(self._transcoder.times),
        }


def run(connection: socket.socket, smoother: str) -> None:
    """Work until the server closes its end."""
    cameras: dict[int, _Camera] = {}
    with connection.makefile("rb") as messages:
        card: ModelCard | None = _read(messages)
        if card is None:
            return
        segmenter = Segmenter(card)
        gc.freeze()  # what was imported need not be looked through again and again
        connection.sendall(write_answer({"model": card.sha256}, []))
        while (job := _read(messages)) is not None:
            if job.frames is None:
                cameras.pop(job.camera, None)
                _forget(everything=not cameras)
                continue
            if job.camera not in cameras:
                cameras[job.camera] = _Camera(segmenter, smoother, job)
            connection.sendall(cameras[job.camera].work(job))


def _read(messages: BinaryIO) -> Any:  # noqa: ANN401 - whatever the server has pickled
    """Return the next message, None at the end."""
    head = messages.read(LENGTH.size)
    return pickle.loads(messages.read(LENGTH.unpack(head)[0])) if len(head) == LENGTH.size else None


def _forget(*, everything: bool) -> None:
    """Free a camera that is gone at once: it holds pictures of a room. With `everything`, give the heap back, too."""
    gc.collect()
    if everything:
        with contextlib.suppress(AttributeError, OSError):  # only glibc keeps it, and only glibc has this
            ctypes.CDLL(None).malloc_trim(0)


def main(fd: str, smoother: str, log_format: str) -> None:
    """Serve on an inherited socket."""
    forbid_core_dumps()
    # The server ends its workers by closing their sockets, once all peers have been told.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    configure_logging(log_format, "warning")
    with socket.socket(fileno=int(fd)) as connection:
        try:
            run(connection, smoother)
        except (BrokenPipeError, ConnectionResetError):
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
