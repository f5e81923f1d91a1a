"""A cluster of two real Ray nodes, of which parts are killed: `make cluster-test`.

The order matters: what can't be undone comes last. Times are printed, not asserted: machines differ.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from server.access.certificates import make_secret
from tests.e2e.conftest import free_port
from tests.support.camera import Camera
from tests.support.media import frames_of, write_video
from tests.support.ray_nodes import ADDRESSES, RayNodes, children, command_line
from tests.support.regular import Regular

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # Clients whose server is killed while they connect leave sockets to the garbage collector (aioice).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

GCS_AWAY = 70.0  # seconds; by default Ray's parts end themselves after 60


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    nodes = RayNodes(tmp_path_factory.mktemp("ray"))
    try:
        nodes.start("a")
        nodes.start("b")
        yield nodes
    finally:
        nodes.stop()


@pytest.fixture(scope="module")
def front(nodes: RayNodes) -> str:
    return nodes.serve(free_port())


def say(what: str) -> None:
    print(f"\n    {what}")  # noqa: T201


async def rooms_of(front: str) -> dict[str, int]:
    """Return how many rooms each server has, by the front's metrics, after a renewal."""
    await asyncio.sleep(1.2)
    rooms: dict[str, int] = {}
    async with aiohttp.ClientSession() as session, session.get(f"{front}/metrics") as response:
        text = await response.text()
    for line in text.splitlines():
        if line.startswith("greenroom_server_rooms{"):
            rooms[line.partition('"')[2].partition('"')[0]] = int(float(line.rpartition(" ")[2]))
    return rooms


@asynccontextmanager
async def pair(front: str, room: str) -> AsyncIterator[tuple[Regular, Regular]]:
    """Have two people see each other in a room that one of them has locked."""
    ada, bob = Regular(front, room, "Ada"), Regular(front, room, "Bob")
    try:
        await ada.start()
        await bob.start()
        await asyncio.gather(ada.together(), bob.together())
        await ada.say({"type": "policy", "policy": {"locked": True}})
        await asyncio.sleep(1.2)  # two renewals
        yield ada, bob
    finally:
        await ada.leave()
        await bob.leave()


def node_with(nodes: RayNodes) -> str:
    """Return the node whose server has most open sockets: the one with the room."""

    def sockets(name: str) -> int:
        files = list(Path(f"/proc/{nodes.server(name)}/fd").iterdir())
        return sum(str(file.readlink()).startswith("socket:") for file in files)

    return max(ADDRESSES, key=sockets)


async def room_on(front: str, nodes: RayNodes, name: str, prefix: str) -> str:
    """Return a room that is on a node: names are tried until one is placed there."""
    async with aiohttp.ClientSession() as session:
        for k in range(20):
            room = f"{prefix}{k}"
            socket = await session.ws_connect(front + "/ws")
            await socket.send_json({"type": "join", "version": 1, "room": room, "name": "Scout"})
            await socket.receive_json()
            found = await rooms_of(front)
            here = any(found.values()) and node_with(nodes) == name
            await socket.send_json({"type": "leave"})
            await socket.close()
            if here:
                return room
    raise LookupError(name)


def gaps(since: float, *people: Regular) -> str:
    """Return the longest gaps; a busy machine looks like a narrow line, for which the server pauses pictures."""
    found = ", ".join(f"{person.longest_gap(since):.2f} s" for person in people)
    paused = sum(person.told("paused") for person in people)
    return f"longest gaps {found}; {paused} times paused for want of bandwidth"


def came_back(person: Regular, role: str) -> None:
    """Assert that somebody is in the room as what they were, and that it is locked."""
    joined = person.joined
    assert joined["state"] == "room"
    assert joined["policy"]["locked"] is True  # type: ignore[index]
    mine = [p for p in joined["participants"] if p["id"] == joined["participant"]]  # type: ignore[attr-defined]
    assert mine[0]["role"] == role


def test_another_secret_is_refused(nodes: RayNodes, tmp_path: Path) -> None:
    make_secret(tmp_path / "other.pem")
    config = ("--config", str(nodes.config))
    refused = nodes.greenroom("cluster", "status", *config, "--set", f"cluster_secret={tmp_path}/other.pem")
    assert refused.returncode == 1
    without = nodes.greenroom("cluster", "status", *config, RAY_AUTH_MODE="disabled")
    assert without.returncode == 1
    assert "RAY_AUTH_MODE" in without.stderr


async def test_forty_rooms_of_two_are_spread_evenly(front: str) -> None:
    times = []
    async with aiohttp.ClientSession() as session:
        start = time.monotonic()
        for k in range(80):
            began = time.monotonic()
            socket = await session.ws_connect(front + "/ws")
            await socket.send_json({"type": "join", "version": 1, "room": f"r{k // 2}", "name": "Ada"})
            assert (await socket.receive_json())["type"] == "joined"
            times.append(time.monotonic() - began)
        rate = 80 / (time.monotonic() - start)
        rooms = await rooms_of(front)
    say(f"{rate:.0f} joins/s one after the other, p50 {statistics.median(times) * 1e3:.1f} ms")
    assert sorted(rooms.values()) == [20, 20]


async def test_a_server_is_killed(front: str, nodes: RayNodes) -> None:
    async with pair(front, "killed") as (ada, bob):
        os.kill(nodes.server(node_with(nodes)), signal.SIGKILL)
        start = time.monotonic()
        await Regular.until(lambda: ada.arrivals == bob.arrivals == 2)
        back = time.monotonic()
        later = max(await asyncio.gather(ada.together(back), bob.together(back))) + back - start
        say(f"server killed: together again after {later:.2f} s")
        came_back(ada, "host")
        came_back(bob, "guest")
    await asyncio.to_thread(nodes.until_servers, front, 2)


async def test_the_host_actor_is_killed(front: str, nodes: RayNodes) -> None:
    async with pair(front, "hostless") as (ada, bob):
        start = time.monotonic()
        os.kill(nodes.actor(node_with(nodes), "HostActor"), signal.SIGKILL)
        await asyncio.sleep(5)
        say(f"host actor killed: {gaps(start, ada, bob)}")
        assert ada.arrivals == bob.arrivals == 1
    await asyncio.to_thread(nodes.until_servers, front, 2)


async def test_the_directory_is_killed(front: str, nodes: RayNodes) -> None:
    async with pair(front, "lost") as (ada, bob):
        start = time.monotonic()
        os.kill(nodes.actor("a", "LocalDirectory"), signal.SIGKILL)
        newcomer = Regular(front, "another", "Eve")
        await newcomer.start()
        say(f"directory killed: a join takes {time.monotonic() - start:.2f} s")
        say(gaps(start, ada, bob))
        assert ada.arrivals == bob.arrivals == 1
        await newcomer.leave()
    await asyncio.to_thread(nodes.until_servers, front, 2)


def test_films_survive_a_worker_that_is_killed(nodes: RayNodes, tmp_path: Path) -> None:
    camera, source, target = Camera(160, 96), tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for k in range(4):
        write_video(source / f"{k}.mp4", [camera.frame(i) for i in range(8)])
    (source / "broken.mp4").write_bytes(b"no film")
    words = ("filter", str(source), str(target), "--background", "#0000ff", "--cluster", nodes.address)

    def kill() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for name in ADDRESSES:
                for pid in children(nodes.raylet(name)):
                    if "ray::_film" in command_line(pid):
                        os.kill(pid, signal.SIGKILL)
                        return
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    done = nodes.greenroom(*words, GREENROOM_CLUSTER_SECRET=str(nodes.secret))
    thread.join()
    assert done.stdout.endswith("0 were done before, 4 now, 1 failed\n"), done.stdout + done.stderr
    assert [len(frames_of(target / f"{k}.mp4")) for k in range(4)] == [8] * 4
    again = nodes.greenroom(*words, GREENROOM_CLUSTER_SECRET=str(nodes.secret))
    assert again.stdout.endswith("4 were done before, 0 now, 1 failed\n"), again.stdout + again.stderr


async def test_a_machine_falls_silent(front: str, nodes: RayNodes) -> None:
    room = await room_on(front, nodes, "b", "silent")
    async with pair(front, room) as (ada, bob):
        raylet = nodes.raylet("b")
        everything = [raylet, *children(raylet)]
        for pid in everything:
            os.kill(pid, signal.SIGSTOP)
        start = time.monotonic()
        await Regular.until(lambda: ada.arrivals == bob.arrivals == 2)
        back = time.monotonic()
        later = max(await asyncio.gather(ada.together(back), bob.together(back))) + back - start
        say(f"machine silent: together again after {later:.2f} s")
        came_back(ada, "host")
        for pid in everything:
            os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(3)
        assert ada.arrivals == bob.arrivals == 2
        newcomer = Regular(front, "awake", "Eve")
        await newcomer.start()
        await newcomer.leave()


async def test_the_gcs_is_away_for_longer_than_ray_waits(front: str, nodes: RayNodes) -> None:
    async with pair(front, "gcs") as (ada, bob):
        start = time.monotonic()
        os.kill(nodes.gcs(), signal.SIGKILL)
        await asyncio.sleep(GCS_AWAY)
        newcomer = Regular(front, "new", "Eve")
        asked = time.monotonic()
        await newcomer.start()
        say(f"GCS away for {GCS_AWAY:.0f} s: a join takes {time.monotonic() - asked:.2f} s")
        say(gaps(start, ada, bob))
        assert ada.arrivals == bob.arrivals == 1
        await newcomer.leave()
