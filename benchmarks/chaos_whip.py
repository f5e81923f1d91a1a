"""The other ways into the rooms of benchmarks.chaos and out of them: WHIP, WHEP, and a server that is forwarded to."""

from __future__ import annotations

import asyncio
import itertools
import random
from urllib.parse import quote

import aiohttp
from aiohttp import web
from aiortc import RTCSessionDescription

from benchmarks.chaos_camera import Camera
from benchmarks.chaos_line import Line
from benchmarks.chaos_people import PATIENCE, Uplink, close
from benchmarks.chaos_tally import Screen, Tally
from server.media.rtc import PeerConnection, peer_connection, receive_video

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"


class Session:
    """A WHIP or WHEP session at the server."""

    def __init__(self, http: aiohttp.ClientSession, path: str) -> None:
        self.location = ""
        self._http = http
        self._path = path

    async def post(self, offer: str) -> str:
        """Return the answer; raises aiohttp.ClientError when there is none."""
        async with self._http.post(self._path, data=offer, headers={"Content-Type": SDP}) as response:
            response.raise_for_status()
            self.location = response.headers["Location"]
            return await response.text()

    async def restart(self, ufrag: str, password: str) -> int:
        """Ask for an ICE restart; return the HTTP status."""
        body = f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\nm=video 9 X 0\r\na=mid:0\r\n"
        headers = {"Content-Type": FRAGMENT, "If-Match": "*"}
        async with self._http.patch(self.location, data=body, headers=headers) as response:
            return response.status

    async def delete(self) -> None:
        if self.location:
            async with self._http.delete(self.location):
                self.location = ""


class WhipCamera:
    """A camera that publishes by WHIP."""

    def __init__(self, http: aiohttp.ClientSession, room: str, rng: random.Random) -> None:
        self.camera = Camera(rng)
        self.line = Line(rng)
        self.uplink: Uplink | None = None
        self.identity = "desk"
        path = f"/whip/{room}?identity={quote(self.identity)}&name=Desk&background=fjord"
        self.session = Session(http, path)

    async def begin(self) -> None:
        """End the session and begin another one."""
        await self.close()
        self.camera.rewind()
        self.uplink = Uplink(self.camera, self.line)
        await self.uplink.answered(await self.session.post(await self.uplink.offer()))

    async def repair(self) -> None:
        """Publish anew if the connection is lost."""
        if self.uplink is None or self.uplink.connection.connectionState in ("failed", "closed"):
            await self.begin()

    async def close(self) -> None:
        await self.session.delete()
        if self.uplink is not None:
            await self.uplink.close()


class WhepViewer:
    """Somebody who watches by WHEP."""

    def __init__(self, http: aiohttp.ClientSession, room: str, identity: str, tally: Tally) -> None:
        self.session = Session(http, f"/whep/{room}/{quote(identity)}")
        self._tally = tally
        self._connection: PeerConnection | None = None

    async def begin(self) -> None:
        """End the session and begin another one."""
        await self.close()
        self._connection = connection = peer_connection()
        transceiver = connection.addTransceiver("video", direction="recvonly")
        screen = Screen(self._tally, "WHEP")
        screen.receiver = receive_video(transceiver.receiver, screen.show)
        await connection.setLocalDescription(await connection.createOffer())
        answer = await self.session.post(connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def repair(self) -> None:
        """Play anew if the connection is lost."""
        if self._connection is None or self._connection.connectionState in ("failed", "closed"):
            await self.begin()

    async def close(self) -> None:
        await self.session.delete()
        if self._connection is not None:
            await close(self._connection)


class Onward:
    """Another server, to which the one under test forwards what has come in by WHIP."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._numbers = itertools.count(1)
        self._connections: dict[str, PeerConnection] = {}
        app = web.Application()
        app.add_routes([web.post("/in/{who}", self._take), web.delete("/session/{number}", self._end)])
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> str:
        """Listen; return the endpoint as Config.forward_to has it."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/in/{{identity}}"

    async def _take(self, request: web.Request) -> web.Response:
        connection = peer_connection()
        await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        for transceiver in connection.getTransceivers():
            transceiver.direction = "recvonly"
            if transceiver.kind == "video":
                screen = Screen(self._tally, "forwarded")
                screen.receiver = receive_video(transceiver.receiver, screen.show)
        await connection.setLocalDescription(await connection.createAnswer())
        number = str(next(self._numbers))
        self._connections[number] = connection
        headers = {"Location": f"/session/{number}"}
        sdp = connection.localDescription.sdp
        return web.Response(status=201, text=sdp, content_type=SDP, headers=headers)

    async def _end(self, request: web.Request) -> web.Response:
        connection = self._connections.pop(request.match_info["number"], None)
        if connection is not None:
            await close(connection)
        return web.Response()

    async def close(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._runner.cleanup()
        for connection in self._connections.values():
            await close(connection)
