"""Workers of other machines: real processes behind mutual TLS on this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from filters.backgrounds.background import Color, PictureFile
from filters.matting.segmenter import load_card
from server.access.certificates import NAME, make_secret, tls_context
from server.config.options import DEFAULT_MODEL, MODELS, ROOT
from server.core.errors import WorkerError
from server.media.workers.link import RETRY, RemoteWorker
from server.media.workers.pool import ProcessPool
from server.media.workers.proxy import BACKGROUND_INTERVAL
from server.media.workers.service import HANDSHAKE
from server.media.workers.silence import give_up_when_silent
from tests.server.media.workers.test_pool import GREEN_LUMA, corner, encoded, of, show, until
from tests.support.program import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class Elsewhere:
    """`greenroom cluster worker` in a process of its own."""

    def __init__(self, secret: Path) -> None:
        self.port = free_port()
        self._secret = secret
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "server", "cluster", "worker", "--address", "127.0.0.1"]
        command += ["--port", str(self.port), "--set", f"cluster_secret={self._secret}"]
        self.process = subprocess.Popen(command, cwd=ROOT)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    make_secret(tmp_path / "cluster.pem")
    return tmp_path / "cluster.pem"


@pytest.fixture
def elsewhere(secret: Path) -> Iterator[Elsewhere]:
    worker = Elsewhere(secret)
    yield worker
    worker.process.kill()
    worker.process.wait()


@pytest.fixture
async def workers(elsewhere: Elsewhere, secret: Path) -> AsyncIterator[ProcessPool]:
    """One worker here, and one there."""
    context = tls_context(secret, server=False)
    remote = [("127.0.0.1", elsewhere.port)]
    workers = ProcessPool(load_card(DEFAULT_MODEL, MODELS), 1, "ofd", "text", remote, context)
    yield workers
    workers.close()


async def come(workers: ProcessPool, count: int = 1) -> None:
    async with asyncio.timeout(60):
        while workers.remote != count:
            await asyncio.sleep(0.02)


async def knock(
    elsewhere: Elsewhere, context: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect, once the worker has started and its last server is gone."""
    while True:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection("127.0.0.1", elsewhere.port, ssl=context)
        await asyncio.sleep(0.05)


async def test_a_camera_is_filtered_elsewhere(workers: ProcessPool) -> None:
    await come(workers)
    await until(lambda: workers.ready == 2)
    cameras = [workers.open(Color(0, 255, 0), 500_000) for _ in range(2)]
    assert {type(of(camera).worker) for camera in cameras} >= {RemoteWorker}
    for camera in cameras:
        results = await show(camera, encoded(4))
        assert abs(corner(results) - GREEN_LUMA) <= 4
        assert all(0 <= result.wait < 60 for result in results)
        assert camera.filter.failing is False


async def test_backgrounds_change_elsewhere(workers: ProcessPool) -> None:
    await come(workers)
    first, camera = (workers.open(Color(0, 0, 0), 500_000) for _ in range(2))
    assert isinstance(of(camera).worker, RemoteWorker) != isinstance(of(first).worker, RemoteWorker)
    for each in (first, camera):
        await show(each, encoded(2))
        await asyncio.sleep(BACKGROUND_INTERVAL)
        each.filter.background = Color(0, 255, 0)
        assert abs(corner(await show(each, encoded(4))) - GREEN_LUMA) <= 4


async def test_cameras_of_a_worker_that_is_killed_go_on_here(
    workers: ProcessPool, elsewhere: Elsewhere
) -> None:
    await come(workers)
    cameras = [workers.open(Color(0, 255, 0), 500_000) for _ in range(2)]
    camera = next(c for c in cameras if isinstance(of(c).worker, RemoteWorker))
    frames = encoded(4)
    await show(camera, frames)
    os.kill(elsewhere.process.pid, signal.SIGSTOP)  # so that the job is at work when it dies
    job = camera.transcoding.submit([frames[0]], ["VP8"], keyframe=True, reset=False)
    elsewhere.process.kill()
    with pytest.raises(WorkerError):
        await asyncio.wait_for(job, 5)
    before = camera.filter.outcomes.total()
    assert abs(corner(await show(camera, frames)) - GREEN_LUMA) <= 4
    assert not isinstance(of(camera).worker, RemoteWorker)
    assert camera.filter.outcomes.total() > before
    elsewhere.process.wait()
    elsewhere.start()
    await come(workers)


async def test_without_a_certificate_no_byte_is_parsed(elsewhere: Elsewhere, workers: ProcessPool) -> None:
    """The worker serves on after somebody else has tried."""
    await come(workers)
    workers.close()
    bare = ssl.create_default_context()
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    for context in (None, bare):
        reader, writer = await knock(elsewhere, context)
        writer.write(b"\x00\x00\x00\x02{}" * 100)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
    assert elsewhere.process.poll() is None
    context = tls_context(elsewhere._secret, server=False)
    again = ProcessPool(
        load_card(DEFAULT_MODEL, MODELS), 1, "ofd", "text", [("127.0.0.1", elsewhere.port)], context
    )
    await come(again)
    again.close()


async def test_who_shows_no_certificate_keeps_nobody_waiting(elsewhere: Elsewhere, secret: Path) -> None:
    """Each stranger is heard for three seconds."""
    async with asyncio.timeout(60), contextlib.AsyncExitStack() as stack:
        strangers = list[asyncio.StreamReader]()
        while len(strangers) < 20:
            reader, writer = await knock(elsewhere)
            strangers.append(reader)
            stack.callback(writer.close)
        context, remote = tls_context(secret, server=False), [("127.0.0.1", elsewhere.port)]
        workers = ProcessPool(load_card(DEFAULT_MODEL, MODELS), 0, "ofd", "text", remote, context)
        stack.callback(workers.close)
        begun = time.monotonic()
        await come(workers)
        assert time.monotonic() - begun < 0.5 * len(strangers) * HANDSHAKE


async def test_a_worker_that_works_takes_no_second_server(workers: ProcessPool, elsewhere: Elsewhere) -> None:
    await come(workers)
    context = tls_context(elsewhere._secret, server=False)
    with pytest.raises(OSError):  # noqa: PT011 - of either half of the handshake
        await asyncio.open_connection("127.0.0.1", elsewhere.port, ssl=context, server_hostname=NAME)
    assert workers.remote == 1


async def test_no_picture_goes_in_clear(secret: Path, elsewhere: Elsewhere) -> None:
    """A wire tap between both sees TLS records and none of what the camera sent."""
    seen, taps = bytearray(), set[asyncio.Task[None] | None]()

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.closing(sink), contextlib.suppress(ConnectionError):
            while data := await source.read(1 << 16):
                seen.extend(data)
                sink.write(data)

    async def tap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taps.add(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(OSError):  # it has not started yet
            upstream, downstream = await asyncio.open_connection("127.0.0.1", elsewhere.port)
            await asyncio.gather(copy(reader, downstream), copy(upstream, writer))

    listening = await asyncio.start_server(tap, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    context = tls_context(secret, server=False)
    workers = ProcessPool(load_card(DEFAULT_MODEL, MODELS), 1, "ofd", "text", [("127.0.0.1", port)], context)
    await come(workers)
    cameras = [workers.open(PictureFile(b"\xff\xd8\xffnot a picture"), 500_000) for _ in range(2)]
    camera = next(c for c in cameras if isinstance(of(c).worker, RemoteWorker))
    frames = encoded(4)
    await show(camera, frames)
    workers.close()
    listening.close()
    await asyncio.wait({task for task in taps if task is not None})
    assert len(seen) > sum(len(frame.data) for frame in frames)
    for plain in (b'"VP8"', b"keyframe", b"not a picture", *(frame.data[10:40] for frame in frames)):
        assert plain not in seen


async def test_closing_waits_for_no_worker(workers: ProcessPool, elsewhere: Elsewhere) -> None:
    """Not even for the end of TLS: one that hangs would keep the connection open for half a minute."""
    await come(workers)
    link = next(worker for worker in workers._workers if isinstance(worker, RemoteWorker))
    assert link._transport is not None
    connection = link._transport.get_extra_info("socket")
    elsewhere.process.send_signal(signal.SIGSTOP)
    workers.close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert connection.fileno() == -1


async def test_a_worker_that_hangs_up_is_not_called_all_the_time(secret: Path) -> None:
    """As one of another version: each call takes a handshake, and the whole network."""
    calls = asyncio.Queue[float]()

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.put_nowait(time.monotonic())
        writer.close()

    there = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=tls_context(secret, server=True))
    address, context = there.sockets[0].getsockname(), tls_context(secret, server=False)
    workers = ProcessPool(load_card(DEFAULT_MODEL, MODELS), 0, "ofd", "text", [address], context)
    async with asyncio.timeout(20):
        first, second = await calls.get(), await calls.get()
    workers.close()
    there.close()
    assert second - first > 0.9 * RETRY


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux")
def test_who_falls_silent_in_the_middle_of_a_message_is_given_up_as_well() -> None:
    with socket.socket() as connection:
        give_up_when_silent(connection)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 11_000
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
