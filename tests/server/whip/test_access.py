"""Who may publish and watch over HTTP, how many, and from which pages."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest

from filters.matting.segmenter import Segmenter
from server.access.policy import Role
from server.access.tokens import Grant, Key, make_token
from server.app import ROOMS
from server.config.options import Config, IceServer
from server.core.errors import SignalingError
from server.core.messages import Message
from server.media.rtc.sdp import RemoteDescription
from server.peers.egress import Egress
from server.rooms.invitations import Maker, invite, revoke
from server.rooms.moderation import allow, change_policy, keep_out, keep_viewer_out
from server.whip.endpoint import SESSIONS
from server.whip.sessions import OFFERS
from tests.support.client import CameraTrack
from tests.support.serving import Client, serving
from tests.support.whip_client import SDP, offer, post, speaking

SECRET = "north-" * 6
KEY = Key("a", "HS256", SECRET)

Until: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]


def token(room: str = "studio", **grant: str) -> str:
    return make_token(KEY, Grant(room, **grant), 60)  # type: ignore[arg-type]


@pytest.fixture
async def guarded(segmenter: Segmenter) -> AsyncIterator[Client]:
    async with serving(Config(workers=1, token_keys={"a": SECRET}), segmenter) as client:
        yield client


async def test_limits(segmenter: Segmenter) -> None:
    config = Config(workers=1, max_sessions=2, max_participants=1, trusted_proxies=("127.0.0.1",))
    sendonly = await offer("sendonly", "audio")
    async with serving(config.replace(max_connections_per_address=1), segmenter) as client:
        one, other = {"X_Forwarded_For": "192.0.2.1"}, {"X_Forwarded_For": "192.0.2.2"}
        assert (await post(client, "/whip/a", sendonly, **one))[0] == 201
        assert (await post(client, "/whip/b", sendonly, **one))[0] == 429
        status, text = await post(client, "/whip/a", sendonly, **other)
        assert (status, "room-full" in text) == (503, True)
        assert (await post(client, "/whip/b", sendonly, **other))[0] == 201
        status, text = await post(client, "/whip/c", sendonly, X_Forwarded_For="192.0.2.3")
        assert (status, "too-many-sessions" in text) == (503, True)
        client.app[ROOMS].draining = True
        assert (await post(client, "/whip/c", sendonly))[0] == 503


@pytest.mark.slow
async def test_offers_without_end_are_put_off(segmenter: Segmenter) -> None:
    """Good or bad, each takes the event loop a moment; other addresses are heard."""
    async with serving(Config(workers=1, trusted_proxies=("127.0.0.1",)), segmenter) as client:
        one, other = {"X_Forwarded_For": "192.0.2.1"}, {"X_Forwarded_For": "192.0.2.2"}
        answers = await asyncio.gather(*(post(client, "/whip/a", "v=0", **one) for _ in range(300)))
        found = Counter(status for status, _ in answers)
        assert found.keys() == {400, 429}
        assert found[400] >= OFFERS
        assert (await post(client, "/whip/a", "v=0", **other))[0] == 400


async def test_tokens_open_the_door(guarded: Client) -> None:
    sdp = await offer("sendonly", "audio")
    assert (await post(guarded, "/whip/studio", sdp))[0] == 401
    async with guarded.post("/whip/studio", data=sdp, headers={"Content-Type": SDP}) as response:
        assert response.headers["WWW-Authenticate"] == "Bearer"
    for bearer, expected in (
        ("nonsense", 401),
        (make_token(KEY, Grant("studio"), 60, now=0), 401),
        (make_token(Key("a", "HS256", "south-" * 6), Grant("studio"), 60), 401),
        (token(room="attic"), 403),
        (token(), 201),
    ):
        assert (await post(guarded, "/whip/studio", sdp, Authorization=f"Bearer {bearer}"))[0] == expected
    recvonly = await offer("recvonly", "audio")
    assert (await post(guarded, "/whep/studio/x", recvonly))[0] == 401
    assert (await post(guarded, "/whep/studio/x", recvonly, Authorization=f"Bearer {token()}"))[0] == 404


async def test_a_token_forces_the_background_and_the_name(guarded: Client, track: CameraTrack) -> None:
    bearer = token(background="#102030", name="Desk", identity="desk")
    async with speaking(guarded, "/whip/studio?name=Ada&identity=ada", bearer) as camera:
        assert await camera.publish(track) == 201
        (membership,) = guarded.app[ROOMS].open_rooms.all()[0].memberships
        participant = membership.participant
        assert (participant.name, participant.background) == ("Desk", "#102030")
        assert participant.grant.identity == "desk"
        camera.location += "/background"
        assert (await camera.request("PUT", json={"background": "blur"})).status == 403
        camera.location = camera.location.removesuffix("/background")
    wish = "/whip/studio?background=blur"
    assert (await post(guarded, wish, await offer("sendonly", "audio"), Authorization=f"Bearer {bearer}"))[
        0
    ] == 403


async def test_who_one_is_only_a_token_says(guarded: Client) -> None:
    sdp = await offer("sendonly", "audio")
    desk, guest = ({"Authorization": f"Bearer {bearer}"} for bearer in (token(identity="desk"), token()))
    async with guarded.post("/whip/studio", data=sdp, headers={"Content-Type": SDP} | desk) as response:
        location = response.headers["Location"]
    assert (await post(guarded, "/whip/studio?identity=desk", sdp, **guest))[0] == 201
    memberships = guarded.app[ROOMS].open_rooms.all()[0].memberships
    assert [membership.participant.grant.identity for membership in memberships] == ["desk", ""]
    async with guarded.delete(location, headers=desk) as response:
        assert response.status == 200


async def test_a_session_is_its_tokens_only(guarded: Client) -> None:
    sdp, mine = await offer("sendonly", "audio"), {"Authorization": f"Bearer {token()}"}
    async with guarded.post("/whip/studio", data=sdp, headers={"Content-Type": SDP} | mine) as response:
        location = response.headers["Location"]
    async with guarded.delete(location) as response:
        assert response.status == 401
    async with guarded.delete(location.replace("/whip/studio", "/whip/attic"), headers=mine) as response:
        assert response.status == 403
    async with guarded.delete(location, headers=mine) as response:
        assert response.status == 200


@pytest.mark.slow
async def test_a_viewer_is_seen_and_obeys(guarded: Client, track: CameraTrack, until: Until) -> None:
    """By removal, by the lock and by the waiting room; and stays out where a host has said so."""
    bearer, mallory = token(identity="cam"), token(identity="mallory")
    async with speaking(guarded, "/whip/studio", bearer) as camera:
        assert await camera.publish(track) == 201
        (room,) = guarded.app[ROOMS].open_rooms.all()
        (membership,) = room.memberships
        told: list[Message] = []
        membership.send = told.append
        for policy in ({"locked": True}, {"waitingRoom": True}, None):
            async with speaking(guarded, "/whep/studio/cam", mallory) as viewer:
                assert await viewer.play() == 201
                (seen,) = room.viewers.describe()
                assert seen["watching"] == membership.participant.id
                assert told[-1] == {"type": "viewers", "viewers": [seen]}
                if policy is not None:
                    change_policy(room, membership.participant.library, policy)
                else:
                    keep_out(room, seen["id"], seen["name"], "sub:mallory")
                await until(lambda: guarded.app[SESSIONS].count("whep") == 0)
                assert told[-1]["type"] != "viewers" or told[-1]["viewers"] == []
            recvonly = await offer("recvonly", "video")
            status, _ = await post(guarded, "/whep/studio/cam", recvonly, Authorization=f"Bearer {mallory}")
            assert status == 403
            change_policy(room, membership.participant.library, {"locked": False, "waitingRoom": False})
        sendonly = await offer("sendonly", "video")
        assert (await post(guarded, "/whip/studio", sendonly, Authorization=f"Bearer {mallory}"))[0] == 403


@pytest.mark.parametrize("role", ["guest", "host"])
async def test_nobody_watches_by_a_revoked_invitation(
    guarded: Client, track: CameraTrack, until: Until, role: Role
) -> None:
    """Nor by one for hosts, after a host has been made a guest."""
    rooms = guarded.app[ROOMS]
    async with speaking(guarded, "/whip/studio", token(identity="cam")) as camera:
        assert await camera.publish(track) == 201
        (room,) = rooms.open_rooms.all()
        maker = Maker(room.name, Grant("studio", role="host"), "Ada")
        invited = invite(rooms.authenticator, rooms.config, maker, role, 3600, None)
        (made,) = rooms.authenticator.invitations.describe(room.name)
        async with (
            speaking(guarded, "/whep/studio/cam", made["token"]) as viewer,
            speaking(guarded, "/whep/studio/cam", token(identity="bob")) as other,
        ):
            assert (await viewer.play(), await other.play()) == (201, 201)
            if role == "host":
                await rooms.renew_secrets(room)
            else:
                revoke(rooms.authenticator, room.name, room, invited)
            await until(lambda: guarded.app[SESSIONS].count("whep") == 1)
            (left,) = room.viewers
            assert left.grant.identity == "bob"


async def test_who_is_removed_while_it_is_negotiated_does_not_watch(
    guarded: Client, track: CameraTrack, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer, mallory = token(identity="cam"), token(identity="mallory")
    async with speaking(guarded, "/whip/studio", bearer) as camera:
        assert await camera.publish(track) == 201
        (room,) = guarded.app[ROOMS].open_rooms.all()
        negotiate = Egress.offer

        async def slowly(egress: Egress, description: RemoteDescription) -> str:
            keep_out(room, "p1", "Mallory", "sub:mallory")
            return await negotiate(egress, description)

        monkeypatch.setattr(Egress, "offer", slowly)
        async with speaking(guarded, "/whep/studio/cam", mallory) as viewer:
            await viewer.play()
            await until(lambda: guarded.app[SESSIONS].count("whep") == 0)
            assert room.viewers.describe() == []


@pytest.mark.slow
async def test_without_tokens_who_is_removed_stays_out_by_address(
    segmenter: Segmenter, track: CameraTrack, until: Until
) -> None:
    """Whether they publish or watch, and whatever identity they say; others don't, until a host allows them."""
    config = Config(workers=1, trusted_proxies=("127.0.0.1",))
    from_elsewhere = {"X_Forwarded_For": "198.51.100.7"}
    async with serving(config, segmenter) as client, speaking(client, "/whip/studio?identity=cam") as camera:
        assert await camera.publish(track) == 201
        (room,) = client.app[ROOMS].open_rooms.all()
        (host,) = room.memberships

        async def come(path: str, **headers: str) -> int:
            direction = "recvonly" if "whep" in path else "sendonly"
            return (await post(client, path, await offer(direction, "video"), **headers))[0]

        assert await come("/whep/studio/cam", **from_elsewhere) == 201
        (viewer,) = room.viewers
        keep_viewer_out(room, viewer)
        await until(lambda: client.app[SESSIONS].count("whep") == 0)
        for path in ("/whep/studio/cam", "/whip/studio", "/whip/studio?identity=other"):
            assert await come(path, **from_elsewhere) == 403
        assert await come("/whep/studio/cam", X_Forwarded_For="198.51.100.8") == 201
        allow(host, viewer.id)
        assert await come("/whep/studio/cam", **from_elsewhere) == 201
        assert await come("/whip/studio?identity=eve", **from_elsewhere) == 201
        eve = next(m for m in room.memberships if m.participant.grant.identity == "eve")
        await client.app[ROOMS].remove(eve, SignalingError("removed", "Out.", fatal=True))
        assert [v.origin for v in room.viewers] == ["address:198.51.100.8"]
        assert await come("/whip/studio?identity=mallory", **from_elsewhere) == 403


async def test_other_origins_need_a_server_with_tokens(here: Client, guarded: Client) -> None:
    sdp = await offer("sendonly", "audio")
    status, text = await post(here, "/whip/studio", sdp, Origin="https://evil.example")
    assert (status, "cross-origin" in text) == (403, True)
    own = f"http://{here.host}:{here.port}"
    assert (await post(here, "/whip/studio", sdp, Origin=own))[0] == 201
    headers = {"Origin": "https://app.example", "Content-Type": SDP}
    async with guarded.options("/whip/studio", headers=headers) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        assert response.headers["Accept-Post"] == SDP
    async with guarded.post("/whip/studio", data=sdp, headers=headers) as response:
        assert response.status == 401
        assert "Location" in response.headers["Access-Control-Expose-Headers"]


async def test_ice_servers_are_told_to_those_who_may_come_in(segmenter: Segmenter) -> None:
    config = Config(
        workers=1,
        token_keys={"a": SECRET},
        ice_servers=(IceServer(["turn:turn.invalid"]),),
        turn_secret="x",
    )
    async with serving(config, segmenter) as client:
        async with client.options("/whip/studio") as response:
            assert "Link" not in response.headers
        headers = {"Authorization": f"Bearer {token()}"}
        async with client.options("/whip/studio", headers=headers) as response:
            assert 'rel="ice-server"; username="' in response.headers["Link"]
