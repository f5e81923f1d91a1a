"""A small client of Greenroom: joins, sends a test pattern or a file, prints who is there and what they say.

It speaks server/signaling/protocol.md, saves nothing, and needs aiohttp and aiortc only:

    python examples/client.py http://localhost:8080 studio --name Robot --say Hello
    python examples/client.py http://localhost:8080 studio --file talk.mp4 --background fjord
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from typing import Any

import aiohttp
import numpy as np
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.contrib.media import MediaBlackhole, MediaPlayer
from av import VideoFrame

CONFIGURATION = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
LEAVING = 5.0  # seconds in which a server has read that one leaves, and hung up; chosen


def show(line: str) -> None:
    print(line, flush=True)  # noqa: T201


class TestPattern(VideoStreamTrack):
    """A grey ramp that moves; the server hides it, because nobody is in it."""

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        ramp = np.arange(640, dtype=np.uint16)[None, :] + pts // 3000
        frame = VideoFrame.from_ndarray(np.repeat(ramp % 256, 360, 0).astype(np.uint8), format="gray")
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Client:
    """One stay in one room."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, arguments: argparse.Namespace) -> None:
        self.socket = socket
        self.arguments = arguments
        self.names: dict[str, str] = {}
        self.publish = RTCPeerConnection(CONFIGURATION)
        self.subscribe = RTCPeerConnection(CONFIGURATION)
        self.sink = MediaBlackhole()

    async def run(self) -> None:
        """Join, then do what the server says until it hangs up."""
        wish = self.arguments
        await self.send("join", version=1, room=wish.room, name=wish.name, background=wish.background)
        async for message in self.socket:
            await self.receive(message.json())

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send_json({"type": kind, **fields})

    async def receive(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "joined" | "entered":
                for participant in message["participants"]:
                    self.meet(participant)
                if message["type"] == "joined":
                    await self.send_media()
                if self.arguments.say and message.get("state", "room") == "room":
                    await self.send("chat", text=self.arguments.say)
            case "answer":
                await self.publish.setRemoteDescription(RTCSessionDescription(message["sdp"], "answer"))
                sent = {sender.kind for sender in self.publish.getSenders() if sender.track}
                await self.send("media", audio="audio" in sent, video="video" in sent)
            case "offer":
                await self.answer(message)
            case "participant-joined":
                self.meet(message["participant"])
            case "participant-left":
                show(f"- {self.names.pop(message['participant'], '?')}")
            case "chat":
                show(f"{message['chat']['name']}: {message['chat']['text']}")
            case "filter":
                show(f"filtered {message['filtered']} of {message['received']}, raw {message['raw']}")
            case "error":
                show(f"! {message['code']}: {message['message']}")

    def meet(self, participant: dict[str, Any]) -> None:
        self.names[participant["id"]] = participant["name"]
        show(f"+ {participant['name']}" + (" (host)" if participant["role"] == "host" else ""))

    async def send_media(self) -> None:
        player = MediaPlayer(self.arguments.file) if self.arguments.file else None
        tracks = [player.audio, player.video] if player else [TestPattern()]
        for track in filter(None, tracks):
            self.publish.addTransceiver(track, direction="sendonly")
        await self.publish.setLocalDescription(await self.publish.createOffer())
        sdp = self.publish.localDescription.sdp
        await self.send("offer", connection="publish", id=1, sdp=sdp)

    async def answer(self, offer: dict[str, Any]) -> None:
        if offer["fresh"]:
            await self.subscribe.close()
            self.subscribe = RTCPeerConnection(CONFIGURATION)
            self.subscribe.on("track", self.watch)
        await self.subscribe.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        await self.subscribe.setLocalDescription(await self.subscribe.createAnswer())
        sdp = self.subscribe.localDescription.sdp
        await self.send("answer", connection="subscribe", id=offer["id"], sdp=sdp)
        await self.sink.start()

    def watch(self, track: Any) -> None:  # noqa: ANN401 - aiortc does not say
        self.sink.addTrack(track)

    async def close(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(LEAVING):
                await self.send("leave")
                async for _ in self.socket:  # whoever hangs up first may not be heard
                    pass
        await asyncio.gather(self.sink.stop(), self.publish.close(), self.subscribe.close())
        await self.socket.close()


async def main(arguments: argparse.Namespace) -> None:
    async with aiohttp.ClientSession() as session:
        client = Client(await session.ws_connect(arguments.server + "/ws", max_msg_size=0), arguments)
        try:
            await asyncio.wait_for(client.run(), arguments.seconds)
        except TimeoutError:
            pass
        finally:
            await client.close()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Join a room of Greenroom, from a terminal.")
    parser.add_argument("server", help="http://host:port")
    parser.add_argument("room")
    parser.add_argument("--name", default="Robot")
    parser.add_argument("--background", default="blur", help="blur, #rrggbb, or the name of a picture")
    parser.add_argument("--file", help="a video to send instead of a test pattern")
    parser.add_argument("--say", help="something for the chat")
    parser.add_argument("--seconds", type=float, help="leave after so long")
    return parser.parse_args()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(parse_arguments()))
