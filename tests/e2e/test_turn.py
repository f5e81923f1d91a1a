"""TURN: a real coturn relays with credentials that run out, and with no others."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator

import av
import pytest
from aiohttp import ClientSession
from aioice.ice import Connection, TransportPolicy
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection

from filters.segmenter import Segmenter, load_card
from server.app import CONFERENCE
from server.config import DEFAULT_MODEL, MODELS, Config
from server.ice import ice_servers
from tests.support.camera import Camera
from tests.support.client import CameraTrack
from tests.support.serving import Client, serving
from tests.support.whip_client import WhipClient

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

SECRET = "north"


@pytest.fixture(scope="module")
def turn() -> Iterator[str]:
    """The URL of a coturn that knows the secret."""
    executable = shutil.which("turnserver")
    if executable is None:
        pytest.skip("coturn is not installed: apt-get install coturn")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=greenroom", "--no-cli", "--no-tls",
               "--no-dtls", "--allow-loopback-peers", "--listening-ip=127.0.0.1", f"--listening-port={port}",
               "--log-file=stdout", "--pidfile="]  # fmt: skip
    with subprocess.Popen([executable, "-n", *options], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield f"turn:127.0.0.1:{port}?transport=udp"
        process.terminate()


def config(turn: str, **options: bool) -> Config:
    servers = (RTCIceServer([turn]),)
    return Config(workers=1, ice_servers=servers, turn_secret=SECRET).replace(**options)


async def relays(server: RTCIceServer) -> bool:
    """Tell whether a server gives us a relayed candidate."""
    host, port = server.urls[0].removeprefix("turn:").removesuffix("?transport=udp").split(":")
    connection = Connection(
        ice_controlling=True,
        turn_server=(host, int(port)),
        turn_username=server.username,
        turn_password=server.credential,
        transport_policy=TransportPolicy.RELAY,
    )
    await connection.gather_candidates()
    found = bool(connection.local_candidates)
    await connection.close()
    return found


async def test_coturn_takes_our_credentials_until_they_expire(turn: str) -> None:
    (good,) = ice_servers(config(turn), "p1")
    (expired,) = ice_servers(config(turn), "p1", now=time.time() - 7 * 3600)
    assert await relays(good)
    assert not await relays(expired)
    assert not await relays(RTCIceServer(good.urls, good.username, "guessed"))


@pytest.fixture
async def server(turn: str) -> AsyncIterator[Client]:
    segmenter = Segmenter(load_card(DEFAULT_MODEL, MODELS))
    async with serving(config(turn, server_relay=True), segmenter) as client:
        yield client


async def test_media_flows_when_a_client_has_only_the_relay(server: Client, turn: str) -> None:
    film: list[av.VideoFrame] = Camera(160, 120, loop=10).video_frames(10)
    relay_only = RTCConfiguration(
        iceServers=ice_servers(config(turn), "client"),
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
        iceTransportPolicy=RTCIceTransportPolicy.RELAY,
    )
    camera = WhipClient(ClientSession(), str(server.make_url("/whip/studio")))
    camera.connection = RTCPeerConnection(relay_only)
    async with camera._session:
        assert await camera.publish(CameraTrack(lambda i: film[i % 10])) == 201
        lines = camera.connection.localDescription.sdp.splitlines()
        assert {line.split()[7] for line in lines if line.startswith("a=candidate")} == {"relay"}
        (attendance,) = server.app[CONFERENCE].rooms.all()[0].attendances
        await until(lambda: attendance.participant.video.received > 10)
        await camera.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.05)
