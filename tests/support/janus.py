"""A real Janus with two video rooms, and people in them: stock aiortc behind Janus' own API."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from server.janus.client import Handle, JanusSession, connect
from server.janus.videoroom import PLUGIN
from tests.support.client import MAX_BUNDLE
from tests.support.program import free_port

PRIVATE, PUBLIC = 1234, 1235
PIN, ADMIN_SECRET = "7391", "north"
ROOMS = """
general: {{ }}
room-{private}: {{ description = "private", is_private = true, pin = "{pin}", require_pvtid = true, publishers = 9,
  bitrate = 2000000, videocodec = "{codec}", audiocodec = "opus"{private_options} }}
room-{public}: {{ description = "public", secret = "{pin}", publishers = 9,
  bitrate = 2000000, videocodec = "vp8,h264"{public_options} }}
"""


class JanusServer:
    """A Janus process that can be ended and started again."""

    def __init__(
        self, executable: str, folder: Path, codec: str = "vp8", private: str = "", public: str = ""
    ) -> None:
        self._folder = folder
        port, admin = free_port(), free_port()
        self.url, self._admin = f"ws://127.0.0.1:{port}", f"ws://127.0.0.1:{admin}"
        self._port = port
        self._command = [executable, "-F", str(folder), "-C", str(folder / "janus.jcfg"), "-o"]
        self._process: subprocess.Popen[bytes] | None = None
        library = next(Path("/usr/lib").glob("**/janus/plugins")).parent
        folders = "".join(
            f'{kind}_folder = "{library / kind}"\n' for kind in ("plugins", "transports", "events")
        )
        self._write(
            "janus",
            f'general: {{ {folders} admin_secret = "{ADMIN_SECRET}", debug_level = 3 }}\n'
            'nat: { full_trickle = true }\nmedia: { rtp_port_range = "20000-24999" }\n'
            'transports: { disable = "libjanus_http.so,libjanus_mqtt.so,libjanus_nanomsg.so,'
            'libjanus_rabbitmq.so,libjanus_pfunix.so" }\n',
        )
        self._write(
            "janus.transport.websockets",
            f'general: {{ ws = true, ws_port = {port}, ws_ip = "127.0.0.1" }}\n'
            f'admin: {{ admin_ws = true, admin_ws_port = {admin}, admin_ws_ip = "127.0.0.1" }}\n',
        )
        options = {"private_options": private, "public_options": public}
        rooms = ROOMS.format(private=PRIVATE, public=PUBLIC, pin=PIN, codec=codec, **options)
        self._write("janus.plugin.videoroom", rooms)

    def _write(self, name: str, text: str) -> None:
        (self._folder / f"{name}.jcfg").write_text(text)

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return
            time.sleep(0.05)
        raise RuntimeError("Janus did not open its port")

    def stop(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def handles(self) -> int:
        """Return how many handles all sessions have."""
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(self._admin, protocols=("janus-admin-protocol",)) as socket,
        ):

            async def ask(kind: str, **fields: object) -> dict[str, Any]:
                request = {"janus": kind, "transaction": "x", "admin_secret": ADMIN_SECRET, **fields}
                await socket.send_json(request)
                answer: dict[str, Any] = await socket.receive_json()
                return answer

            sessions = (await ask("list_sessions"))["sessions"]
            listed = [await ask("list_handles", session_id=session) for session in sessions]
            return sum(len(answer.get("handles", ())) for answer in listed)


@contextlib.contextmanager
def janus_server(
    folder: Path, codec: str = "vp8", private: str = "", public: str = ""
) -> Iterator[JanusServer | None]:
    """Run a Janus, with more options of its rooms; None where it is not installed."""
    executable = shutil.which("janus")
    if executable is None:
        yield None
        return
    server = JanusServer(executable, folder, codec, private, public)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Visitor:
    """Somebody with a session of their own at Janus."""

    def __init__(self, session: JanusSession) -> None:
        self._session = session
        self._connections: list[RTCPeerConnection] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.sounds = 0
        self.handle: Handle | None = None

    async def publish(self, room: int, display: str, *tracks: MediaStreamTrack, pin: str = "") -> Handle:
        """Publish into a room."""
        handle = self.handle = await self._session.attach(PLUGIN)
        connection = self._connect()
        for track in tracks:
            connection.addTransceiver(track, direction="sendonly")
        await connection.setLocalDescription(await connection.createOffer())
        body = {
            "request": "joinandconfigure",
            "ptype": "publisher",
            "room": room,
            "display": display,
            "pin": pin,
        }
        reply = await handle.request(body, offer=connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(reply.sdp, "answer"))
        return handle

    async def present(self, room: int) -> dict[str, int]:
        """Return who publishes in a room: ids by name."""
        handle = await self._session.attach(PLUGIN)
        data = (await handle.request({"request": "listparticipants", "room": room})).data
        await handle.detach()
        return {p["display"]: p["id"] for p in data["participants"] if p["publisher"]}

    async def wait_until(self, room: int, *names: str) -> dict[str, int]:
        """Wait until just these publish in a room; return their ids."""
        async with asyncio.timeout(20):
            while set(present := await self.present(room)) != set(names):
                await asyncio.sleep(0.1)
        return present

    async def view(self, room: int, feed: int, on_frame: Callable[[av.VideoFrame], None]) -> None:
        """Watch a publisher of a public room."""
        handle = await self._session.attach(PLUGIN)
        body = {"request": "join", "ptype": "subscriber", "room": room, "streams": [{"feed": feed}]}
        reply = await handle.request(body)
        connection = self._connect()
        connection.on("track", lambda track: self._spawn(self._drain(track, on_frame)))
        await connection.setRemoteDescription(RTCSessionDescription(reply.sdp, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        await handle.request({"request": "start"}, answer=connection.localDescription.sdp)

    def _connect(self) -> RTCPeerConnection:
        self._connections.append(RTCPeerConnection(MAX_BUNDLE))
        return self._connections[-1]

    def _spawn(self, work: Any) -> None:  # noqa: ANN401 - any coroutine
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def _drain(self, track: MediaStreamTrack, on_frame: Callable[[av.VideoFrame], None]) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame):
                    on_frame(frame)
                else:
                    self.sounds += 1

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for connection in self._connections:
            await connection.close()


@asynccontextmanager
async def visit(url: str) -> AsyncIterator[Visitor]:
    """Be somebody at a Janus."""
    async with connect(url) as session:
        visitor = Visitor(session)
        try:
            yield visitor
        finally:
            await visitor.close()
