"""A recorded call with real media: nothing of the room is in any file that it leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest
from aiohttp import web
from aiortc import AudioStreamTrack

from filters.matting.segmenter import Segmenter
from server.app import ROOMS, create_app
from server.config.options import Config
from server.media.recording.compose import compose
from server.receipts.receipt import check
from tests.support.camera import Camera
from tests.support.client import CameraTrack, Client, join
from tests.support.viewer import READABLE, Viewer

pytestmark = pytest.mark.slow

CAMERA = Camera(320, 180, loop=60)


@pytest.fixture
async def runner(segmenter: Segmenter, tmp_path: Path) -> AsyncIterator[web.AppRunner]:
    config = Config(workers=1, background="#206040", recordings=tmp_path / "recordings")
    runner = web.AppRunner(create_app(config, segmenter), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner
    await runner.cleanup()


async def publish(client: Client, film: list[av.VideoFrame]) -> None:
    await client.publish(CameraTrack(lambda i: film[i % len(film)]), AudioStreamTrack())


def watch(path: Path) -> tuple[Viewer, bool]:
    """Look at every frame of a file; tell whether any of them shows the face."""
    viewer, face = Viewer(CAMERA), False
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            viewer.look("", frame)
            face = face or viewer.face_is_there()
    return viewer, face


async def ended(folder: Path) -> None:
    async with asyncio.timeout(10):
        while json.loads((folder / "index.json").read_text())["end"] is None:
            await asyncio.sleep(0.01)


async def test_no_recorded_frame_shows_the_room(runner: web.AppRunner, tmp_path: Path) -> None:
    server = f"http://127.0.0.1:{runner.addresses[0][1]}"
    film, viewer, shown = CAMERA.video_frames(CAMERA.loop), Viewer(CAMERA), set[str]()

    def look(owner: str, frame: av.VideoFrame) -> None:
        viewer.look(owner, frame)
        if viewer.face_is_there():
            shown.add(owner)

    async with (
        join(server, "r", "Ada", background="#206040") as ada,
        join(server, "r", "Bob", background="#206040", on_frame=look) as bob,
    ):
        await ada.send({"type": "policy", "policy": {"recording": True}})
        await ada.send({"type": "recording", "on": True})
        assert (await bob.wait_for("recording"))["recording"]["by"] == ada.id
        # From the very first frame, before the filter has found anybody, to the last.
        await publish(ada, film)
        await publish(bob, film)
        await viewer.wait(150)
        while shown != {ada.id, bob.id}:  # a busy server covers the whole picture for a while
            await viewer.wait(10)
        await ada.send({"type": "recording", "on": False})
        await bob.wait_for("recording", recording=None)
    rooms = runner.app[ROOMS] if runner.app is not None else None
    assert rooms is not None
    (folder,) = (tmp_path / "recordings").iterdir()
    await ended(folder)
    for each in (ada, bob):
        recorded, face = watch(folder / f"{each.id}.webm")
        assert recorded.frames > 40
        assert recorded.worst < READABLE
        assert face
        with av.open(str(folder / f"{each.id}.webm")) as container:
            assert sum(frame.samples for frame in container.decode(audio=0)) > 48_000
    made = await asyncio.to_thread(compose, folder, tmp_path / "film.mp4", names=True)
    assert made > 40
    with av.open(str(tmp_path / "film.mp4")) as container:
        for frame in container.decode(video=0):
            magenta = frame.to_ndarray(format="rgb24").astype(int)
            assert not ((magenta[..., 0] > 180) & (magenta[..., 1] < 80) & (magenta[..., 2] > 180)).any()
    async with asyncio.timeout(10):
        while len(rooms.receipts.of("r")) < 2:
            await asyncio.sleep(0.01)
    for receipt in rooms.receipts.of("r"):
        check(receipt, rooms.receipts.key.public_key())
        assert receipt["frames"]["sent"] > 40
        assert receipt["frames"]["raw"] == 0
