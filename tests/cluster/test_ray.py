"""A cluster of two real Ray nodes, of which parts are killed: `make cluster-test`.

The order matters: what can't be undone comes last. Times are printed, not asserted: machines differ.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from server.access.certificates import make_secret
from tests.support.processes import children, command_line, media_sockets
from tests.support.program import free_port
from tests.support.ray_nodes import ADDRESSES, RayNodes
from tests.support.regular import Regular

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # Clients whose server is killed while they connect leave sockets to the garbage collector (aioice).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

GCS_AWAY = 90.0  # seconds; by default Ray's parts end themselves after 60
LIMIT = 120.0  # seconds
TRIES = 20  # rooms, until one is placed where it shall be
RENEWALS = 1.2  # seconds: two renewals


def say(what: str) -> None:
    print(f"\n    {what}")  # noqa: T201


async def rooms_of(front: str) -> dict[str, float]:
    """Return how many rooms each server that answers has, by the front's metrics, after a renewal."""
    await asyncio.sleep(RENEWALS)
    async with aiohttp.ClientSession() as session, session.get(f"{front}/metrics") as response:
        text = await response.text()
    rooms, leases = (
        {server: float(value) for server, value in re.findall(rf'^{name}{{server="(.+)"}} (.+)$', text, re.M)}
        for name in ("greenroom_server_rooms", "greenroom_lease_seconds")
    )
    return {server: count for server, count in rooms.items() if leases[server]}


async def until_empty(front: str) -> None:
    """Wait until nobody of a test before is in a room."""
    async with asyncio.timeout(LIMIT):
        while any((await rooms_of(front)).values()):
            pass


def node_with(nodes: RayNodes) -> str:
    """Return the node whose server has people."""
    return max(ADDRESSES, key=lambda name: media_sockets(nodes.server(name)))


@asynccontextmanager
async def pair(
    front: str, nodes: RayNodes, room: str, node: str = ""
) -> AsyncIterator[tuple[Regular, Regular]]:
    """Have two people, and nobody else, see each other in a room that one of them has locked, on a node or anywhere."""
    for k in range(TRIES):
        await until_empty(front)
        ada, bob = (Regular(front, f"{room}{k}", name) for name in ("Ada", "Bob"))
        try:
            await ada.start()
            await bob.start()
            await asyncio.gather(ada.together(), bob.together())
            if not node or node_with(nodes) == node:
                await ada.say({"type": "policy", "policy": {"locked": True}})
                await asyncio.sleep(RENEWALS)
                yield ada, bob
                return
        finally:
            await ada.leave()
            await bob.leave()
    raise LookupError(node)


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


def test_status_takes_the_secret_and_no_other(nodes: RayNodes, front: str, tmp_path: Path) -> None:
    make_secret(tmp_path / "other.pem")
    config = ("--config", str(nodes.config))
    shown = nodes.greenroom("cluster", "status", *config)
    assert all(f"https://{address}:" in shown.stdout for address in ADDRESSES.values()), shown.stderr
    assert shown.stdout.count(" serving ") == 2
    refused = nodes.greenroom("cluster", "status", *config, "--set", f"cluster_secret={tmp_path}/other.pem")
    assert refused.returncode == 1
    without = nodes.greenroom("cluster", "status", *config, RAY_AUTH_MODE="disabled")
    assert without.returncode == 1
    assert "RAY_AUTH_MODE" in without.stderr


@pytest.mark.parametrize("mode", ["disabled", "token"])
def test_ray_itself_refuses_who_lacks_the_token(nodes: RayNodes, mode: str) -> None:
    script = "import ray, sys; ray.init(sys.argv[1]); print('connected')"
    variables = {"RAY_AUTH_MODE": mode, "RAY_gcs_rpc_server_connect_timeout_s": "5"}
    if mode == "token":
        variables["RAY_AUTH_TOKEN"] = "0" * 64
    refused = subprocess.run(
        [sys.executable, "-c", script, nodes.address],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert refused.returncode != 0
    assert "connected" not in refused.stdout


async def test_forty_rooms_of_two_are_spread_evenly(front: str) -> None:
    await until_empty(front)
    times, sockets = [], []
    async with aiohttp.ClientSession() as session:
        start = time.monotonic()
        for k in range(80):
            began = time.monotonic()
            socket = await session.ws_connect(front + "/ws")
            await socket.send_json({"type": "join", "version": 1, "room": f"r{k // 2}", "name": "Ada"})
            assert (await socket.receive_json())["type"] == "joined"
            times.append(time.monotonic() - began)
            sockets.append(socket)
        rate = 80 / (time.monotonic() - start)
        rooms = await rooms_of(front)
        for socket in sockets:
            await socket.send_json({"type": "leave"})
    say(f"{rate:.0f} joins/s one after the other, p50 {statistics.median(times) * 1e3:.1f} ms")
    assert sorted(rooms.values()) == [20, 20]


async def test_a_server_is_killed(front: str, nodes: RayNodes) -> None:
    async with pair(front, nodes, "killed") as (ada, bob):
        os.kill(nodes.server(node_with(nodes)), signal.SIGKILL)
        start = time.monotonic()
        await Regular.until(lambda: min(ada.arrivals, bob.arrivals) > 1)
        back = time.monotonic()
        later = max(await asyncio.gather(ada.together(back), bob.together(back))) + back - start
        say(f"server killed: together again after {later:.2f} s")
        came_back(ada, "host")
        came_back(bob, "guest")
    await asyncio.to_thread(nodes.until_servers, front, 2)


async def test_the_host_actor_is_killed(front: str, nodes: RayNodes) -> None:
    async with pair(front, nodes, "hostless") as (ada, bob):
        start = time.monotonic()
        os.kill(nodes.actor(node_with(nodes), "HostActor"), signal.SIGKILL)
        await asyncio.sleep(5)
        say(f"host actor killed: {gaps(start, ada, bob)}")
        assert ada.arrivals == bob.arrivals == 1
    await asyncio.to_thread(nodes.until_servers, front, 2)


async def test_the_directory_is_killed(front: str, nodes: RayNodes) -> None:
    async with pair(front, nodes, "lost") as (ada, bob):
        start = time.monotonic()
        os.kill(nodes.actor("a", "LocalDirectory"), signal.SIGKILL)
        newcomer = Regular(front, "another", "Eve")
        await newcomer.start()
        say(f"directory killed: a join takes {time.monotonic() - start:.2f} s")
        say(gaps(start, ada, bob))
        assert ada.arrivals == bob.arrivals == 1
        await newcomer.leave()
    await asyncio.to_thread(nodes.until_servers, front, 2)


async def test_the_raylet_is_killed(front: str, nodes: RayNodes) -> None:
    """The node's host ends with it, and the server goes on with whom it has."""
    async with pair(front, nodes, "rayless", "b") as (ada, bob):
        server = nodes.server("b")
        start = time.monotonic()
        os.kill(nodes.raylet("b"), signal.SIGKILL)
        newcomer = Regular(front, "another", "Eve")
        await newcomer.start()
        say(f"raylet killed: a join takes {time.monotonic() - start:.2f} s")
        await asyncio.sleep(5)
        say(gaps(start, ada, bob))
        assert ada.arrivals == bob.arrivals == 1
        await newcomer.leave()
    await Regular.until(lambda: not command_line(server), LIMIT)  # it ends when the last one has left
    await asyncio.to_thread(nodes.start, "b")
    await asyncio.to_thread(nodes.until_servers, front, 2)


async def test_a_node_is_drained_although_somebody_is_lost(front: str, nodes: RayNodes) -> None:
    async with pair(front, nodes, "drained", "b") as (ada, bob):
        server = nodes.server("b")
        words = ("cluster", "drain", ADDRESSES["b"], "--limit", "120", "--config", str(nodes.config))
        draining = nodes.greenroom_begun(*words)
        try:
            await bob.vanish()
            await ada.leave()
            said, errors = await asyncio.to_thread(draining.communicate, timeout=LIMIT)
        finally:
            draining.kill()
        assert said.endswith(" is drained\n"), said + errors
    await Regular.until(lambda: not command_line(server), LIMIT)
    nodes.kill("b")
    await asyncio.to_thread(nodes.start, "b")
    await asyncio.to_thread(nodes.until_servers, front, 2)


def test_fronts_say_why_a_node_has_no_rooms(
    front: str, nodes: RayNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes.kill("b")
    with monkeypatch.context() as patched:
        patched.setattr(nodes, "variables", {**nodes.variables, "GREENROOM_TURN_SECRET": "x"})
        nodes.start("b")
    another = nodes.greenroom_begun("serve", "--config", str(nodes.config), "--port", str(free_port()))
    try:
        assert another.stderr is not None
        said = next(line for line in another.stderr if " has no rooms: " in line)
        assert "turn_secret: " in said
    finally:
        another.terminate()
        another.communicate(timeout=LIMIT)
    nodes.kill("b")
    nodes.start("b")
    nodes.until_servers(front, 2)


async def test_a_machine_falls_silent(front: str, nodes: RayNodes) -> None:
    async with pair(front, nodes, "silent", "b") as (ada, bob):
        raylet = nodes.raylet("b")
        everything = [raylet, *children(raylet)]
        for pid in everything:
            os.kill(pid, signal.SIGSTOP)
        start = time.monotonic()
        await Regular.until(lambda: min(ada.arrivals, bob.arrivals) > 1)
        back = time.monotonic()
        later = max(await asyncio.gather(ada.together(back), bob.together(back))) + back - start
        say(f"machine silent: together again after {later:.2f} s")
        came_back(ada, "host")
        arrivals = (ada.arrivals, bob.arrivals)
        for pid in everything:
            os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(3)
        assert (ada.arrivals, bob.arrivals) == arrivals
        newcomer = Regular(front, "awake", "Eve")
        await newcomer.start()
        await newcomer.leave()


async def test_the_gcs_is_away_for_longer_than_ray_waits(front: str, nodes: RayNodes) -> None:
    async with pair(front, nodes, "gcs") as (ada, bob):
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
