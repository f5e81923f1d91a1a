"""The protocol over real sockets and real media, with stock aiortc in the browsers' place."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

import aiohttp
import av
import cv2
import numpy as np
import pytest
from aiohttp import web
from aiortc import AudioStreamTrack, RTCPeerConnection, RTCSessionDescription

from filters.base import new_frame
from filters.matting.segmenter import Segmenter
from server.app import create_app
from server.config.options import ROOT, Config
from server.media.allocator import BandwidthAllocator, Video
from tests.support.client import MAX_BUNDLE, CameraTrack, Client, Message, join

WHITE = 200

pytestmark = pytest.mark.slow


@pytest.fixture
async def runner(segmenter: Segmenter) -> AsyncIterator[web.AppRunner]:
    app = create_app(Config(workers=1, background="#101010"), segmenter)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner
    await runner.cleanup()


@pytest.fixture
def server(runner: web.AppRunner) -> str:
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


def even(luma: int) -> Callable[[int], av.VideoFrame]:
    frame, planes = new_frame(160, 96)
    planes.y[:], planes.u[:], planes.v[:] = luma, 128, 128
    return lambda number: frame


@dataclass
class Viewer:
    """Notes the mean colour of each participant's frames."""

    luma: dict[str, list[int]] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self, owner: str, frame: av.VideoFrame) -> None:
        self.luma.setdefault(owner, []).append(int(frame.to_ndarray(format="gray").mean()))
        self.arrived.set()

    async def wait_for(self, owner: str, frames: int = 1) -> None:
        async with asyncio.timeout(10):
            while len(self.luma.get(owner, ())) < frames:
                self.arrived.clear()
                await self.arrived.wait()


class Share:
    """A screen on its way to the server."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.connection = RTCPeerConnection(MAX_BUNDLE)

    async def begin(self, *, sound: bool = False) -> Message:
        """Offer a white screen; return the server's answer or error."""
        if sound:
            self.connection.addTransceiver(AudioStreamTrack(), direction="sendonly")
        self.connection.addTransceiver(CameraTrack(even(WHITE)), direction="sendonly")
        await self.connection.setLocalDescription(await self.connection.createOffer())
        sdp = self.connection.localDescription.sdp
        self.client.messages[:] = [m for m in self.client.messages if m["type"] not in ("answer", "error")]
        await self.client.send({"type": "offer", "connection": "screen", "id": 9, "sdp": sdp})
        answer = asyncio.ensure_future(self.client.wait_for("answer", connection="screen"))
        error = asyncio.ensure_future(self.client.wait_for("error"))
        done, _ = await asyncio.wait((answer, error), return_when=asyncio.FIRST_COMPLETED)
        for waiting in {answer, error} - done:
            waiting.cancel()
        message = done.pop().result()
        if message["type"] == "answer":
            await self.connection.setRemoteDescription(RTCSessionDescription(message["sdp"], "answer"))
        return message


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def streams(client: Client) -> list[Message]:
    offers = [m for m in client.messages if m["type"] == "offer"]
    return list(offers[-1]["streams"]) if offers else []


def paused(client: Client) -> list[list[str]]:
    return [m["participants"] for m in client.messages if m["type"] == "paused"]


async def test_the_lobby_shows_oneself_and_the_room_comes_at_once(server: str) -> None:
    viewer = Viewer()
    async with (
        join(server, "r", "Ada") as ada,
        join(server, "r", "Bob", on_frame=viewer.look, preview=True) as bob,
    ):
        await ada.publish(CameraTrack(even(90)))
        await bob.publish(CameraTrack(even(90)))
        await viewer.wait_for(bob.id, 10)
        assert set(viewer.luma) == {bob.id}
        assert [s["participant"] for s in streams(bob)] == [bob.id]
        own = len(viewer.luma[bob.id])
        await bob.send({"type": "enter"})
        await viewer.wait_for(ada.id)
        assert len(viewer.luma[bob.id]) - own < 45  # which take 1.5 s, and longer on a busy machine
        assert not any(m.get("fresh") for m in bob.messages if m["type"] == "offer" and len(m["streams"]) > 1)
        await until(lambda: bob.id in {s["participant"] for s in streams(ada)})


async def test_a_shared_screen_passes_unfiltered_and_ends_with_the_policy(server: str) -> None:
    viewer = Viewer()
    async with (
        join(server, "r", "Ada", on_frame=viewer.look) as ada,
        join(server, "r", "Bob") as bob,
    ):
        share = Share(bob)
        answer = await share.begin()
        assert "VP8" in answer["sdp"]
        assert "H264" not in answer["sdp"]
        await viewer.wait_for(bob.id, 5)
        assert abs(viewer.luma[bob.id][-1] - WHITE) < 25
        screens = [s for s in streams(ada) if s["kind"] == "screen"]
        assert [(s["participant"], s["filtered"]) for s in screens] == [(bob.id, False)]
        assert all(s["filtered"] for s in streams(ada) if s["kind"] == "video")
        assert not any(s["kind"] == "screen" for s in streams(bob))
        busy = Share(ada)
        assert (await busy.begin())["code"] == "screen-busy"
        await ada.send({"type": "policy", "policy": {"screenShare": "off"}})
        assert (await bob.wait_for("screen"))["reason"] == "policy"
        await until(lambda: not any(s["kind"] == "screen" for s in streams(ada)))
        again = Share(bob)
        assert (await again.begin())["code"] == "screen-forbidden"
        for each in (share, busy, again):
            await each.connection.close()


async def test_who_comes_late_sees_the_screen_too(server: str) -> None:
    early, late = Viewer(), Viewer()
    async with join(server, "r", "Ada", on_frame=early.look), join(server, "r", "Bob") as bob:
        share = Share(bob)
        await share.begin(sound=True)
        await early.wait_for(bob.id, 15)
        async with join(server, "r", "Eve", on_frame=late.look) as eve:
            await late.wait_for(bob.id, 3)
            assert abs(late.luma[bob.id][0] - WHITE) < 25
            kinds = {s["kind"] for s in streams(eve) if s["participant"] == bob.id}
            assert kinds == {"video", "audio", "screen", "screen-audio"}
        await share.connection.close()


async def test_whose_picture_has_to_wait_is_told(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def pause(downlink: BandwidthAllocator, now: float, stats: object, videos: Iterable[Video]) -> None:
        for subscription, _ in videos:
            subscription.paused = True

    async with join(server, "r", "Ada") as ada, join(server, "r", "Bob") as bob:
        await bob.publish(CameraTrack(even(90)))
        await until(lambda: bob.id in {s["participant"] for s in streams(ada)})
        with monkeypatch.context() as context:
            context.setattr(BandwidthAllocator, "adapt", pause)
            await until(lambda: any(bob.id in told for told in paused(ada)))
        await until(lambda: paused(ada)[-1] == [])


async def test_both_connections_can_be_made_anew(server: str) -> None:
    viewer = Viewer()
    async with join(server, "r", "Ada", on_frame=viewer.look) as ada, join(server, "r", "Bob") as bob:
        await bob.publish(CameraTrack(even(90)))
        await viewer.wait_for(bob.id, 5)
        await ada.send({"type": "restart", "connection": "subscribe"})
        await until(lambda: sum(m.get("fresh", False) for m in ada.messages) == 2)
        frames = len(viewer.luma[bob.id])
        await viewer.wait_for(bob.id, frames + 5)
        await bob.publish(CameraTrack(even(90)))
        frames = len(viewer.luma[bob.id])
        await viewer.wait_for(bob.id, frames + 10)


async def test_who_floods_the_room_is_cut_off(server: str) -> None:
    async with join(server, "r", "Ada") as ada, join(server, "r", "Bob") as bob:
        for i in range(15):
            await bob.send({"type": "chat", "text": f"{i}"})
        assert (await bob.wait_for("error"))["code"] == "too-many-messages"
        await ada.wait_for("participant-updated", participant={"id": bob.id, "connected": False})
        assert 5 <= len([m for m in ada.messages if m["type"] == "chat"]) <= 11


async def test_who_leaves_the_page_leaves_at_once(server: str) -> None:
    """Firefox closes the WebSocket before the page can say so."""
    async with join(server, "r", "Ada") as ada, join(server, "r", "Bob") as bob:
        await bob.close(say_goodbye=False, code=aiohttp.WSCloseCode.GOING_AWAY)
        assert (await ada.wait_for("participant-left"))["reason"] == "left"


async def test_a_screen_ends_with_its_connection(server: str) -> None:
    async with join(server, "r", "Ada") as ada, join(server, "r", "Bob") as bob:
        share = Share(bob)
        await share.begin()
        await until(lambda: any(s["kind"] == "screen" for s in streams(ada)))
        await until(lambda: share.connection.connectionState == "connected")
        await share.connection.close()
        assert (await bob.wait_for("screen"))["reason"] == "lost"
        await until(lambda: not any(s["kind"] == "screen" for s in streams(ada)))


async def test_a_screen_outlasts_a_lost_connection(server: str) -> None:
    viewer = Viewer()
    async with join(server, "r", "Ada", on_frame=viewer.look) as ada, join(server, "r", "Bob") as bob:
        share = Share(bob)
        await share.begin()
        await viewer.wait_for(bob.id, 3)
        async with join(server, "r", "Bob", seat=bob.seat) as again:
            me = next(p for p in again.joined["participants"] if p["id"] == again.id)
            assert me["screen"]
            frames = len(viewer.luma[bob.id])
            share_again = Share(again)
            await share_again.begin()
            await viewer.wait_for(bob.id, frames + 5)
            await again.send({"type": "screen", "shared": False})
            assert (await again.wait_for("screen"))["reason"] == "stopped"
            for each in (share, share_again):
                await each.connection.close()
        assert ada.id


def heed_interrupts() -> None:
    """Undo what a shell does to programs in its background, and they to their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_the_example_client_meets_somebody(server: str) -> None:
    viewer = Viewer()
    command = (
        "examples/client.py",
        server,
        "r",
        "--name",
        "Robot",
        "--say",
        "Beep",
        "--background",
        "#e0e0e0",
    )
    async with join(server, "r", "Ada", on_frame=viewer.look) as ada:
        robot = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, preexec_fn=heed_interrupts
        )
        assert robot.stdout is not None
        try:
            said = await ada.wait_for("chat")
            assert (said["chat"]["name"], said["chat"]["text"]) == ("Robot", "Beep")
            await viewer.wait_for(said["chat"]["participant"], 5)
            await ada.send({"type": "chat", "text": "Hello, robot"})
            printed = ""
            async with asyncio.timeout(10):
                while "Ada: Hello, robot" not in printed:
                    printed += (await robot.stdout.readline()).decode()
            assert "+ Ada (host)" in printed
            robot.send_signal(signal.SIGINT)
            await ada.wait_for("participant-left", reason="left")
            async with asyncio.timeout(10):
                assert await robot.wait() == 0
        finally:
            if robot.returncode is None:
                robot.kill()


@pytest.mark.parametrize("first", ["garbage", "[]", '{"type": "chat"}', '{"type": "join", "version": 1}'])
async def test_a_bad_first_message_ends_the_connection(server: str, first: str) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server}/ws") as socket:
        await socket.send_str(first)
        error = await socket.receive_json(timeout=5)
        assert (error["type"], error["fatal"]) == ("error", True)
        assert (await socket.receive(timeout=5)).type == aiohttp.WSMsgType.CLOSE


async def test_garbage_is_no_screen(server: str) -> None:
    async with join(server, "r", "Ada") as ada:
        await ada.send({"type": "offer", "connection": "screen", "id": 1, "sdp": "m=nonsense"})
        assert (await ada.wait_for("error"))["code"] == "bad-sdp"
        audio = RTCPeerConnection(MAX_BUNDLE)
        audio.addTransceiver("audio", direction="sendonly")
        await audio.setLocalDescription(await audio.createOffer())
        sdp = audio.localDescription.sdp
        ada.messages.clear()
        await ada.send({"type": "offer", "connection": "screen", "id": 2, "sdp": sdp})
        assert (await ada.wait_for("error"))["code"] == "bad-sdp"
        await audio.close()
        share = Share(ada)
        ada.messages.clear()
        assert (await share.begin())["type"] == "answer"
        await share.connection.close()


async def test_a_forbidden_background_is_gone_with_the_next_frame(server: str) -> None:
    viewer = Viewer()
    async with (
        join(server, "r", "Ada", background="#101010") as ada,
        join(server, "r", "Bob", background="#f0f0f0", on_frame=viewer.look) as bob,
    ):
        await bob.publish(CameraTrack(even(90)))
        await viewer.wait_for(bob.id, 5)
        await ada.send({"type": "policy", "policy": {"backgrounds": ["#101010"]}})
        moved = await bob.wait_for("background", reason="policy")
        assert moved["background"] == "#101010"
        frames = len(viewer.luma[bob.id])
        await viewer.wait_for(bob.id, frames + 5)


async def test_quality_and_totals_are_told(server: str) -> None:
    viewer = Viewer()
    async with join(server, "r", "Ada") as ada, join(server, "r", "Bob", on_frame=viewer.look) as bob:
        await bob.publish(CameraTrack(even(90)))
        await viewer.wait_for(bob.id, 3)
        await ada.wait_for("quality", quality={bob.id: "good"})
        report = await bob.wait_for("filter", degraded=None, reason=None)
        assert report["raw"] == 0
        assert report["model"] == bob.joined["model"]
        await ada.send({"type": "totals"})
        totals = await ada.wait_for("totals")
        assert (totals["raw"], totals["participants"]) == (0, 2)
        assert totals["received"] >= 3


async def test_an_upload_becomes_everybodys_background_and_goes(server: str) -> None:
    png = cv2.imencode(".png", np.full((90, 160, 3), 120, np.uint8))[1].tobytes()
    async with join(server, "r", "Ada") as ada, aiohttp.ClientSession() as http:
        url = f"{server}/api/rooms/r/backgrounds"
        owner = {"Authorization": f"Bearer {ada.seat}"}
        async with http.post(url, data=png) as answer:
            assert answer.status == 401
        async with http.post(url, data=b"no picture", headers=owner) as answer:
            assert (answer.status, (await answer.json())["code"]) == (422, "bad-picture")
        async with http.post(url, data=png, headers=owner) as answer:
            assert answer.status == 201
            background = await answer.json()
        async with http.get(server + background["thumbnail"]) as answer:
            assert (answer.status, answer.content_type) == (200, "image/jpeg")
        await ada.send({"type": "background", "background": background["id"]})
        assert (await ada.wait_for("background"))["background"] == background["id"]
        async with join(server, "r", "Bob") as bob:
            await ada.send({"type": "policy", "policy": {"backgrounds": [background["id"]]}})
            assert (await bob.wait_for("background"))["background"] == background["id"]
            headers = {"Authorization": f"Bearer {bob.seat}"}
            async with http.post(url, data=png, headers=headers) as answer:
                assert (answer.status, (await answer.json())["code"]) == (403, "background-forbidden")
            await ada.send({"type": "policy", "policy": {"backgrounds": "any"}})
            assert (await bob.wait_for("background", background="blur"))["reason"] == "restored"
        gone = f"{url}/{background['id'].removeprefix('upload:')}"
        async with http.delete(gone, headers=owner) as answer:
            assert answer.status == 204
        assert (await ada.wait_for("background", reason="deleted"))["background"] == "#101010"
        async with http.get(server + background["thumbnail"]) as answer:
            assert answer.status == 404
