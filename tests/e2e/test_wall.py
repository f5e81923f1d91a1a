"""The wall, seen from outside: a viewer decodes every frame, and none of them shows the room.

A marker of saturated stripes hangs in the room. It must be missing, or for a blur unreadable, in every frame from the
very first, whatever happens on the way; and where nothing is broken the person must be there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import av
import pytest

from filters.backgrounds.background import BUILTIN
from filters.base import planes_of
from tests.support.camera import Camera
from tests.support.client import CameraTrack, Client, join
from tests.support.placed import Place, frame_at, strong
from tests.support.viewer import READABLE, Viewer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="session")
def film(camera: Camera) -> list[av.VideoFrame]:
    return camera.video_frames(camera.loop)


def playing(film: list[av.VideoFrame]) -> CameraTrack:
    return CameraTrack(lambda i: film[i % len(film)])


async def test_the_marker_is_seen_without_a_filter(camera: Camera, film: list[av.VideoFrame]) -> None:
    viewer = Viewer(camera)
    viewer.look("", film[0])
    assert viewer.worst > 0.5
    assert viewer.face_is_there()


@pytest.mark.parametrize("background", ["blur", "blur-strong", "#20a060", sorted(BUILTIN)[0]])
async def test_no_frame_shows_the_room(
    server: str, camera: Camera, film: list[av.VideoFrame], background: str
) -> None:
    viewer = Viewer(camera)
    async with (
        join(server, "wall", "Bob", on_frame=viewer.look),
        join(server, "wall", "Ada", background=background) as ada,
    ):
        await ada.publish(playing(film))
        await viewer.wait(60)
    assert viewer.worst < READABLE
    assert viewer.face_is_there()


async def test_framing_and_light_show_no_room(server: str) -> None:
    """The stripes are looked for by their colours, wherever they come to be: nothing else is as strong."""
    films = {place: [frame_at(place, i) for i in range(4)] for place in (Place(0.3, 0.6), Place(0.65, 0.5))}
    places = sorted(films)
    seen: list[int] = []

    def look(owner: str, frame: av.VideoFrame) -> None:
        seen.append(strong(planes_of(frame)))

    def playing_places(i: int) -> av.VideoFrame:
        return films[places[i // 75 % 2]][i % 4]

    async with (
        join(server, "framed", "Bob", on_frame=look),
        join(server, "framed", "Ada", background="#305030") as ada,
    ):
        await ada.send({"type": "effects", "framing": True, "lowLight": True})
        await ada.publish(CameraTrack(playing_places))
        async with asyncio.timeout(60):
            while len(seen) < 200:
                await asyncio.sleep(0.05)
    assert strong(planes_of(films[places[0]][0])) > 1000
    assert max(seen) < 20


async def test_switching_backgrounds_shows_no_room(
    server: str, camera: Camera, film: list[av.VideoFrame]
) -> None:
    viewer = Viewer(camera)
    choices = ["blur", "#804020", sorted(BUILTIN)[-1], "blur-strong"]
    async with join(server, "switch", "Bob", on_frame=viewer.look), join(server, "switch", "Ada") as ada:
        await ada.publish(playing(film))
        await viewer.wait(10)
        for i in range(20):
            await ada.send({"type": "background", "background": choices[i % 4]})
            await viewer.wait(5)
    assert viewer.worst < READABLE
    assert viewer.face_is_there()


@pytest.mark.parametrize("fault", ["throw", "nan"])
async def test_a_filter_that_fails_shows_no_room(
    faulty_server: str, camera: Camera, film: list[av.VideoFrame], fault: str
) -> None:
    async with aiohttp.ClientSession() as session:

        async def broken(fault: str) -> None:
            await session.post(f"{faulty_server}/fault/{fault}")

        viewer = Viewer(camera)
        await broken(fault)
        async with (
            join(faulty_server, fault, "Bob", on_frame=viewer.look),
            join(faulty_server, fault, "Ada", background="#204060") as ada,
        ):
            await ada.publish(playing(film))
            await viewer.wait(20)
            assert not viewer.face_is_there()
            await broken("none")
            await viewer.wait(30)
            assert viewer.face_is_there()
            await broken(fault)
            await viewer.wait(60)
            assert not viewer.face_is_there()  # the last good frame stays for a second, then a placeholder
            await broken("none")
            await viewer.wait(30)
            assert viewer.face_is_there()
            report = await ada.wait_for("filter")
            assert report["raw"] == 0
    assert viewer.worst < READABLE


async def test_a_slow_network_shows_no_room(
    faulty_server: str, camera: Camera, film: list[av.VideoFrame]
) -> None:
    async with aiohttp.ClientSession() as session:
        await session.post(f"{faulty_server}/fault/slow")
        viewer = Viewer(camera)
        async with (
            join(faulty_server, "slow", "Bob", on_frame=viewer.look),
            join(faulty_server, "slow", "Ada", background="#204060") as ada,
        ):
            await ada.publish(playing(film))
            await viewer.wait(20)
        await session.post(f"{faulty_server}/fault/none")
    assert viewer.worst < READABLE
    assert viewer.face_is_there()


async def test_changing_frame_sizes_show_no_room(server: str) -> None:
    cameras = [
        Camera(*size, loop=10) for size in ((640, 360), (480, 270), (321, 241), (270, 480), (640, 360))
    ]
    films = [c.video_frames(10) for c in cameras]
    track = CameraTrack(_sequence(films, 15))
    viewers = {(c.width, c.height): Viewer(c) for c in cameras}
    everything = Viewer(cameras[0])

    def look(owner: str, frame: av.VideoFrame) -> None:
        viewers[frame.width, frame.height].look(owner, frame)
        everything.frames += 1
        everything.seen.set()

    async with (
        join(server, "sizes", "Bob", on_frame=look),
        join(server, "sizes", "Ada", background="#305030") as ada,
    ):
        await ada.publish(track)
        await everything.wait(70)
    assert all(viewer.frames > 0 for viewer in viewers.values())
    assert max(viewer.worst for viewer in viewers.values()) < READABLE


def _sequence(films: list[list[av.VideoFrame]], each: int) -> Callable[[int], av.VideoFrame]:
    def frame(i: int) -> av.VideoFrame:
        film = films[i // each % len(films)]
        return film[i % len(film)]

    return frame


async def test_one_sees_oneself_as_the_others_do(
    server: str, camera: Camera, film: list[av.VideoFrame]
) -> None:
    viewer, owners = Viewer(camera), set[str]()

    def look(owner: str, frame: av.VideoFrame) -> None:
        owners.add(owner)
        viewer.look(owner, frame)

    async with join(server, "self", "Ada", background="#404040", on_frame=look) as ada:
        await ada.publish(playing(film))
        await viewer.wait(40)
        assert owners == {ada.id}
    assert viewer.worst < READABLE
    assert viewer.face_is_there()


async def test_somebody_who_vanishes_is_gone_and_the_others_go_on(
    server: str, camera: Camera, film: list[av.VideoFrame]
) -> None:
    viewer = Viewer(camera)
    async with (
        join(server, "vanish", "Bob", on_frame=viewer.look) as bob,
        join(server, "vanish", "Ada") as ada,
    ):
        await ada.publish(playing(film))
        await viewer.wait(10)
        async with join(server, "vanish", "Eve") as eve:
            await eve.publish(playing(film))
            await viewer.wait(20)
            await eve.close(say_goodbye=False)
        await bob.wait_for("participant-updated", participant={**_someone(eve), "connected": False})
        await viewer.wait(20)


def _someone(client: Client) -> dict[str, object]:
    return {"id": client.id, "name": "Eve", "audio": False, "video": True}
