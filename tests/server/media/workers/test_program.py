"""A worker process from inside: when the network looks while several cameras want it at once."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from threading import Thread

import av
import numpy as np
import pytest

from filters.backgrounds.background import Color
from filters.base import FilteredFrame, planes_of
from filters.matting.segmenter import load_card
from server.config.options import DEFAULT_MODEL, MODELS
from server.media.codec.encoder import Vp8Encoder
from server.media.codec.frames import EncodedFrame
from server.media.workers import program
from server.media.workers.inbox import Inbox
from server.media.workers.wire import Job, read_answer, write_card, write_job
from tests.support.camera import Camera

pytestmark = pytest.mark.slow
JOB = Job(0, [], ["VP8"], False, False, 500_000, 1, False, Color(0, 255, 0), None)
ROUNDS = 24
CUT = 13
"""The round in which the first camera shows another scene."""


def encoded(pictures: list[av.VideoFrame], cut: int | None = None) -> list[EncodedFrame]:
    """Return the pictures as a camera sends them, with a keyframe where another scene begins."""
    encoder, frames = Vp8Encoder(500_000), []
    for i, picture in enumerate(pictures):
        picture.pts, picture.time_base = 3000 * i, Fraction(1, 90_000)
        video = encoder.encode(FilteredFrame(picture), 3000 * i, keyframe=i == cut)
        frames.append(EncodedFrame(video.data, video.timestamp, video.keyframe, "VP8", time.monotonic()))
    return frames


@pytest.fixture(scope="module")
def film() -> list[EncodedFrame]:
    """Somebody who moves about, so that the matte never holds by itself for long."""
    return encoded(Camera(320, 180, loop=50).video_frames(ROUNDS))


@pytest.fixture(scope="module")
def film_with_cut() -> list[EncodedFrame]:
    pictures = Camera(320, 180, loop=50).video_frames(ROUNDS)
    for picture in pictures[CUT:]:
        luma = planes_of(picture).y
        np.copyto(luma, np.ascontiguousarray(255 - luma[:, ::-1]))
    return encoded(pictures, CUT)


@dataclass
class Worker:
    """One that works in a thread of this process."""

    connection: socket.socket
    looks: dict[int, list[int]] = field(default_factory=dict)
    """Of each camera, after each of its jobs."""

    def __post_init__(self) -> None:
        self._answers = Inbox(self.connection)
        self.connection.sendall(write_card(load_card(DEFAULT_MODEL, MODELS)))
        assert self._answers.next()

    def do(self, jobs: list[Job]) -> None:
        """Send jobs all at once, and wait for all answers."""
        self.connection.sendall(b"".join(map(write_job, jobs)))
        for job in jobs:
            content = self._answers.next()
            assert content is not None
            answer, _ = read_answer(content)
            assert (answer["camera"], answer["error"]) == (job.camera, None)
            self.looks.setdefault(job.camera, []).append(answer["status"]["inferences"])

    def rounds(self, camera: int) -> list[int]:
        """Return the rounds in which the network looked at a camera's picture."""
        return [i for i, more in enumerate(np.diff([0, *self.looks[camera]])) if more]


@pytest.fixture
def worker() -> Iterator[Worker]:
    here, there = socket.socketpair()
    thread = Thread(target=program.run, args=(there, "adaptive"))
    with here, there:
        thread.start()
        yield Worker(here)
        here.shutdown(socket.SHUT_WR)
        thread.join(10)
    assert not thread.is_alive()


def show(worker: Worker, films: list[list[EncodedFrame]], interval: float, *, together: bool) -> None:
    """Show each camera its film, the pictures of a round at once, or each after the one before."""
    for pictures in zip(*films, strict=True):
        jobs = [
            JOB._replace(camera=camera, frames=[picture], network_interval=interval)
            for camera, picture in enumerate(pictures)
        ]
        for some in [jobs] if together else [[job] for job in jobs]:
            worker.do(some)


def test_a_look_that_is_due_is_put_off_once_while_others_wait(
    worker: Worker, film: list[EncodedFrame]
) -> None:
    show(worker, [film, film], 3, together=True)
    waited_for, alone = (np.array(worker.rounds(camera)) for camera in (0, 1))
    first = np.flatnonzero(waited_for != alone[: len(waited_for)])[0]
    # Up to the first look that is merely due both are looked at in the same pictures.
    assert waited_for[first] == alone[first] + 1
    assert max(np.diff(waited_for[first:])) <= 4
    assert max(np.diff(alone[first:])) <= 3


def test_who_keeps_nobody_waiting_is_looked_at_as_ever(worker: Worker, film: list[EncodedFrame]) -> None:
    show(worker, [film, film], 3, together=False)
    assert worker.rounds(0) == worker.rounds(1)


def test_nothing_is_put_off_while_every_picture_has_a_look(worker: Worker, film: list[EncodedFrame]) -> None:
    show(worker, [film, film], 1, together=True)
    assert worker.rounds(0) == worker.rounds(1)


def test_another_scene_is_looked_at_at_once(
    worker: Worker, film: list[EncodedFrame], film_with_cut: list[EncodedFrame]
) -> None:
    show(worker, [film_with_cut, film], 6, together=True)
    assert {0, CUT} <= set(worker.rounds(0))
