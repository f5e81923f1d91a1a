"""What people build with stock aiortc today: `python -m benchmarks.room_stock`, for benchmarks.room.

As in aiortc's examples, a VideoTransformTrack behind a MediaRelay, so that every receiver has an encoder of its
own. It speaks as much of the signalling protocol as the clients need, and offers once all have come.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import av
import cv2
import numpy as np
import onnxruntime
from aiohttp import web
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.contrib.media import MediaRelay
from numpy.typing import NDArray

from benchmarks.room_counters import serve
from filters.matting.segmenter import ModelCard, load_card, network_size
from server.config.options import MODELS, Config

Message = dict[str, Any]

MAX_BUNDLE = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
BLUR = (55, 55)  # pixels, the sides of the Gaussian's kernel; chosen


class Tutorial:
    """The filter of the tutorials: RGB at full size, floats, the network at its own size."""

    def __init__(self, card: ModelCard) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(card.path, options, providers=["CPUExecutionProvider"])
        self._card = card

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        image = frame.to_ndarray(format="bgr24").astype(np.uint8)
        matte = cv2.resize(self._matte(image), (frame.width, frame.height))[..., None]
        blurred = cv2.GaussianBlur(image, BLUR, 0)
        blended = image * matte + blurred * (1 - matte)
        # Encoders that share a bgr24 frame crash PyAV 18 (PyAV-Org/PyAV#2320), so it is converted here.
        shown = av.VideoFrame.from_ndarray(blended.astype(np.uint8), format="bgr24")
        out = shown.reformat(format="yuv420p", threads=1)
        out.pts, out.time_base = frame.pts, frame.time_base
        return out

    def _matte(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        card, (height, width) = self._card, image.shape[:2]
        size = card.size[::-1] if card.size else network_size(width, height, card.pixels, card.multiple)
        rgb = cv2.cvtColor(cv2.resize(image, size), cv2.COLOR_BGR2RGB).astype(np.float32) / 255
        blob = ((rgb - card.mean) / card.std).transpose(2, 0, 1)[None].astype(np.float32)
        (alpha,) = self._session.run([card.output], {card.input: blob})
        return np.asarray(alpha[0, 0], np.float32)


class VideoTransformTrack(MediaStreamTrack):
    """Frames of another track, filtered on the event loop, as in aiortc's examples/server."""

    kind = "video"

    def __init__(self, track: MediaStreamTrack, transform: Tutorial | None) -> None:
        super().__init__()
        self._track = track
        self._transform = transform

    async def recv(self) -> av.VideoFrame:
        frame = await self._track.recv()
        assert isinstance(frame, av.VideoFrame)
        return self._transform(frame) if self._transform else frame


class Member:
    """One participant: a connection in, a connection out."""

    def __init__(self, number: int, socket: web.WebSocketResponse) -> None:
        self.id = f"p{number}"
        self.socket = socket
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.publish = RTCPeerConnection(MAX_BUNDLE)
        self.subscribe = RTCPeerConnection(MAX_BUNDLE)


class Room:
    """A room for so many; everybody gets everybody else."""

    def __init__(self, size: int, transform: Tutorial | None) -> None:
        self.members: list[Member] = []
        self._size = size
        self._transform = transform
        self._relay = MediaRelay()
        self._sending = 0

    async def join(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one WebSocket."""
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        member = Member(len(self.members), socket)
        self.members.append(member)
        async for raw in socket:
            await self._dispatch(member, raw.json())
        await asyncio.gather(member.publish.close(), member.subscribe.close())
        return socket

    async def _dispatch(self, member: Member, message: Message) -> None:
        match message["type"]:
            case "join":
                await member.socket.send_json({"type": "joined", "participant": member.id})
            case "offer":
                await self._publish(member, message)
            case "answer":
                answer = RTCSessionDescription(message["sdp"], "answer")
                await member.subscribe.setRemoteDescription(answer)

    async def _publish(self, member: Member, offer: Message) -> None:
        connection = member.publish
        connection.on("track", lambda track: self._receive(member, track))
        await connection.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        sdp = connection.localDescription.sdp
        await member.socket.send_json(
            {"type": "answer", "connection": "publish", "id": offer["id"], "sdp": sdp}
        )
        self._sending += 1
        if self._sending == self._size:
            for viewer in self.members:
                await self._subscribe(viewer)

    def _receive(self, member: Member, track: MediaStreamTrack) -> None:
        member.tracks[track.kind] = (
            VideoTransformTrack(track, self._transform) if track.kind == "video" else track
        )

    async def _subscribe(self, viewer: Member) -> None:
        connection, owners = viewer.subscribe, []
        for other in self.members:
            for kind, track in other.tracks.items() if other is not viewer else ():
                relayed = self._relay.subscribe(track)
                transceiver = connection.addTransceiver(relayed, direction="sendonly")
                owners.append((transceiver, other.id, kind))
        await connection.setLocalDescription(await connection.createOffer())
        streams = [{"mid": t.mid, "participant": owner, "kind": kind} for t, owner, kind in owners]
        sdp = connection.localDescription.sdp
        offer = {"type": "offer", "connection": "subscribe", "id": 1, "sdp": sdp, "streams": streams}
        await viewer.socket.send_json(offer)


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("participants", type=int)
    parser.add_argument("--filter", action="store_true", help="with the tutorials' filter")
    options = parser.parse_args()
    transform = Tutorial(load_card(Config().model, MODELS)) if options.filter else None
    app = web.Application()
    app.router.add_get("/ws", Room(options.participants, transform).join)
    asyncio.run(serve(app))


if __name__ == "__main__":
    main()
