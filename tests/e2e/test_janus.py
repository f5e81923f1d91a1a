"""A real Janus: filtered copies of a private room's cameras appear in a public one, and nothing else."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
import pytest_asyncio
from aiortc import AudioStreamTrack

from server.core.errors import JanusError
from server.janus.bridge import DISPLAY
from server.janus.client import connect
from server.janus.relay import FIRST_PAUSE
from server.janus.videoroom import PLUGIN, JanusRoom, expect, watch
from tests.e2e.conftest import run_server
from tests.support.camera import Camera
from tests.support.client import CameraTrack
from tests.support.janus import PIN, PRIVATE, PUBLIC, JanusServer, Visitor, janus_server, visit
from tests.support.viewer import READABLE, Viewer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]


@contextmanager
def installed_janus(folder: Path) -> Iterator[JanusServer]:
    with janus_server(folder) as server:
        if server is None:
            pytest.skip("Janus is not installed: apt-get install janus")
        yield server


@pytest.fixture(scope="module")
def janus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JanusServer]:
    with installed_janus(tmp_path_factory.mktemp("janus")) as server:
        yield server


@pytest.fixture
def empty_janus(tmp_path: Path) -> Iterator[JanusServer]:
    """One that no other bridge serves: two would show the same person side by side, under the same name."""
    with installed_janus(tmp_path) as server:
        yield server


def command(janus: JanusServer, *more: str) -> list[str]:
    rooms = ["--private", str(PRIVATE), "--public", str(PUBLIC), "--private-pin", PIN]
    return [
        "server",
        "bridge",
        "janus",
        "--server",
        janus.url,
        *rooms,
        "--background",
        "#204060",
        "--port",
        "PORT",
        *more,
    ]


@pytest.fixture(scope="module")
def bridge(janus: JanusServer) -> Iterator[str]:
    """The URL of a bridge, as the product's own command starts it."""
    with run_server(*command(janus)) as url:
        yield url


@pytest.fixture(scope="module")
def film() -> list[av.VideoFrame]:
    return CAMERA.video_frames(CAMERA.loop)


CAMERA = Camera(320, 180, loop=60)


def playing(film: list[av.VideoFrame]) -> CameraTrack:
    return CameraTrack(lambda i: film[i % len(film)], rate=15)


@pytest_asyncio.fixture(loop_scope="session")
async def somebody(janus: JanusServer) -> AsyncIterator[Visitor]:
    async with visit(janus.url) as visitor:
        yield visitor


async def watch_public(visitor: Visitor, name: str, viewer: Viewer) -> None:
    feed = (await visitor.wait_until(PUBLIC, name))[name]
    await visitor.view(PUBLIC, feed, lambda frame: viewer.look("", frame))


async def test_sigterm_takes_everything_along(
    janus: JanusServer, film: list[av.VideoFrame], somebody: Visitor
) -> None:
    async with visit(janus.url) as ada:
        await ada.publish(PRIVATE, "Ada", playing(film), pin=PIN)
        await somebody.wait_until(PRIVATE, "Ada")
        before = await janus.handles()
        arguments = ["0" if each == "PORT" else each for each in command(janus)]
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", *arguments)
        await somebody.wait_until(PUBLIC, "Ada")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
        assert await somebody.present(PUBLIC) == {}
        assert await janus.handles() == before


async def test_the_public_room_never_shows_the_private_one(
    bridge: str, janus: JanusServer, film: list[av.VideoFrame], somebody: Visitor
) -> None:
    early, late, raw = Viewer(CAMERA), Viewer(CAMERA), Viewer(CAMERA)
    raw.look("", film[0])
    assert raw.worst > 0.5
    async with visit(janus.url) as ada:
        await ada.publish(PRIVATE, "Ada", playing(film), AudioStreamTrack(), pin=PIN)
        await watch_public(somebody, "Ada", early)
        await early.wait(60)
        assert somebody.sounds > 10
        await watch_public(
            somebody, "Ada", late
        )  # sees something at once only if a keyframe is made for them
        await late.wait(15)
        assert early.face_is_there()
        assert late.face_is_there()
    await somebody.wait_until(PUBLIC)
    assert max(early.worst, late.worst) < READABLE


@pytest.mark.parametrize(
    ("follow", "shown"), [("centre", True), ("0.02,0.02", False)], ids=["centre", "nobody-there"]
)
async def test_options_for_the_picture_hold_from_the_first_one_on(
    empty_janus: JanusServer, film: list[av.VideoFrame], follow: str, shown: bool
) -> None:
    with run_server(*command(empty_janus, "--follow", follow, "--effects", "low-light")):
        async with visit(empty_janus.url) as ada, visit(empty_janus.url) as somebody:
            await ada.publish(PRIVATE, "Ada", playing(film), pin=PIN)
            viewer, faces = Viewer(CAMERA), 0
            await watch_public(somebody, "Ada", viewer)
            for _ in range(15):
                await viewer.wait(1)
                faces += viewer.face_is_there()
            assert (faces > 0) is shown
            assert viewer.worst < READABLE


async def test_people_who_come_go_and_change_their_names(
    bridge: str, janus: JanusServer, film: list[av.VideoFrame], somebody: Visitor
) -> None:
    async with visit(janus.url) as ada, visit(janus.url) as bob:
        await somebody.wait_until(PUBLIC)
        await ada.publish(PRIVATE, "Ada", playing(film), pin=PIN)
        await somebody.wait_until(PUBLIC, "Ada")
        before = await janus.handles()
        handle = await bob.publish(PRIVATE, "Bob", AudioStreamTrack(), pin=PIN)
        await somebody.wait_until(PUBLIC, "Ada", "Bob")
        await handle.request({"request": "configure", "display": "Bob ✋"})
        await somebody.wait_until(PUBLIC, "Ada", "Bob ✋")
        await handle.request({"request": "unpublish"})
        await somebody.wait_until(PUBLIC, "Ada")
        await handle.detach()
        async with asyncio.timeout(10):
            while await janus.handles() != before:
                await asyncio.sleep(0.1)
    await somebody.wait_until(PUBLIC)


async def test_whoever_is_kicked_out_stays_out_until_they_publish_again(
    bridge: str, janus: JanusServer, somebody: Visitor
) -> None:
    async with visit(janus.url) as ada:
        handle = await ada.publish(PRIVATE, "Ada", AudioStreamTrack(), pin=PIN)
        copy = (await somebody.wait_until(PUBLIC, "Ada"))["Ada"]
        await handle.request({"request": "kick", "room": PUBLIC, "secret": PIN, "id": copy})
        deadline = time.monotonic() + 2 * FIRST_PAUSE
        while time.monotonic() < deadline:
            assert await somebody.present(PUBLIC) == {}
            await asyncio.sleep(0.1)
        await handle.request({"request": "unpublish"})
        await ada.publish(PRIVATE, "Ada again", AudioStreamTrack(), pin=PIN)
        await somebody.wait_until(PUBLIC, "Ada again")


async def test_it_comes_back_when_it_is_kicked_out_of_the_private_room(
    bridge: str, janus: JanusServer, somebody: Visitor
) -> None:
    async with visit(janus.url) as ada, visit(janus.url) as bob:
        moderator = await ada.publish(PRIVATE, "Ada", AudioStreamTrack(), pin=PIN)
        await somebody.wait_until(PUBLIC, "Ada")
        people = (await moderator.request({"request": "listparticipants", "room": PRIVATE})).data
        (itself,) = (each["id"] for each in people["participants"] if each["display"] == DISPLAY)
        await moderator.request({"request": "kick", "room": PRIVATE, "id": itself})
        await bob.publish(PRIVATE, "Bob", AudioStreamTrack(), pin=PIN)
        await somebody.wait_until(PUBLIC, "Ada", "Bob")
    await somebody.wait_until(PUBLIC)


async def test_it_comes_back_after_janus_has_been_restarted(
    bridge: str, janus: JanusServer, film: list[av.VideoFrame]
) -> None:
    for _ in range(2):
        viewer = Viewer(CAMERA)
        async with visit(janus.url) as ada, visit(janus.url) as bob:
            await ada.publish(PRIVATE, "Ada", playing(film), pin=PIN)
            await watch_public(bob, "Ada", viewer)
            await viewer.wait(20)
            assert viewer.worst < READABLE
            janus.stop()
        janus.start()


async def test_a_wrong_pin_and_a_missing_room_are_told_with_a_next_step(janus: JanusServer) -> None:
    async with connect(janus.url) as session:
        handle = await session.attach(PLUGIN)
        with pytest.raises(
            JanusError, match=r"janus_private: Unauthorized.*set janus_private_pin to its PIN"
        ):
            await watch(handle, JanusRoom(PRIVATE, "0", "janus_private"), "Greenroom")
        with pytest.raises(JanusError, match="janus_public: No such room; create it"):
            await expect(handle, JanusRoom(99, "", "janus_public"))


async def test_a_room_for_g711_gets_pictures_and_no_noise_and_a_dummy_is_nobody(
    tmp_path: Path, film: list[av.VideoFrame]
) -> None:
    options = {"private": ", dummy_publisher = true", "public": ', audiocodec = "pcma"'}
    with janus_server(tmp_path, **options) as janus:
        if janus is None:
            pytest.skip("Janus is not installed: apt-get install janus")
        with run_server(*command(janus)):
            async with visit(janus.url) as ada, visit(janus.url) as somebody:
                await ada.publish(PRIVATE, "Ada", playing(film), AudioStreamTrack(), pin=PIN)
                await somebody.wait_until(PRIVATE, "Ada", "Dummy publisher")
                viewer = Viewer(CAMERA)
                await watch_public(somebody, "Ada", viewer)
                await viewer.wait(15)
                assert set(await somebody.present(PUBLIC)) == {"Ada"}
                assert somebody.sounds == 0
                assert viewer.worst < READABLE
