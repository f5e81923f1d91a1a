"""WHIP and WHEP: what goes in comes out filtered, and every error has its status code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import av
import pytest
from aioice.ice import get_host_addresses
from aiortc.sdp import SessionDescription

from filters.effects import Effects
from filters.matting.segmenter import Segmenter
from server.app import ROOMS
from server.config.options import Config
from server.core.errors import SignalingError
from server.whip.endpoint import SESSIONS
from server.whip.sdpfrag import MEDIA_TYPE, Candidate, Fragment, credentials, parse, serialize
from tests.support.client import CameraTrack
from tests.support.gate import Gate
from tests.support.serving import Client, serving
from tests.support.whip_client import SDP, WhipClient, offer, post, speaking


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_camera_goes_in_and_comes_out_filtered(here: Client, track: CameraTrack) -> None:
    rooms = here.app[ROOMS]
    async with speaking(
        here, "/whip/studio?background=%23804020&effects=low-light&follow=0.25,0.5&name=Desk&identity=desk"
    ) as camera:
        assert await camera.publish(track) == 201
        (membership,) = rooms.open_rooms.all()[0].memberships
        assert membership.participant.filter.effects == Effects(low_light=True)
        assert membership.participant.filter.followed == "lost"  # until somebody is in sight
        assert membership.participant.describe() | {"id": ""} == {
            "id": "", "name": "Desk", "audio": False, "video": True, "connected": True, "hand": None,
            "quality": None, "deviceFilter": False, "captions": False,
        }  # fmt: skip
        assert membership.room.role(membership) == "guest"
        frames: list[av.VideoFrame] = []
        async with speaking(here, "/whep/studio/desk") as viewer:
            assert await viewer.play(frames.append) == 201
            await until(lambda: len(frames) > 3)
            async with here.get("/metrics") as response:
                metrics = dict(line.rsplit(" ", 1) for line in (await response.text()).splitlines())
        assert [metrics[f'greenroom_whip_sessions{{kind="{kind}"}}'] for kind in ("whip", "whep")] == [
            "1.0",
            "1.0",
        ]
        assert float(metrics['greenroom_media_bytes_total{direction="out"}']) > 0
        corner = frames[-1].to_ndarray(format="rgb24")[5:40, 5:40].reshape(-1, 3).mean(axis=0)
        assert abs(corner - (0x80, 0x40, 0x20)).max() < 12
        assert membership.participant.video.sent > 0
    assert rooms.open_rooms.all() == []


async def test_created_says_where_and_how_to_go_on(here: Client) -> None:
    async with here.post(
        "/whip/Studio", data=await offer("sendonly", "video", "audio"), headers={"Content-Type": SDP}
    ) as response:
        assert response.status == 201
        assert response.content_type == SDP
        assert response.headers["Location"].startswith("/whip/Studio/")
        assert response.headers["ETag"].startswith('"')
        assert response.headers["Accept-Patch"] == MEDIA_TYPE
        ice, watch = response.headers.getall("Link")
        assert ice == '<stun:stun.invalid>; rel="ice-server"'
        assert watch.startswith("</whep/studio/p")
        answer = SessionDescription.parse(await response.text())
    assert [media.direction for media in answer.media] == ["recvonly", "recvonly"]


async def test_the_other_methods_are_kept_for_later(here: Client) -> None:
    for path in ("/whip/studio", "/whep/studio/p1"):
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
            async with here.request(method, path) as response:
                assert response.status == 405
    for path in ("/whip/studio/x", "/whep/studio/p1/x"):
        for method in ("GET", "HEAD", "PUT"):
            async with here.request(method, path) as response:
                assert response.status == 405


async def test_what_is_wrong_with_an_offer(here: Client) -> None:
    good = await offer("sendonly", "video")
    two = await offer("sendonly", "video", "video")
    broken = [good.replace("a=ice-pwd", "a=x-pwd"), good.replace("a=fingerprint", "a=x-print")]
    assert (await post(here, "/whip/studio", good, Content_Type="text/plain"))[0] == 415
    assert (await post(here, "/whip/studio", good, Accept="text/html"))[0] == 406
    assert (await post(here, "/whip/studio", "v=0\r\n" + "a=x\r\n" * 20_000))[0] == 413
    assert (await post(here, "/whip/bad%20room", good))[0] == 400
    assert (await post(here, "/whip/studio?background=beach", good))[0] == 422
    assert (await post(here, "/whip/studio?effects=sepia", good))[0] == 400
    assert (await post(here, "/whip/studio?follow=left", good))[0] == 400
    assert (await post(here, "/whip/studio?name=" + "x" * 65, good))[0] == 400
    for malformed in ("", "hello", "v=0\r\n", *broken, "\0" * 50):
        assert (await post(here, "/whip/studio", malformed))[0] == 400, malformed
    nothing_known = good.replace("VP8", "VP77").replace("H264", "H277").replace("rtx", "xyz")
    for unacceptable in (two, nothing_known):
        status, text = await post(here, "/whip/studio", unacceptable)
        assert (status, "unacceptable-sdp" in text) == (422, True)
    assert here.app[ROOMS].open_rooms.all() == []


async def test_what_is_wrong_with_watching(here: Client) -> None:
    recvonly = await offer("recvonly", "video")
    assert (await post(here, "/whep/studio/p1", recvonly))[0] == 404
    membership, _ = here.app[ROOMS].join("studio", "Ada", "blur")
    path = f"/whep/studio/{membership.participant.id}"
    assert (await post(here, path, recvonly))[0] == 404  # still in the lobby
    membership.room.enter(membership)
    status, _ = await post(here, path, recvonly)
    assert status == 409
    membership.participant.set_media(audio=True, video=True)
    assert (await post(here, path, await offer("sendonly", "video")))[0] == 422
    assert (await post(here, path, await offer("recvonly", "video", "video")))[0] == 422
    assert (await post(here, path, recvonly))[0] == 201
    membership.room.roster.policy = membership.room.roster.policy.changed({"locked": True})
    assert (await post(here, path, recvonly))[0] == 403


async def test_a_session_that_never_connects_ends(segmenter: Segmenter) -> None:
    async with serving(Config(workers=1, session_timeout=0.1), segmenter) as client:
        assert (await post(client, "/whip/a", await offer("sendonly", "audio")))[0] == 201
        await until(lambda: client.app[ROOMS].open_rooms.all() == [])


async def test_a_host_removes_a_camera(here: Client, track: CameraTrack) -> None:
    rooms = here.app[ROOMS]
    async with speaking(here, "/whip/studio") as camera:
        await camera.publish(track)
        (membership,) = rooms.open_rooms.all()[0].memberships
        await rooms.expel(membership, SignalingError("removed", "Out.", fatal=True))
        await asyncio.sleep(0)
        assert rooms.open_rooms.all() == []


async def test_a_host_removes_a_camera_that_is_being_answered(here: Client, gate: Gate) -> None:
    rooms = here.app[ROOMS]
    posting = asyncio.create_task(post(here, "/whip/studio", await offer("sendonly", "audio")))
    await gate.reached()
    (membership,) = rooms.open_rooms.all()[0].memberships
    await rooms.expel(membership, SignalingError("removed", "Out.", fatal=True))
    gate.open()
    assert (await posting)[0] == 409
    assert here.app[SESSIONS].count("whip") == 0
    assert [connection.connectionState for connection in gate.waiting] == ["closed"]


async def test_sessions_count_from_their_offer_to_their_end(segmenter: Segmenter, gate: Gate) -> None:
    async with serving(Config(workers=1, max_sessions=2), segmenter) as client:
        good, bad = await offer("sendonly", "audio"), await offer("sendonly", "audio", "audio")
        for _ in range(3):
            assert (await post(client, "/whip/studio", bad))[0] == 422
        posting = [asyncio.create_task(post(client, "/whip/studio", good)) for _ in range(5)]
        await until(lambda: sum(task.done() for task in posting) == 3)
        gate.open()
        assert sorted([(await task)[0] for task in posting]) == [201, 201, 503, 503, 503]
        camera = client.app[ROOMS].open_rooms.all()[0].memberships[0]
        await client.app[ROOMS].expel(camera, SignalingError("removed", "Out.", fatal=True))
        await until(lambda: client.app[SESSIONS].count("whip") == 1)
        assert (await post(client, "/whip/studio", good))[0] == 201


async def test_the_same_identity_comes_back(here: Client) -> None:
    sdp = await offer("sendonly", "audio")
    for _ in range(2):
        assert (await post(here, "/whip/studio?identity=desk", sdp))[0] == 201
    assert len(here.app[ROOMS].open_rooms.all()[0].memberships) == 1


async def test_identities_may_be_anything(here: Client, track: CameraTrack) -> None:
    async with speaking(here, "/whip/studio?identity=Ada's%20d%C3%A9sk%3B") as camera:
        assert await camera.publish(track) == 201
        async with speaking(here, "/whep/studio/Ada's%20d%C3%A9sk%3B") as viewer:
            assert await viewer.play() == 201
            assert (await viewer.request("OPTIONS")).status == 204
            assert (await viewer.request("DELETE")).status == 200
            viewer.location = ""


@asynccontextmanager
async def connected(client: Client, track: CameraTrack) -> AsyncIterator[WhipClient]:
    async with speaking(client, "/whip/studio") as camera:
        assert await camera.publish(track) == 201
        await until(lambda: camera.connection.connectionState == "connected")
        yield camera


async def patch(camera: WhipClient, body: str, match: str | None, kind: str = MEDIA_TYPE) -> int:
    headers = {"Content-Type": kind} | ({} if match is None else {"If-Match": match})
    return (await camera.request("PATCH", data=body, headers=headers)).status


async def test_trickle_and_its_errors(here: Client, track: CameraTrack) -> None:
    async with connected(here, track) as camera:
        assert camera.response is not None
        etag = camera.response.headers["ETag"]
        ufrag, password = credentials(camera.connection.localDescription.sdp)
        candidate = Candidate("0", "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host")
        body = serialize(Fragment(ufrag, password, (candidate,), end=True), "video", "0")
        assert await patch(camera, body, None) == 428
        assert await patch(camera, body, '"another"') == 412
        assert await patch(camera, body, etag, "application/json") == 415
        assert await patch(camera, "a=candidate:x", etag) == 400
        assert await patch(camera, body.replace("udp 2130706431", "udp"), etag) == 400
        assert await patch(camera, body, etag) == 204
        assert await patch(camera, body, "*") == 204  # the same credentials: no restart
        assert await patch(camera, body.replace(ufrag, "other"), etag) == 412
        assert await patch(camera, "x" * 70_000, etag) == 413


async def test_ice_restart_gives_new_credentials_and_media_goes_on(here: Client, track: CameraTrack) -> None:
    async with connected(here, track) as camera:
        assert camera.response is not None
        old = camera.response.headers["ETag"]
        body = serialize(Fragment("abcd", "e" * 22), "video", "0")
        headers = {"Content-Type": MEDIA_TYPE, "If-Match": "*"}
        response = await camera.request("PATCH", data=body, headers=headers)
        assert response.status == 200
        assert response.content_type == MEDIA_TYPE
        assert response.headers["ETag"] != old
        answer = parse(await response.text())
        assert answer.candidates
        assert answer.end
        assert await patch(camera, serialize(Fragment("abcd", "e" * 22), "video", "0"), old) == 412
        assert await patch(camera, body, response.headers["ETag"]) == 204
        received = here.app[ROOMS].open_rooms.all()[0].memberships[0].participant.video.received
        await until(
            lambda: here.app[ROOMS].open_rooms.all()[0].memberships[0].participant.video.received > received
        )


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
async def test_restarts_at_once_leave_nothing(here: Client, track: CameraTrack) -> None:
    """One is done, the others are told to wait; sockets are of one attempt, and none is left after the end."""
    before = descriptors()
    async with connected(here, track) as camera:
        one = descriptors()

        async def restart(i: int) -> int:
            body = serialize(Fragment(f"{i:04d}", "e" * 22), "video", "0")
            headers = {"Content-Type": MEDIA_TYPE, "If-Match": "*"}
            response = await camera.request("PATCH", data=body, headers=headers)
            assert response.status == 200 or response.headers["Retry-After"]
            return response.status

        for first in (0, 30, 60):
            statuses = await asyncio.gather(*(restart(first + i) for i in range(30)))
            assert {200, 409} >= set(statuses)
            assert 200 in statuses
        addresses = len(get_host_addresses(use_ipv4=True, use_ipv6=True))
        http = 30  # connections of the test's own client, both ends of which are here
        await until(lambda: descriptors() <= one + addresses + 2 * http)
        ending = asyncio.create_task(restart(99))
        await asyncio.sleep(0)
        await camera.request("DELETE")
        await asyncio.gather(ending, return_exceptions=True)
    await until(lambda: descriptors() <= before + 2 * http)


async def test_restarting_what_is_not_connected(here: Client) -> None:
    sdp = await offer("sendonly", "audio")
    async with here.post("/whip/studio", data=sdp, headers={"Content-Type": SDP}) as response:
        location = response.headers["Location"]
    body = serialize(Fragment("abcd", "e" * 22), "audio", "0")
    headers = {"Content-Type": MEDIA_TYPE, "If-Match": "*"}
    async with here.patch(location, data=body, headers=headers) as response:
        assert response.status == 409
    async with here.delete(location) as response:
        assert response.status == 200
    async with here.delete(location) as response:
        assert response.status == 404


async def test_the_background_changes_while_it_runs(here: Client, track: CameraTrack) -> None:
    async with connected(here, track) as camera:
        camera.location += "/background"
        assert await (await camera.request("GET")).json() == {"background": "blur"}
        response = await camera.request("PUT", json={"background": "#102030"})
        assert (response.status, await response.json()) == (200, {"background": "#102030"})
        assert (await camera.request("PUT", json={"background": "beach"})).status == 422
        assert (await camera.request("PUT", json=["blur"])).status == 400
        assert (await camera.request("PUT", data="blur")).status == 415
        assert (await (await camera.request("GET")).json()) == {"background": "#102030"}
        camera.location = camera.location.removesuffix("/background")


pytestmark = pytest.mark.slow
