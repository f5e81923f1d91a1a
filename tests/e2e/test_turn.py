"""TURN: a real coturn relays with credentials that run out, and with no others."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import av
import pytest
import pytest_asyncio
from aiohttp import ClientSession
from aioice.ice import Connection, TransportPolicy
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection
from playwright.async_api import Browser

from filters.matting.segmenter import Segmenter, load_card
from server.app import ROOMS
from server.config.options import DEFAULT_MODEL, MODELS, Config, IceServer
from server.media.rtc.connection import PeerConnection
from server.peers.ice import describe, ice_servers
from tests.support.camera import Camera
from tests.support.client import CameraTrack
from tests.support.pages import READABLE, enter, visit, watched
from tests.support.program import free_port
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
    port = free_port()
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
    servers = (IceServer([turn]),)
    return Config(workers=1, ice_servers=servers, turn_secret=SECRET).replace(**options)


async def relays(server: IceServer) -> bool:
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
    assert not await relays(IceServer(good.urls, good.username, "guessed"))


@pytest_asyncio.fixture(loop_scope="session")
async def server(turn: str) -> AsyncIterator[Client]:
    segmenter = Segmenter(load_card(DEFAULT_MODEL, MODELS))
    async with serving(config(turn, server_relay=True), segmenter) as client:
        yield client


async def test_media_flows_when_a_client_has_only_the_relay(server: Client, turn: str) -> None:
    film: list[av.VideoFrame] = Camera(160, 120, loop=10).video_frames(10)
    relay_only = RTCConfiguration(
        iceServers=[
            RTCIceServer(s.urls, s.username, s.credential) for s in ice_servers(config(turn), "client")
        ],
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
        iceTransportPolicy=RTCIceTransportPolicy.RELAY,
    )
    camera = WhipClient(ClientSession(), str(server.make_url("/whip/studio")))
    camera.connection = RTCPeerConnection(relay_only)
    async with camera._session:
        assert await camera.publish(CameraTrack(lambda i: film[i % 10])) == 201
        lines = camera.connection.localDescription.sdp.splitlines()
        assert {line.split()[7] for line in lines if line.startswith("a=candidate")} == {"relay"}
        (membership,) = server.app[ROOMS].open_rooms.all()[0].memberships
        await until(lambda: membership.participant.video.received > 10)
        await camera.close()


RELAY_ONLY = """
;(() => {
  const connections = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) {
      super({...configuration, iceTransportPolicy: "relay"});
      connections.push(this);
    }
  };
  window.routes = async () => {
    const found = [];
    for (const connection of connections) {
      const stats = await connection.getStats();
      for (const {type, selectedCandidatePairId} of stats.values()) {
        const pair = type === "transport" && stats.get(selectedCandidatePairId);
        const ends = pair ? [pair.localCandidateId, pair.remoteCandidateId] : [];
        if (pair) found.push(ends.map((id) => stats.get(id).candidateType));
      }
    }
    return found;
  };
})();
"""

GATHER = """async (server) => {
  const connection = new RTCPeerConnection({iceServers: [server], iceTransportPolicy: "relay"});
  const candidates = [], errors = [];
  connection.onicecandidate = ({candidate}) => candidate?.candidate && candidates.push(candidate.type);
  connection.onicecandidateerror = ({errorCode}) => errors.push(errorCode);
  connection.createDataChannel("");
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete") await new Promise((done) => setTimeout(done, 20));
  connection.close();
  return {candidates, errors};
}"""


def relay_only(
    servers: Sequence[RTCIceServer], *, ports: tuple[int, int], public_address: str
) -> RTCPeerConnection:
    """Return what peer_connection does, with relayed candidates only."""
    return PeerConnection(
        RTCConfiguration(
            iceServers=list(servers),
            bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            iceTransportPolicy=RTCIceTransportPolicy.RELAY,
        )
    )


async def test_media_flows_when_browser_and_server_have_only_the_relay(
    server: Client, browser: Browser, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.peers.ice.peer_connection", relay_only)
    page = await visit(browser, camera, str(server.make_url("/r/relayed")), RELAY_ONLY)
    await enter(page, "Ada", "Fjord")
    await watched(page, self_tile=True)  # there and back again: both connections work
    await page.wait_for_function("() => watch.frames > 30", timeout=20_000)
    assert await page.evaluate("routes()") == [["relay", "relay"]] * 2
    assert await page.evaluate("watch.worst") < READABLE


async def test_the_page_for_other_programs_has_the_relay_too(
    server: Client, browser: Browser, camera: Camera
) -> None:
    page = await visit(browser, camera, str(server.make_url("/r/relayed")))
    await enter(page, "Ada", "Fjord")
    await watched(page, self_tile=True)
    (ada,) = server.app[ROOMS].open_rooms.all()[0].members
    other = await visit(browser, camera, str(server.make_url(f"/watch/relayed/{ada}")), RELAY_ONLY)
    await other.wait_for_function("() => watch.frames > 20", timeout=20_000)
    assert [mine for mine, _ in await other.evaluate("routes()")] == ["relay"]


@pytest.mark.parametrize("right", [True, False])
async def test_a_browser_gets_a_relay_with_the_right_password_only(
    turn: str, browser: Browser, right: bool
) -> None:
    (good,) = describe(ice_servers(config(turn), "p1"))
    page = await browser.new_page()
    await page.goto("about:blank")
    gathered = await page.evaluate(GATHER, good if right else good | {"credential": "guessed"})
    await page.close()
    assert gathered["candidates"] == (["relay"] if right else [])
    assert right or 401 in gathered["errors"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.05)
