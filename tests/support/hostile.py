"""A client that says whatever costs most, within every limit: `python -m tests.support.hostile URL`.

It drives the whole signalling surface: offers, answers and candidates over the WebSocket, other messages, WHIP, WHEP
and their fragments. What the server answers does not matter; that it answers does.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Iterator

import aiohttp
from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.support.client import MAX_BUNDLE
from tests.support.hostile_sdp import hostile
from tests.support.whip_client import SDP, offer

MESSAGE = 250_000
"""Characters of a WebSocket message, below Config.max_message."""
LONG_ANSWER = 160_000
"""Characters, so that with its escaped line ends it is still a message."""
PAUSE = 0.12
"""Seconds between two messages: offers and answers are counted."""
JOIN = {"type": "join", "version": 1, "room": "hostile", "name": "Eve", "background": "#102030"}
FRAGMENT = "application/trickle-ice-sdpfrag"


def messages() -> Iterator[str]:
    """Yield messages that are no descriptions."""
    yield "[" * MESSAGE
    yield '{"a":' * 900 + "1" + "}" * 900
    yield json.dumps({"type": "chat", "text": "x" * MESSAGE})
    yield json.dumps({"type": "background", "background": "\u202e" * 40_000})
    yield json.dumps({"type": "policy", "policy": {f"k{i}": i for i in range(15_000)}})
    yield json.dumps({"type": "candidate", "connection": "publish", "candidate": list(range(40_000))})
    yield json.dumps({"type": "chat", "text": 0, "x": [1] * 80_000})
    yield '{"type":"answer","connection":"subscribe","id":' + "9" * 4_000 + ',"sdp":""}'
    for candidate in ("1 " * 100_000, "x" * 200_000, f"1 1 udp {'9' * 4_000} 10.0.0.1 9 typ host"):
        for connection in ("publish", "subscribe", "screen"):
            init = {"candidate": f"candidate:{candidate}", "sdpMid": "0"}
            yield json.dumps({"type": "candidate", "connection": connection, "candidate": init})


class Eve:
    """One participant, who answers with too much."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._offers: asyncio.Queue[dict[str, object]] = asyncio.Queue()

    async def read(self) -> None:
        """Keep the offers, and pass over everything else."""
        async for raw in self._socket:
            message = raw.json()
            if message["type"] == "offer":
                self._offers.put_nowait(message)

    async def say(self, **message: object) -> None:
        await self._socket.send_str(json.dumps(message))
        await asyncio.sleep(PAUSE)

    async def offers(self, sdp: str) -> None:
        for connection in ("publish", "screen"):
            for _, text in hostile(sdp):
                await self.say(type="offer", connection=connection, id=next(self._numbers), sdp=text)
        for number in range(200):
            line = f"candidate:{number} 1 udp 1 10.1.{number}.1 9 typ host"
            init = {"candidate": line, "sdpMid": "0"}
            await self._socket.send_str(
                json.dumps({"type": "candidate", "connection": "publish", "candidate": init})
            )
            await asyncio.sleep(PAUSE / 4)

    async def answers(self) -> None:
        """Answer one new connection after the other."""
        names = [name for name, _ in hostile("a=group:BUNDLE 0\r\n", 2_000)]
        for name in names:
            await self.say(type="restart", connection="subscribe")
            async with asyncio.timeout(10):
                theirs = await self._offers.get()
            connection = RTCPeerConnection(MAX_BUNDLE)
            await connection.setRemoteDescription(RTCSessionDescription(str(theirs["sdp"]), "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
            sdp = connection.localDescription.sdp
            for length in (64_000, LONG_ANSWER):
                text = dict(hostile(sdp, length))[name]
                await self.say(type="answer", connection="subscribe", id=theirs["id"], sdp=text)
            await connection.close()


async def speak(http: aiohttp.ClientSession, url: str, publish: str) -> None:
    """Say it over the WebSocket."""
    async with http.ws_connect(f"{url}/ws", max_msg_size=0) as socket:
        await socket.send_json(JOIN)
        eve = Eve(socket)
        reading = asyncio.create_task(eve.read())
        await eve.offers(publish)
        await eve.answers()
        reading.cancel()
    for message in messages():
        async with http.ws_connect(f"{url}/ws", max_msg_size=0) as socket:
            await socket.send_json(JOIN | {"preview": True})
            await socket.receive()
            await socket.send_str(message)
            await socket.receive()
            await socket.send_json({"type": "leave"})


async def post(http: aiohttp.ClientSession, url: str, publish: str, play: str) -> None:
    """Say it over HTTP."""
    for _, text in hostile(publish):
        async with http.post(
            f"{url}/whip/posted?identity=eve", data=text, headers={"Content-Type": SDP}
        ) as response:
            location, etag = response.headers.get("Location", ""), response.headers.get("ETag", "")
            await response.read()
        if response.status != 201:
            continue
        for _, watching in hostile(play) if text == publish else ():
            async with http.post(
                f"{url}/whep/posted/eve", data=watching, headers={"Content-Type": SDP}
            ) as response:
                await response.read()
        lines = "".join(f"a=candidate:{i} 1 udp 1 10.0.{i}.1 9 typ host\r\n" for i in range(99))
        for ufrag, match in (("aaaa", "*"), ("bbbb", etag)):
            body = f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{'p' * 22}\r\nm=video 9 X 0\r\na=mid:0\r\n{lines}"
            headers = {"Content-Type": FRAGMENT, "If-Match": match}
            async with http.patch(f"{url}{location}", data=body, headers=headers) as response:
                await response.read()


async def main(url: str) -> None:
    publish, play = await offer("sendonly", "video", "audio"), await offer("recvonly", "video", "audio")
    async with aiohttp.ClientSession() as http:
        await speak(http, url, publish)
        await post(http, url, publish, play)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
