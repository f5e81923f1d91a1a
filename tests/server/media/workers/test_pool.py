"""Workers in processes of their own: what they give, and what is left when one of them ends."""

from __future__ import annotations

import asyncio
import errno
import gc
import hashlib
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from pathlib import Path
from threading import Thread
from typing import Any

import av
import numpy as np
import pytest

from filters.backgrounds.background import Color, PictureFile
from filters.backgrounds.pictures import KEEP, MAX_SIDE, encode_jpeg
from filters.base import FilteredFrame, Outcome, planes_of
from filters.effects import Effects
from filters.matting.follow import Point
from filters.matting.segmenter import ModelCard, load_card
from filters.person import PersonFilter
from server.config.options import DEFAULT_MODEL, MODELS, ROOT
from server.core.errors import DecodeError, WorkerError
from server.media.codec.encoder import Vp8Encoder
from server.media.codec.frames import EncodedFrame
from server.media.publication import MAX_WAITING_BYTES
from server.media.workers import pool, process, program
from server.media.workers.base import Camera, Transcoded
from server.media.workers.pool import ProcessPool
from server.media.workers.process import Worker
from server.media.workers.proxy import TranscodingProxy
from server.media.workers.wire import (
    LENGTH,
    MAX_MESSAGE,
    Job,
    read_answer,
    write_answer,
    write_card,
    write_job,
)
from server.rooms.upload_program import QUALITY
from tests.support.camera import Camera as Film
from tests.support.painting import RAW, even

pytestmark = pytest.mark.slow
GREEN_LUMA = 145


class Trap:
    """Tells whether somebody has unpickled it."""

    sprung = 0

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return spring, ()


def spring() -> None:
    Trap.sprung += 1


def encoded(count: int) -> list[EncodedFrame]:
    """Return a camera's frames, of which the first is a keyframe."""
    encoder, frames = Vp8Encoder(500_000), []
    for i, frame in enumerate(Film(320, 180).video_frames(count)):
        frame.pts, frame.time_base = 3000 * i, Fraction(1, 90_000)
        video = encoder.encode(FilteredFrame(frame), 3000 * i, keyframe=False)
        frames.append(EncodedFrame(video.data, video.timestamp, video.keyframe, "VP8", time.monotonic()))
    return frames


async def show(camera: Camera, frames: list[EncodedFrame]) -> list[Transcoded]:
    """Do a job for every frame."""
    return [
        await camera.transcoding.submit([frame], ["VP8"], keyframe=i == 0, reset=False)
        for i, frame in enumerate(frames)
    ]


def corner(results: list[Transcoded]) -> int:
    """Return the luma of the last picture's corner, where nobody is."""
    decoder = av.CodecContext.create("libvpx", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    pictures = [p for r in results for v in r.videos for p in decoder.decode(av.Packet(v.data))]
    return int(planes_of(pictures[-1]).y[2, 2])


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not met():
            await asyncio.sleep(0.01)


def children() -> set[int]:
    """Return the ids of the processes that this one has started and that still run."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except (OSError, ValueError):  # it has just ended
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.add(int(path.parent.name))
    return found


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
async def workers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ProcessPool]:
    monkeypatch.setattr(process, "RESTART_PAUSE", 0.01)
    before = children()
    workers = ProcessPool(load_card(DEFAULT_MODEL, MODELS), 2, "ofd", "text")
    yield workers
    workers.close()
    await asyncio.wait_for(until(lambda: children() <= before), 10)


def of(camera: Camera) -> TranscodingProxy:
    assert isinstance(camera.transcoding, TranscodingProxy)
    return camera.transcoding


def local(camera: Camera) -> Worker:
    worker = of(camera).worker
    assert isinstance(worker, Worker)
    return worker


def framed(content: bytes) -> bytes:
    return LENGTH.pack(len(content)) + content


def pid(camera: Camera) -> int:
    """Return the process that works for a camera."""
    process = local(camera)._process
    assert process is not None
    return process.pid


async def test_what_comes_back_is_filtered(workers: ProcessPool) -> None:
    camera = workers.open(Color(0, 255, 0), 500_000)
    results = await show(camera, encoded(12))
    assert [len(r.videos) for r in results] == [0] + 11 * [1]
    assert abs(corner(results) - GREEN_LUMA) <= 4
    assert camera.filter.outcomes[Outcome.FILTERED] == 11
    assert camera.filter.inferences > 0
    assert camera.transcoding.pixels == 320 * 180
    assert camera.transcoding.times.decoded == 12
    assert camera.transcoding.times.pictures == 11
    assert camera.transcoding.times.encode > 0


async def test_the_background_changes_while_it_runs(
    workers: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.media.workers.proxy.BACKGROUND_INTERVAL", 0.0)
    camera = workers.open(Color(0, 255, 0), 500_000)
    frames = encoded(20)
    await show(camera, frames[:8])
    camera.filter.background = Color(0, 0, 0)
    camera.filter.want_plate(True)
    assert camera.filter.plate == "recording"
    results = [
        await camera.transcoding.submit([f], ["VP8"], keyframe=i == 0, reset=False)
        for i, f in enumerate(frames[8:])
    ]
    assert corner(results) <= 20
    assert camera.filter.plate == "recording"


async def test_one_person_is_followed_until_the_worker_ends(workers: ProcessPool) -> None:
    camera = workers.open(Color(0, 255, 0), 500_000)
    frames = encoded(12)
    camera.filter.follow("centre")
    assert camera.filter.followed == "lost"
    await show(camera, frames)
    seen = [camera.filter.followed]
    os.kill(pid(camera), signal.SIGKILL)
    await until(lambda: camera.filter.failing)
    await all_ready(workers)
    await show(camera, frames)
    seen.append(camera.filter.followed)
    camera.filter.follow(Point(0.53, 0.5))
    await show(camera, frames)
    seen.append(camera.filter.followed)
    camera.filter.follow(None)
    await show(camera, frames)
    assert [*seen, camera.filter.followed] == ["following", "lost", "following", "off"]


async def test_cameras_are_shared_out_evenly(workers: ProcessPool) -> None:
    cameras = [workers.open(Color(0, 0, 0), 500_000) for _ in range(4)]
    assert sorted(pid(c) for c in cameras[:2]) == sorted(pid(c) for c in cameras[2:])
    cameras[1].transcoding.close()
    cameras[3].transcoding.close()
    await cameras[2].transcoding.submit(encoded(1), ["VP8"], keyframe=True, reset=True)
    assert pid(cameras[0]) != pid(cameras[2])


async def test_rubbish_is_the_senders_fault(workers: ProcessPool) -> None:
    camera = workers.open(Color(0, 0, 0), 500_000)
    rubbish = EncodedFrame(b"\xff" * 50, 0, True, "VP8", time.monotonic())
    with pytest.raises(DecodeError):
        await camera.transcoding.submit([rubbish], ["VP8"], keyframe=True, reset=False)


async def test_the_largest_job_ends_no_worker(workers: ProcessPool) -> None:
    """As many bytes as may wait, and the most that an upload is kept as: noise, in the largest size."""
    noise = 255 * np.random.default_rng(0).integers(0, 2, (MAX_SIDE, KEEP[0], 3), np.uint8)
    picture = encode_jpeg(noise, (KEEP[0], MAX_SIDE), quality=QUALITY)
    camera = workers.open(PictureFile(picture), 500_000)
    await all_ready(workers)
    before = pid(camera)
    keyframe = encoded(1)[0]
    large = keyframe._replace(data=keyframe.data.ljust(MAX_WAITING_BYTES, b"\0"))
    assert (await camera.transcoding.submit([large], ["VP8"], keyframe=True, reset=False)).videos == []
    assert pid(camera) == before


@pytest.mark.parametrize("size", [(1000, 3), (2, 800)])
async def test_pictures_of_a_few_lines_end_no_worker(workers: ProcessPool, size: tuple[int, int]) -> None:
    camera = workers.open(Color(0, 255, 0), 500_000)
    camera.filter.effects = Effects(framing=True, low_light=True)
    encoder = Vp8Encoder(500_000)
    videos = [encoder.encode(even(*size, RAW, 3000 * i), 3000 * i, keyframe=i == 0) for i in range(4)]
    frames = [EncodedFrame(v.data, v.timestamp, v.keyframe, "VP8", time.monotonic()) for v in videos]
    assert [len(r.videos) for r in await show(camera, frames)] == [0, 1, 1, 1]


async def test_another_process_takes_the_place_of_one_that_ends(workers: ProcessPool) -> None:
    camera, other = (workers.open(Color(0, 255, 0), 500_000) for _ in range(2))
    frames = encoded(12)
    await all_ready(workers)  # or the first one that is gets both cameras
    await show(camera, frames)
    await show(other, frames)
    gone, stays = pid(camera), pid(other)
    assert gone != stays
    os.kill(gone, signal.SIGSTOP)  # so that it has no time to answer
    job = camera.transcoding.submit([frames[0]], ["VP8"], keyframe=True, reset=False)
    os.kill(gone, signal.SIGKILL)
    with pytest.raises(WorkerError):
        await job
    await until(lambda: local(camera)._process is not None)
    with pytest.raises(DecodeError):  # what a delta frame refers to is lost
        await camera.transcoding.submit([frames[5]], ["VP8"], keyframe=True, reset=False)
    assert abs(corner(await show(camera, frames)) - GREEN_LUMA) <= 4
    assert pid(camera) != gone
    assert pid(other) == stays
    assert camera.filter.outcomes[Outcome.FILTERED] == 22
    assert camera.transcoding.times.pictures == 22


async def all_ready(workers: ProcessPool) -> None:
    await asyncio.wait_for(until(lambda: workers.ready == len(workers._workers)), 30)


async def test_it_tells_which_processes_work(workers: ProcessPool) -> None:
    await all_ready(workers)
    before = set(workers.processes)
    assert len(before) == workers.ready
    workers._workers[0].kill()
    await asyncio.wait_for(until(lambda: len(workers.processes) == 1), 30)
    await all_ready(workers)
    assert len(before & set(workers.processes)) == 1


async def test_what_is_missing_to_start_a_process_is_waited_for(
    workers: ProcessPool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No descriptor, no process to spare: for a while nobody works, and nobody is taken for hanging."""
    await all_ready(workers)
    camera, frames = workers.open(Color(0, 255, 0), 500_000), encoded(12)
    await show(camera, frames)
    attempts = 0

    def none_left(*_: object) -> tuple[socket.socket, socket.socket]:
        nonlocal attempts
        attempts += 1
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socketpair", none_left)
        for worker in workers._workers:
            worker.kill()
        await until(lambda: attempts > 5)
        assert workers.ready == 0
        for second in range(2 * round(pool.HANGING)):
            with pytest.raises(WorkerError):
                await camera.transcoding.submit(frames[:1], ["VP8"], keyframe=True, reset=False)
            workers.check(time.monotonic() + second)
        assert camera.filter.failing
    await all_ready(workers)
    assert abs(corner(await show(camera, frames)) - GREEN_LUMA) <= 4
    assert not camera.filter.failing
    assert "hangs" not in caplog.text


async def test_no_descriptor_is_lost_when_a_process_can_t_be_started(
    workers: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await all_ready(workers)
    attempts = 0

    def none_left(*_: object, **__: object) -> None:
        nonlocal attempts
        attempts += 1
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    before = descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", none_left)
        for worker in workers._workers:
            worker.kill()
        await until(lambda: attempts > 5)
        assert descriptors() <= before
    await all_ready(workers)


async def test_the_cameras_of_a_worker_that_ends_go_on_with_the_others(workers: ProcessPool) -> None:
    """And come back, so that the one that took its place has its share."""
    await all_ready(workers)
    frames = encoded(12)
    cameras = [workers.open(Color(0, 255, 0), 500_000) for _ in range(4)]
    gone, process = local(cameras[0]), local(cameras[0])._process
    gone.kill()
    await until(lambda: gone._process is not process or not gone.running)  # the next one may start at once
    for camera in cameras:
        assert abs(corner(await show(camera, frames)) - GREEN_LUMA) <= 4
    await all_ready(workers)
    for camera in cameras:
        await show(camera, frames)
    homes = [of(camera).worker for camera in cameras]
    assert sorted(homes.count(worker) for worker in workers._workers) == [2, 2]


async def test_heavy_cameras_are_kept_together_and_the_others_away(workers: ProcessPool) -> None:
    await all_ready(workers)
    frames = encoded(2)
    cameras = [workers.open(Color(0, 255, 0), 500_000) for _ in range(6)]
    heavy, light = cameras[:3], cameras[3:]
    for camera in heavy:
        camera.transcoding.heavy = True
    workers.check(0.0)
    for camera in cameras:
        await show(camera, frames)
    apart = of(heavy[0]).worker
    assert {of(camera).worker for camera in heavy} == {apart}
    assert apart not in {of(camera).worker for camera in light}
    await light[0].transcoding.submit(frames[:1], ["VP8"], keyframe=True, reset=True)
    assert of(light[0]).worker is not apart
    for camera in heavy:
        camera.transcoding.heavy = False
    workers.check(0.5)
    for camera in cameras:
        await show(camera, frames)
    homes = [of(camera).worker for camera in cameras]
    assert sorted(homes.count(worker) for worker in workers._workers) == [3, 3]


async def test_a_camera_that_ends_one_worker_after_another_rests(workers: ProcessPool) -> None:
    """A codec's flaw, and somebody who has found it: the other cameras' workers are left alone then."""
    await all_ready(workers)
    bad, good = (workers.open(Color(0, 255, 0), 500_000) for _ in range(2))
    frames = encoded(2)
    for _ in range(2):
        await all_ready(workers)
        job = bad.transcoding.submit(frames[:1], ["VP8"], keyframe=True, reset=False)
        of(bad).worker.kill()
        with pytest.raises(WorkerError):
            await job
    await all_ready(workers)
    with pytest.raises(WorkerError):
        await bad.transcoding.submit(frames[:1], ["VP8"], keyframe=True, reset=False)
    await show(good, frames)
    of(bad)._rests_until = time.monotonic()
    await show(bad, frames)


async def test_a_loop_that_was_away_ends_no_worker(workers: ProcessPool) -> None:
    camera = workers.open(Color(0, 0, 0), 500_000)
    await all_ready(workers)
    worker = of(camera).worker
    workers.check(time.monotonic())
    job = camera.transcoding.submit(encoded(1), ["VP8"], keyframe=True, reset=False)
    workers.check(time.monotonic() + 2 * pool.HANGING)
    await job
    assert of(camera).worker is worker
    assert worker.ready


@pytest.fixture
def replaced(tmp_path: Path) -> ModelCard:
    """Read a network whose files are others by now, as after an upgrade in place."""
    for suffix in (".onnx", ".toml"):
        shutil.copy(MODELS / (DEFAULT_MODEL + suffix), tmp_path / ("network" + suffix))
    card = load_card("network", tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(b"another")
    return card


async def test_the_network_that_is_named_is_the_one_that_is_loaded(replaced: ModelCard) -> None:
    workers = ProcessPool(replaced, 1, "ofd", "text")
    camera = workers.open(Color(0, 255, 0), 500_000)
    assert abs(corner(await show(camera, encoded(12))) - GREEN_LUMA) <= 4
    assert hashlib.sha256(replaced.network).hexdigest() == replaced.sha256
    workers.close()


async def test_a_process_that_hangs_is_ended(workers: ProcessPool) -> None:
    camera = workers.open(Color(0, 0, 0), 500_000)
    frames = encoded(2)
    await show(camera, frames)
    hung = pid(camera)
    os.kill(hung, signal.SIGSTOP)
    job = camera.transcoding.submit([frames[0]], ["VP8"], keyframe=True, reset=False)
    workers.check(time.monotonic())
    assert not job.done()
    for second in range(1, 2 * round(pool.HANGING)):
        workers.check(time.monotonic() + second)
    with pytest.raises(WorkerError):
        await job
    await until(lambda: local(camera)._process is not None)
    await show(camera, frames)


async def test_a_process_that_was_slow_to_start_does_not_hang(workers: ProcessPool) -> None:
    """On a busy machine it takes longer than a job may, and cameras wait for it meanwhile."""
    camera = workers.open(Color(0, 0, 0), 500_000)
    worker, starting = local(camera), pid(camera)
    os.kill(starting, signal.SIGSTOP)
    job = camera.transcoding.submit(encoded(1), ["VP8"], keyframe=True, reset=False)
    of(camera).since = time.monotonic() - 2 * pool.HANGING
    worker._begin()
    workers.check(time.monotonic())
    worker.ready = False
    os.kill(starting, signal.SIGCONT)
    assert (await job).videos == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"\xff" * 8,
        framed(b"[]"),
        framed(b"[" * 100_000),
        framed(b'{"camera": 1, "videos": [[99999999, 0, true, 0]]}'),
        framed(b'{"camera": [], "videos": []}'),
        pickle.dumps(Trap()),
        framed(pickle.dumps(Trap())),
    ],
)
async def test_a_worker_that_answers_nonsense_is_ended(workers: ProcessPool, content: bytes) -> None:
    camera = workers.open(Color(0, 255, 0), 500_000)
    frames = encoded(4)
    await show(camera, frames)
    taken_over, job = pid(camera), camera.transcoding.submit([frames[0]], ["VP8"], keyframe=True, reset=False)
    local(camera)._messages._incoming += framed(content)
    with pytest.raises(WorkerError):
        await job
    await until(lambda: local(camera)._process is not None)
    assert pid(camera) != taken_over
    assert abs(corner(await show(camera, frames)) - GREEN_LUMA) <= 4
    assert Trap.sprung == 0


async def test_a_worker_that_answers_without_end_is_ended(workers: ProcessPool) -> None:
    camera = workers.open(Color(0, 255, 0), 500_000)
    job = camera.transcoding.submit(encoded(1), ["VP8"], keyframe=True, reset=False)
    local(camera)._messages._incoming += LENGTH.pack(MAX_MESSAGE + 1)
    with pytest.raises(WorkerError):
        await job


@pytest.mark.parametrize("busy", [1e300, -1e300])
async def test_a_worker_was_busy_for_no_longer_than_it_had_the_job(workers: ProcessPool, busy: float) -> None:
    """What it says counts in what all cameras can afford."""
    camera = workers.open(Color(0, 255, 0), 500_000)
    begun = time.monotonic()
    job = camera.transcoding.submit(encoded(1), ["VP8"], keyframe=True, reset=False)
    status = {"outcomes": {}, "errors": 0, "inferences": 0, "inference_time": 0.0, "pixels": 0, "times": {}}
    status |= {"failing": False, "plate": "none", "followed": "off"}
    of(camera).answer({"status": status, "error": None, "busy": busy, "broken": False}, [])
    done = await job
    assert 0 <= done.busy <= time.monotonic() - begun
    assert 0 <= done.wait < 60


async def test_a_worker_speaks_for_its_own_cameras_only(workers: ProcessPool) -> None:
    camera, other = (workers.open(Color(0, 255, 0), 500_000) for _ in range(2))
    job = camera.transcoding.submit(encoded(1), ["VP8"], keyframe=True, reset=False)
    answer = {"camera": of(camera).camera, "error": ["other", "forged"], "videos": []}
    assert of(other).worker is not of(camera).worker
    workers.answer(of(other).worker, answer, [])
    assert (await job).videos == []


async def test_a_worker_is_told_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python, told = tmp_path / "python", tmp_path / "environment"
    python.write_text(f"#!/bin/sh\nenv > {told}.part && mv {told}.part {told}\n")
    python.chmod(0o755)
    monkeypatch.setenv("GREENROOM_TURN_SECRET", "north")
    monkeypatch.setattr(sys, "executable", str(python))
    workers = ProcessPool(load_card(DEFAULT_MODEL, MODELS), 1, "ofd", "text")
    await asyncio.wait_for(until(told.exists), 10)
    workers.close()
    assert "PATH=" in told.read_text()
    assert "GREENROOM" not in told.read_text()


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs /proc")
async def test_a_crash_writes_no_picture_to_disk(workers: ProcessPool) -> None:
    camera = workers.open(Color(0, 0, 0), 500_000)
    await show(camera, encoded(2))
    limit, owner = core_limit(pid(camera))
    assert limit[-3:] == ["0", "0", "bytes"]
    if os.getuid():
        assert owner == 0


def core_limit(process: int) -> tuple[list[str], int]:
    """Return the words of the limit, and who owns the memory: root, where it can't be dumped."""
    limits = Path(f"/proc/{process}/limits").read_text(encoding="ascii").splitlines()
    (limit,) = (line for line in limits if "core file" in line)
    return limit.split(), Path(f"/proc/{process}/mem").stat().st_uid


def test_a_worker_logs_as_the_server_does() -> None:
    script = """
import logging, socket, sys
from server.media.workers import program
program.run = lambda *_: logging.getLogger("server.x").warning("withheld")
here, there = socket.socketpair()
program.main(str(there.detach()), *sys.argv[1:])
"""
    command = [sys.executable, "-c", script, "ofd", "json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(ended.stderr)["message"] == "withheld"


async def test_closing_ends_the_job(workers: ProcessPool) -> None:
    camera = workers.open(Color(0, 0, 0), 500_000)
    job = camera.transcoding.submit(encoded(1), ["VP8"], keyframe=True, reset=False)
    camera.transcoding.close()
    with pytest.raises(asyncio.CancelledError):
        await job
    another = workers.open(Color(0, 0, 0), 500_000)
    await show(another, encoded(2))


def test_a_worker_frees_a_camera_that_is_gone_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    filters: weakref.WeakSet[PersonFilter] = weakref.WeakSet()

    def make(*arguments: Any, **options: Any) -> PersonFilter:  # noqa: ANN401 - PersonFilter's
        made = PersonFilter(*arguments, **options)
        filters.add(made)
        return made

    def send(job: Job) -> None:
        here.sendall(write_job(job))

    monkeypatch.setattr(program, "PersonFilter", make)
    here, there = socket.socketpair()
    background = Color(0, 255, 0)
    job = Job(1, encoded(1), ["VP8"], True, False, 500_000, 1, False, background, None)
    thread = Thread(target=program.run, args=(there, "ofd"))
    gc.disable()
    try:
        thread.start()
        here.sendall(write_card(load_card(DEFAULT_MODEL, MODELS)))
        assert here.recv(1 << 16)
        send(job)
        assert here.recv(1 << 16)
        assert len(filters) == 1
        send(job._replace(frames=None))
        here.shutdown(socket.SHUT_WR)
        thread.join(10)
        assert not filters
    finally:
        gc.enable()
        here.close()
        there.close()


def test_answers_are_read_as_they_were_written() -> None:
    videos = [video for _ in range(2) for video in [Vp8Encoder(300_000).encode(_frame(), 0, keyframe=True)]]
    message = write_answer({"camera": 1, "error": None}, videos)
    assert len(message) == LENGTH.size + LENGTH.unpack_from(message)[0]
    assert read_answer(message[LENGTH.size :]) == ({"camera": 1, "error": None}, videos)


def _frame() -> FilteredFrame:
    return FilteredFrame(Film(64, 48).video_frames(1)[0])
