"""Recording what a publication gives out: from a keyframe on, off the event loop, and never at the call's cost."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import pytest

from server.config.options import ROOT
from server.core.token_bucket import TokenBucket
from server.media.load import LoadMeter
from server.media.microphone import AudioPublication
from server.media.publication import VideoPublication
from server.media.recording import recorder as recorder_module
from server.media.recording.recorder import INDEX, Recorder, RecordingClock
from server.media.recording.webm import WebmFile
from server.media.workers.threads import ThreadTranscoding
from tests.support.painting import Painter, camera, speech

PAINTED, SHOWN = 60, 51  # luma as coded and, in full range, as decoded
SECOND = 1 << 32  # of NTP

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.server.media.recording.test_recorder import feed, published
from server.media.recording.recorder import Recorder
import asyncio

async def main() -> None:
    async with published() as (video, audio):
        recorder = Recorder(Path(sys.argv[1]), "studio", (640, 360), lambda error: None)
        recorder.add("p1", "Ada", video, audio)
        await feed(video, audio, 90)
        while recorder._jobs.qsize():
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


class published:
    """The publications of one participant, whose filter paints."""

    async def __aenter__(self) -> tuple[VideoPublication, AudioPublication]:
        self._executor = ThreadPoolExecutor(1)
        self._video = VideoPublication(
            ThreadTranscoding(Painter(PAINTED), self._executor, 300_000), LoadMeter(1)
        )
        self._video._frames = TokenBucket(math.inf)  # they come faster than from any camera
        return self._video, AudioPublication()

    async def __aexit__(self, *_: object) -> None:
        self._video.close()
        self._executor.shutdown()


async def feed(video: VideoPublication, audio: AudioPublication, frames: int, first: int = 0) -> None:
    """Send what a camera and a microphone make in frames / 30 s, as fast as it goes."""
    voice = speech(5 * (first + frames) // 3)
    for i, frame in enumerate(camera(first + frames)):
        if i < first:
            continue
        before = video.sent
        video.receive(frame._replace(arrival=time.monotonic()))
        for packet in voice[5 * i // 3 : 5 * (i + 1) // 3]:
            audio.receive(packet)
        async with asyncio.timeout(10):
            while video.sent == before:
                await asyncio.sleep(0.001)


@pytest.fixture
async def publications() -> AsyncIterator[tuple[VideoPublication, AudioPublication]]:
    async with published() as pair:
        yield pair


@pytest.fixture
def make_recorder(tmp_path: Path) -> Iterator[Callable[..., Recorder]]:
    made: list[Recorder] = []

    def make(name: str = "r", on_error: Callable[[Exception], None] = lambda error: None) -> Recorder:
        made.append(Recorder(tmp_path / name, "studio", (640, 360), on_error))
        return made[-1]

    yield make
    for each in made:
        each.stop()
        each.join()


def lumas(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]


def index(recorder: Recorder) -> Any:  # noqa: ANN401 - JSON
    return json.loads((recorder.folder / INDEX).read_text())


async def test_it_holds_what_receivers_get(
    publications: tuple[VideoPublication, AudioPublication], make_recorder: Callable[..., Recorder]
) -> None:
    video, audio = publications
    await feed(video, audio, 3)
    recorder = make_recorder()
    recorder.add("p1", "Ada", video, audio)
    video._keyframe_sent = 0.0  # as if the last one had been a while ago
    await feed(video, audio, 60, first=3)
    recorder.stop()
    await asyncio.to_thread(recorder.join)
    seen = lumas(recorder.folder / "p1.webm")
    assert len(seen) >= 55
    assert max(abs(luma - SHOWN) for luma in seen) < 5
    assert not video._subscriptions
    written = index(recorder)
    assert (written["room"], written["version"], written["start"]) == ("studio", 1, recorder.since)
    assert written["end"] >= written["start"]
    (entry,) = written["files"]
    assert (entry["participant"], entry["name"], entry["file"]) == ("p1", "Ada", "p1.webm")
    assert 0 <= entry["start"] < entry["end"]
    assert set(entry) == {"participant", "name", "file", "start", "end"}
    assert recorder.folder.stat().st_mode & 0o777 == 0o700


async def test_it_begins_with_a_keyframe(
    publications: tuple[VideoPublication, AudioPublication], make_recorder: Callable[..., Recorder]
) -> None:
    video, audio = publications
    await feed(video, audio, 5)
    recorder = make_recorder()
    recorder.add("p1", "Ada", video, audio)
    video._keyframe_sent = 0.0
    await feed(video, audio, 40, first=5)
    recorder.remove("p1")
    recorder.stop()
    await asyncio.to_thread(recorder.join)
    with av.open(str(recorder.folder / "p1.webm")) as container:
        assert next(container.demux(video=0)).is_keyframe


@pytest.mark.slow
async def test_killing_the_process_leaves_readable_files(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "r")]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -9, done.stderr
    assert len(lumas(tmp_path / "r" / "p1.webm")) > 10
    written = json.loads((tmp_path / "r" / INDEX).read_text())
    assert written["end"] is None
    assert written["files"][0]["start"] is not None


async def test_a_disk_error_ends_the_recording_and_not_the_call(
    publications: tuple[VideoPublication, AudioPublication],
    make_recorder: Callable[..., Recorder],
    tmp_path: Path,
) -> None:
    video, audio = publications
    (tmp_path / "file").write_text("in the way")
    errors: list[Exception] = []
    failed = threading.Event()

    def on_error(error: Exception) -> None:
        errors.append(error)
        failed.set()

    recorder = make_recorder("file/r", on_error)
    recorder.add("p1", "Ada", video, audio)
    assert await asyncio.to_thread(failed.wait, 10)
    assert isinstance(errors[0], NotADirectoryError)
    sent = video.sent
    await feed(video, audio, 10)
    assert video.sent == sent + 10
    recorder.stop()
    await asyncio.to_thread(recorder.join)
    assert len(errors) == 1


async def test_a_disk_that_is_too_slow_ends_it_too(
    publications: tuple[VideoPublication, AudioPublication],
    make_recorder: Callable[..., Recorder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder_module, "MAX_WAITING", 16)
    video, audio = publications
    errors: list[Exception] = []
    go = threading.Event()
    recorder = make_recorder(on_error=errors.append)

    def dawdle() -> None:
        go.wait(10)

    recorder._submit(dawdle)
    recorder.add("p1", "Ada", video, audio)
    await feed(video, audio, 30)
    go.set()
    assert [str(error) for error in errors] == ["the disk is too slow"]
    recorder.stop()
    await asyncio.to_thread(recorder.join)


async def test_a_defect_ends_it_and_closes_every_file(
    publications: tuple[VideoPublication, AudioPublication],
    make_recorder: Callable[..., Recorder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    video, audio = publications
    errors: list[Exception] = []
    closed: list[WebmFile] = []

    def stumble() -> None:
        raise TypeError

    def close(file: WebmFile) -> None:
        closed.append(file)
        stumble()

    monkeypatch.setattr(WebmFile, "close", close)
    recorder = make_recorder(on_error=errors.append)
    for name in ("p1", "p2"):
        recorder.add(name, name, video, audio)
    recorder._submit(stumble)
    await asyncio.to_thread(recorder.join)
    assert [type(error) for error in errors] == [TypeError]
    assert len(closed) == 2


def test_times_follow_the_capture_clock_and_no_liar() -> None:
    start = 1000 * SECOND
    clock = RecordingClock(90_000, start)
    assert clock.milliseconds(900, start + SECOND, start + SECOND + SECOND // 10) == 1000
    # Jitter of the capture time is not followed, a jump is.
    assert clock.milliseconds(3900, start + SECOND + SECOND // 20, start + 2 * SECOND) == 1033
    assert clock.milliseconds(6900, start + 2 * SECOND, start + 2 * SECOND) == 2000
    # A sender that says next week, or last week, is not believed.
    for lie in (start + 10**6 * SECOND, start - 500 * SECOND):
        assert clock.milliseconds(9900, lie, start + 2 * SECOND) == 2033
    assert clock.milliseconds(12900, None, start + 2 * SECOND) == 2067
