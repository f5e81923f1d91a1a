"""A small WHIP and WHEP client: sends a file to be filtered, or keeps what has come out of the filter.

It needs aiohttp and aiortc only, and waits for the server, or for something to watch:

    python examples/whip.py publish talk.mp4 'http://localhost:8080/whip/studio?identity=desk&background=fjord'
    python examples/whip.py play http://localhost:8080/whep/studio/desk seen.mp4 --seconds 5
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.contrib.media import MediaPlayer, MediaRecorder

CONFIGURATION = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
NOT_YET = (404, 409, 503)
PATIENCE = 20.0  # seconds
ROUNDS = 10_000


async def negotiate(connection: RTCPeerConnection, session: aiohttp.ClientSession, url: str) -> str:
    """Offer to an endpoint; return the URL of the session there."""
    await connection.setLocalDescription(await connection.createOffer())
    offer, headers = connection.localDescription.sdp, {"Content-Type": "application/sdp"}
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(aiohttp.ClientConnectorError):
            async with session.post(url, data=offer, headers=headers) as response:
                body = await response.text()
                if response.status == 201:
                    break
                if response.status not in NOT_YET:
                    raise SystemExit(f"{url}: {response.status} {body}")
        if time.monotonic() > deadline:
            raise SystemExit(f"{url}: there is nothing")
        await asyncio.sleep(0.5)
    await connection.setRemoteDescription(RTCSessionDescription(body, "answer"))
    return str(response.url.join(type(response.url)(response.headers["Location"])))


@contextlib.contextmanager
def repeated(file: str) -> Iterator[str]:
    """Write a list that FFmpeg's concat reads, because MediaPlayer's own loop ends after one round."""
    path = str(Path(file).resolve()).replace("'", r"'\''")
    with tempfile.NamedTemporaryFile("w", suffix=".ffconcat") as rounds:
        rounds.write("ffconcat version 1.0\n" + f"file '{path}'\n" * ROUNDS)
        rounds.flush()
        yield rounds.name


@contextlib.asynccontextmanager
async def sending(connection: RTCPeerConnection, file: str) -> AsyncIterator[None]:
    """Send a file again and again."""
    with repeated(file) as rounds:
        player = MediaPlayer(rounds, format="concat", options={"safe": "0"})
        for track in filter(None, (player.audio, player.video)):
            connection.addTransceiver(track, direction="sendonly")
        yield


@contextlib.asynccontextmanager
async def keeping(connection: RTCPeerConnection, file: str) -> AsyncIterator[None]:
    """Write the pictures that come."""
    recorder = MediaRecorder(file)

    async def record(track: MediaStreamTrack) -> None:
        recorder.addTrack(track)
        await recorder.start()

    connection.on("track", record)
    connection.addTransceiver("video", direction="recvonly")
    yield
    await recorder.stop()


async def main(arguments: argparse.Namespace) -> None:
    connection = RTCPeerConnection(CONFIGURATION)
    headers = {"Authorization": f"Bearer {arguments.token}"} if arguments.token else {}
    if arguments.what == "publish":
        file, url, media = arguments.source, arguments.target, sending
    else:
        url, file, media = arguments.source, arguments.target, keeping
    async with aiohttp.ClientSession(headers=headers) as session, media(connection, file):
        location = await negotiate(connection, session, url)
        await asyncio.sleep(arguments.seconds)
        await session.delete(location)
        await connection.close()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Publish by WHIP, or play by WHEP.")
    parser.add_argument("what", choices=("publish", "play"))
    parser.add_argument("source", help="the file to send, or the WHEP endpoint")
    parser.add_argument("target", help="the WHIP endpoint, or the file to write")
    parser.add_argument("--token", help="bearer token, where the server wants one")
    parser.add_argument("--seconds", type=float, default=3600.0, help="end after so long")
    return parser.parse_args()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(parse_arguments()))
