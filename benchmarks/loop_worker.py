"""A worker that takes time and next to no CPU: `room_server --simulated` starts it in the product's place.

It does a few jobs really, and from then on answers with those pictures, each as long after the job as a real one takes.
So many of them fit on a few cores, and the rest of the server does what it does for real ones.
"""

from __future__ import annotations

import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain, cycle
from typing import Any, NamedTuple

from benchmarks.room_media import CAMERA_RATE, SMALL, video_clip
from filters.base import Outcome
from filters.matting.segmenter import Segmenter
from server.config.interpreter import python_command
from server.config.options import PICTURES
from server.media.codec.encoder import FilteredVideo
from server.media.codec.frames import VIDEO_CLOCK_RATE, EncodedFrame
from server.media.workers import process, program
from server.media.workers.inbox import Inbox
from server.media.workers.wire import LENGTH, Job, read_answer, read_card, read_job, write_answer

JOB = 0.0039
"""Seconds from a job to its answer: decode, network, filter and encode in docs/benchmarks.md, "Rooms", N = 10."""
PICTURES_MADE = 60  # two seconds, after which they are repeated


class Made(NamedTuple):
    """The answer to a real job, and its picture."""

    answer: dict[str, Any]
    video: FilteredVideo


def install() -> None:
    """Have the server of this process start these workers."""

    def command(_: str, *words: str) -> list[str]:
        return python_command(__name__, *words)

    setattr(process, python_command.__name__, command)


def make(segmenter: Segmenter, smoother: str, first: Job) -> list[Made]:
    """Do jobs like the `first` one really; the first picture is a keyframe, and the only one."""
    clip = video_clip(*SMALL, CAMERA_RATE)
    camera, made = program._Camera(segmenter, smoother, first), list[Made]()
    for i, data in enumerate(clip[:PICTURES_MADE]):
        frame = EncodedFrame(data, i * VIDEO_CLOCK_RATE // CAMERA_RATE, not i, "VP8", time.monotonic())
        job = first._replace(frames=[frame], codecs=["VP8"], keyframe=False, reset=False)
        answer, videos = read_answer(camera.work(job)[LENGTH.size :])
        made += [Made(answer, video) for video in videos]
    return made


def run(connection: socket.socket, smoother: str) -> None:
    """Answer until the server closes its end."""
    made: list[Made] = []
    pictures: dict[int, Iterator[Made]] = {}
    shown: Counter[int] = Counter()
    free = 0.0
    inbox = Inbox(connection)
    card = read_card(inbox.next() or b"")
    segmenter = Segmenter(card)
    connection.sendall(write_answer({"model": card.sha256}, []))
    while (content := inbox.next()) is not None:
        job = read_job(content, PICTURES, time.monotonic())
        if job.frames is None:
            pictures.pop(job.camera, None)
            continue
        made = made or make(segmenter, smoother, job)
        if job.keyframe or job.camera not in pictures:
            pictures[job.camera] = chain(made, cycle(made[1:]))
        answer, video = next(pictures[job.camera])
        videos = [video._replace(timestamp=job.frames[-1].timestamp) for _ in job.codecs if job.frames]
        shown[job.camera] += bool(videos)
        status = answer["status"] | {"outcomes": {Outcome.FILTERED: shown[job.camera]}}
        free = max(free, time.monotonic()) + JOB
        time.sleep(max(0.0, free - time.monotonic()))
        connection.sendall(
            write_answer(answer | {"camera": job.camera, "status": status, "busy": JOB}, videos)
        )


if __name__ == "__main__":
    program.main(*sys.argv[1:], work=run)
