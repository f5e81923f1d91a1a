"""Two peer connections in this process, over the loopback interface."""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import AsyncIterator, Awaitable, Callable

import aioice.ice
import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection

from server.media import rtc

VIDEO_TIME_BASE = fractions.Fraction(1, 90_000)


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer 127.0.0.1 only, which aioice leaves out: tests need no network, and gather in no time."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait for a condition, for 5 s at most."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.002)

    return wait


@pytest.fixture
def negotiate(
    until: Callable[[Callable[[], object]], Awaitable[None]],
) -> Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[None]]:
    """Offer, answer, connected."""

    async def run(offerer: RTCPeerConnection, answerer: RTCPeerConnection) -> None:
        await offerer.setLocalDescription(await offerer.createOffer())
        await answerer.setRemoteDescription(offerer.localDescription)
        await answerer.setLocalDescription(await answerer.createAnswer())
        await offerer.setRemoteDescription(answerer.localDescription)
        await until(lambda: {offerer.connectionState, answerer.connectionState} == {"connected"})

    return run


@pytest.fixture
async def connections() -> AsyncIterator[list[RTCPeerConnection]]:
    """Collect connections to close after the test."""
    made: list[RTCPeerConnection] = []
    yield made
    await asyncio.gather(*(connection.close() for connection in made))


@pytest.fixture
def stock(connections: list[RTCPeerConnection]) -> RTCPeerConnection:
    """Make a connection of aiortc's own."""
    connections.append(RTCPeerConnection(RTCConfiguration(iceServers=[])))
    return connections[-1]


@pytest.fixture
def ours(connections: list[RTCPeerConnection]) -> RTCPeerConnection:
    """Make one with peer_connection."""
    connections.append(rtc.peer_connection())
    return connections[-1]


@pytest.fixture
def other(connections: list[RTCPeerConnection]) -> RTCPeerConnection:
    """Make a second one with peer_connection."""
    connections.append(rtc.peer_connection())
    return connections[-1]


class Camera(MediaStreamTrack):
    """100 frames a second, 64 x 64, each a little brighter; timestamps of a 30 fps camera."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(0.01)
        frame = av.VideoFrame.from_ndarray(np.full((96, 64), self.count % 200, np.uint8), "yuv420p")
        frame.pts, frame.time_base = self.count * 3000, VIDEO_TIME_BASE
        self.count += 1
        return frame


@pytest.fixture
def camera() -> MediaStreamTrack:
    return Camera()


@pytest.fixture(scope="session")
def clip() -> list[bytes]:
    """Twenty VP8 frames, 64 x 64, the first of them a keyframe; luma is 4 n in frame n."""
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuv420p", VIDEO_TIME_BASE
    encoder.options = {"deadline": "realtime", "lag-in-frames": "0", "crf": "4", "b": "2M"}
    frames = []
    for index in range(20):
        frame = av.VideoFrame.from_ndarray(np.full((96, 64), 4 * index, np.uint8), "yuv420p")
        frame.pts = index * 3000
        frames += [bytes(packet) for packet in encoder.encode(frame)]
    return frames
