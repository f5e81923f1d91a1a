"""Rooms over several servers of this process, reached through a front."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from filters.matting.segmenter import Segmenter
from server.access.invitations import Invitation
from server.access.tokens import Grant, Key, make_token
from server.cluster.links import Links
from server.cluster.messages import Placement, Report
from server.cluster.sealing import Seal
from server.config.options import Config
from server.core.errors import SignalingError
from tests.support.client import Client, join
from tests.support.cluster import ClusterHere, cluster_here
from tests.support.whip_client import offer, post

pytestmark = pytest.mark.slow

SECRET = "s" * 32


@pytest.fixture
async def cluster(segmenter: Segmenter, tmp_path: Path) -> AsyncIterator[ClusterHere]:
    async with cluster_here(Config(workers=1), segmenter, tmp_path) as cluster:
        yield cluster


@pytest.fixture
async def redirecting(segmenter: Segmenter, tmp_path: Path) -> AsyncIterator[ClusterHere]:
    async with cluster_here(Config(workers=1), segmenter, tmp_path, public=True) as cluster:
        yield cluster


async def ended(client: Client) -> int | None:
    """Wait until somebody's WebSocket is closed; return the code."""
    assert client._socket is not None
    async with asyncio.timeout(15):
        while not client._socket.closed:
            await asyncio.sleep(0.02)
    return client._socket.close_code


async def lock(client: Client) -> None:
    await client.send({"type": "policy", "policy": {"locked": True, "screenShare": "off"}})
    await client.wait_for("policy", policy={"locked": True})


async def test_a_server_that_hangs_is_waited_for_no_longer_than_its_lease(
    cluster: ClusterHere, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The system takes connections in its name."""
    monkeypatch.setattr("server.cluster.front.ANSWER", 0.5)
    path = str(tmp_path / "hangs")
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(path)
        hanging.listen()
        await cluster.directory.renew("hangs/1", 1, Report(f"unix:{path}", 1000.0, -1e6, {}, {}))
        async with asyncio.timeout(10), join(cluster.url, "studio"):
            assert cluster.of("studio")


async def test_a_revoked_invitation_stays_revoked_where_the_room_moves(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio") as ada:
        first = cluster.of("studio")
        known = first.rooms.authenticator.invitations
        known.add("studio", Invitation("i1", "guest", time.time() + 60, pin=False, by="Ada"), "")
        known.revoke("studio", "i1")
        await cluster.renew()
        await cluster.lose(first)
        async with join(cluster.url, "studio", seat=ada.seat):
            assert cluster.other(first).rooms.authenticator.invitations.is_revoked("studio", "i1")


async def test_people_of_a_room_meet_on_one_server(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio") as ada, join(cluster.url, "Studio", "Bob") as bob:
        await ada.wait_for("participant-joined", participant={"id": bob.id})
        assert len(cluster.of("studio").rooms.open_rooms.all()) == 1


async def test_who_leaves_the_page_leaves_at_once(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio") as ada, join(cluster.url, "studio", "Bob") as bob:
        await bob.close(say_goodbye=False, code=aiohttp.WSCloseCode.GOING_AWAY)
        assert (await ada.wait_for("participant-left"))["reason"] == "left"


async def test_several_fronts_work_behind_one_name(cluster: ClusterHere) -> None:
    async with (
        cluster.another_front() as url,
        join(cluster.url, "studio") as ada,
        join(url, "studio", "Bob") as bob,
    ):
        await ada.wait_for("participant-joined", participant={"id": bob.id})
        await cluster.renew()
        await cluster.lose(cluster.of("studio"))
        async with join(url, "studio", "Bob", seat=bob.seat) as back:
            await ended(ada)  # on the other front
            async with join(cluster.url, "studio", seat=ada.seat) as again:
                assert len(again.joined["participants"]) == 2
                await back.wait_for("participant-joined", participant={"name": "Ada"})


async def test_rooms_are_spread_evenly(cluster: ClusterHere) -> None:
    async with aiohttp.ClientSession() as session:
        for k in range(20):
            socket = await session.ws_connect(cluster.url + "/ws")
            await socket.send_json({"type": "join", "version": 1, "room": f"r{k}", "name": "Ada"})
            assert (await socket.receive_json())["type"] == "joined"
        counts = [len(server.rooms.open_rooms.all()) for server in cluster.servers]
        assert counts == [10, 10]


async def test_a_room_moves_with_its_people_when_its_server_is_cut_off(cluster: ClusterHere) -> None:
    async with (
        join(cluster.url, "studio", background="fjord") as ada,
        join(cluster.url, "studio", "Bob") as bob,
    ):
        await lock(ada)
        first = cluster.of("studio")
        await cluster.renew()
        await cluster.cut_off(first)
        # The next one who comes moves the room: Ada, whose page has been loaded anew.
        async with join(cluster.url, "studio", seat=ada.seat, background="fjord") as again:
            await ended(bob)
            assert cluster.other(first).rooms.open_rooms.get("studio") is not None
            assert again.joined["state"] == "room"
            assert again.joined["policy"]["locked"] is True
            assert again.joined["policy"]["screenShare"] == "off"
            assert again.joined["background"] == "fjord"
            assert again.joined["seat"] == ada.seat
            assert again.joined["participants"][0]["role"] == "host"
            async with join(cluster.url, "studio", "Bob", seat=bob.seat) as back:
                assert back.joined["state"] == "room"
                roles = {p["name"]: p["role"] for p in back.joined["participants"]}
                assert roles == {"Ada": "host", "Bob": "guest"}


async def test_strangers_do_not_get_into_a_locked_room_that_moved(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio") as ada:
        await lock(ada)
        await cluster.renew()
        first = cluster.of("studio")
        await cluster.lose(first)
        async with join(cluster.url, "studio", "Eve", preview=True) as eve:
            await eve.send({"type": "enter", "name": "Eve"})
            await eve.wait_for("error", code="room-locked")
        await ended(ada)


@pytest.mark.parametrize("path", ["/cluster/rooms/studio", "/x/../cluster/rooms/studio"])
async def test_nobody_plants_the_state_of_a_room(cluster: ClusterHere, path: str) -> None:
    """It says who is host. No front passes one on, and servers believe their own seal only."""
    state = {"policy": {}, "token": "", "seats": {}, "bans": []}
    ours, another = cluster.seal.room_id("studio"), cluster.seal.room_id("another")
    good = cluster.seal.close({**state, "room": ours})
    bad = (
        json.dumps({**state, "room": ours}),
        Seal(b"x" * 32).close({**state, "room": ours}),
        cluster.seal.close({**state, "room": another}),
        cluster.seal.close(state),
        "é",
    )
    placed = await cluster.directory.place(ours, 0)
    assert isinstance(placed, Placement)
    links = Links(None)
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(links.close)
        for body in (*bad, good):
            url = URL(f"{cluster.url}{path}", encoded=True)
            async with session.put(url, data=body.encode()) as response:
                assert response.status in (403, 404)
            way = links.request(placed.url, "PUT", "/cluster/rooms/studio", {}, body.encode())
            async with way as answer:
                assert answer.status == (204 if body == good else 403)


async def test_who_was_removed_stays_out_when_the_room_moves(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio") as ada, join(cluster.url, "studio", "Eve") as eve:
        await ada.send({"type": "remove", "participant": eve.id})
        await eve.wait_for("error", code="removed")
        await cluster.renew()
        await cluster.lose(cluster.of("studio"))
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(cluster.url + "/ws")
            message = {"type": "join", "version": 1, "room": "studio", "name": "Eve", "seat": eve.seat}
            await socket.send_json(message)
            assert (await socket.receive_json())["code"] == "removed"


async def test_who_is_cut_off_from_the_directory_stays_connected(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio") as ada, join(cluster.url, "studio", "Bob") as bob:
        for server in cluster.servers:
            server.orphan()
        await asyncio.sleep(1)
        await ada.send({"type": "chat", "text": "Still here?"})
        await bob.wait_for("chat")
    for server in cluster.servers:
        await server.ended()


async def test_a_drained_server_gives_its_rooms_away(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio") as ada:
        first = cluster.of("studio")
        await cluster.directory.drain(first.name.partition("/")[0], 60)
        for _ in range(2):
            await cluster.renew()
        async with join(cluster.url, "studio", "Bob") as bob:
            assert cluster.other(first).rooms.open_rooms.get("studio") is not None
            await ended(ada)
            async with join(cluster.url, "studio", seat=ada.seat):
                await bob.wait_for("participant-joined", participant={"name": "Ada"})
        await first.ended()


async def test_a_front_whose_servers_all_drain_is_not_ready(cluster: ClusterHere) -> None:
    statuses = []
    async with join(cluster.url, "studio"), join(cluster.url, "another"):
        for server in cluster.servers:
            async with cluster.front.get("/readyz") as response:
                statuses.append(response.status)
            await cluster.directory.drain(server.name.partition("/")[0], 60)
            for _ in range(2):
                await cluster.renew()
        async with cluster.front.get("/readyz") as response:
            statuses.append(response.status)
        async with cluster.front.ws_connect("/ws") as socket, asyncio.timeout(5):
            await socket.send_json({"type": "join", "version": 1, "room": "studio", "name": "Bob"})
            assert (await socket.receive_json())["code"] == "shutting-down"
    assert statuses == [200, 200, 503]


async def test_nobody_comes_in_without_a_ticket(redirecting: ClusterHere) -> None:
    placed = await redirecting.directory.place(redirecting.seal.room_id("studio"), 0)
    public = placed.public  # type: ignore[union-attr]
    async with aiohttp.ClientSession() as session:
        for query in ("", "?ticket=x"):
            async with session.ws_connect(f"{public}/ws{query}") as socket:
                await socket.send_json({"type": "join", "version": 1, "room": "studio", "name": "Eve"})
                assert (await socket.receive_json())["code"] == "not-here"
            headers = {"Content-Type": "application/sdp"}
            sdp = await offer("sendonly", "video")
            async with session.post(f"{public}/whip/studio{query}", data=sdp, headers=headers) as response:
                assert (response.status, (await response.json())["code"]) == (503, "not-here")
        async with session.put(f"{public}/cluster/rooms/studio", data=b"{}") as response:
            assert response.status == 404


async def test_whip_is_sent_to_the_server(redirecting: ClusterHere) -> None:
    sdp, headers = await offer("sendonly", "video"), {"Content-Type": "application/sdp"}
    path = "/whip/studio?identity=desk"
    async with redirecting.front.post(path, data=sdp, headers=headers, allow_redirects=False) as response:
        assert response.status == 307
        location = response.headers["Location"]
    async with aiohttp.ClientSession() as session:
        async with session.post(location, data=sdp, headers=headers) as response:
            assert response.status == 201
            created = response.url.join(type(response.url)(response.headers["Location"]))
        (member,) = redirecting.of("studio").rooms.open_rooms.all()[0].memberships
        assert member.participant.grant.identity == "desk"
        async with session.delete(created) as response:
            assert response.status == 200


async def test_a_page_of_the_fronts_own_is_sent_nowhere(redirecting: ClusterHere) -> None:
    """As the one for other programs: the policy of its content lets it speak to no other address."""
    headers = {"Content-Type": "application/sdp", "Origin": redirecting.url}
    sdp = await offer("sendonly", "audio")
    async with redirecting.front.post("/whip/studio", data=sdp, headers=headers) as response:
        assert (response.status, response.history) == (201, ())
        created = response.headers["Location"]
    async with redirecting.front.delete(created, headers=headers) as response:
        assert response.status == 200


async def test_a_front_does_not_tell_what_it_is_made_of(cluster: ClusterHere) -> None:
    for path in ("/healthz", "/cluster/rooms/studio", "/r/studio", "/whip/%20"):
        async with cluster.front.post(path) as response:
            assert response.headers["Server"] == "Greenroom", path


@pytest.mark.parametrize("joined", [False, True])
async def test_a_flood_of_pings_ends_the_connection(cluster: ClusterHere, joined: bool) -> None:
    """Each costs the front as much as a message, and the server never hears of it."""
    async with aiohttp.ClientSession() as session, session.ws_connect(cluster.url + "/ws") as socket:
        if joined:
            await socket.send_json({"type": "join", "version": 1, "room": "studio", "name": "Eve"})
            assert (await socket.receive_json())["type"] == "joined"
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                await socket.ping()
        async with asyncio.timeout(10):
            said = [json.loads(message.data) async for message in socket]
        assert said[-1]["code"] == "too-many-messages"


async def test_pings_are_no_join(segmenter: Segmenter, tmp_path: Path) -> None:
    config = Config(workers=1, join_timeout=1.0)
    async with (
        cluster_here(config, segmenter, tmp_path) as cluster,
        cluster.front.ws_connect("/ws") as socket,
        asyncio.timeout(10),
    ):
        reading = asyncio.create_task(socket.receive_json())
        while not reading.done():
            await socket.ping()
            await asyncio.sleep(0.1)
        assert reading.result()["code"] == "not-joined"


async def test_nothing_is_compressed_for_who_does_not_ask_for_it(cluster: ClusterHere) -> None:
    reader, writer = await asyncio.open_connection(cluster.front.host, cluster.front.port)
    host = f"Host: {cluster.front.host}:{cluster.front.port}"
    writer.write(f"GET /r/studio HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b"Content-Encoding" not in head
    assert b"</html>" in body


async def test_servers_warn_of_no_proxy_that_the_front_trusts(
    segmenter: Segmenter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(workers=1, trusted_proxies=("127.0.0.1",))
    headers = {"X-Forwarded-For": "192.0.2.1", "Via": "1.1 proxy", "CF-Connecting-IP": "192.0.2.1"}
    async with (
        cluster_here(config, segmenter, tmp_path) as cluster,
        cluster.front.get("/r/studio", headers=headers) as response,
    ):
        assert response.status == 200
    assert "trusted_proxies" not in caplog.text


async def test_chunks_in_http_1_0_are_refused(cluster: ClusterHere) -> None:
    reader, writer = await asyncio.open_connection(cluster.front.host, cluster.front.port)
    host = f"Host: {cluster.front.host}:{cluster.front.port}"
    writer.write(f"POST /whip/a HTTP/1.0\r\n{host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode())
    async with asyncio.timeout(10):
        assert b" 400 " in await reader.readline()
    writer.close()


async def test_an_old_redirect_is_fenced(redirecting: ClusterHere) -> None:
    sdp, headers = await offer("sendonly", "video"), {"Content-Type": "application/sdp"}
    async with redirecting.front.post(
        "/whip/r", data=sdp, headers=headers, allow_redirects=False
    ) as response:
        location = response.headers["Location"]
    placed = await redirecting.directory.place(redirecting.seal.room_id("r"), 0)
    await redirecting.cut_off(next(s for s in redirecting.servers if s.name == placed[0]))
    async with (
        aiohttp.ClientSession() as session,
        session.post(location, data=sdp, headers=headers) as answer,
    ):
        assert (answer.status, (await answer.json())["code"]) == (503, "not-here")


async def test_a_redirect_carries_what_a_token_allows(segmenter: Segmenter, tmp_path: Path) -> None:
    config = Config(workers=1, token_keys={"k": SECRET})
    token = make_token(Key("k", "HS256", SECRET), Grant("studio", "desk", "Desk", "guest"), 60)
    sdp, headers = await offer("sendonly", "video"), {"Content-Type": "application/sdp"}
    async with cluster_here(config, segmenter, tmp_path, public=True) as cluster:
        status, _ = await post(cluster.front, "/whip/studio", sdp)
        assert status == 401
        headers["Authorization"] = f"Bearer {token}"
        async with cluster.front.post(
            "/whip/studio", data=sdp, headers=headers, allow_redirects=False
        ) as sent:
            location = sent.headers["Location"]
        del headers["Authorization"]  # as browsers do with a redirect to another origin
        one_connection = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=one_connection) as session:
            async with session.post(location, data=sdp, headers=headers) as answer:
                assert answer.status == 201
            bare = URL(location).with_query(None)  # what a ticket allows ends with its request
            async with session.post(bare, data=sdp, headers=headers) as answer:
                assert (answer.status, (await answer.json())["code"]) == (401, "token-missing")
        (member,) = cluster.of("studio").rooms.open_rooms.all()[0].memberships
        assert member.participant.grant.identity == "desk"


async def test_a_redirect_lets_nobody_in_whom_hosts_keep_out(segmenter: Segmenter, tmp_path: Path) -> None:
    """Who came by an invitation that is revoked, which fronts don't know, or by a token that names nobody."""
    config, key, now = (
        Config(workers=1, token_keys={"k": SECRET}),
        Key("k", "HS256", SECRET),
        int(time.time()),
    )
    sdp, headers = await offer("sendonly", "video"), {"Content-Type": "application/sdp"}

    async with cluster_here(config, segmenter, tmp_path, public=True) as cluster:

        async def come(grant: Grant) -> tuple[int, str]:
            bearer = {"Authorization": f"Bearer {make_token(key, grant, 60, now)}"}
            path = f"/whip/studio?name={grant.role}"
            sent = await cluster.front.post(path, data=sdp, headers=headers | bearer, allow_redirects=False)
            async with aiohttp.ClientSession() as session:
                answer = await session.post(sent.headers["Location"], data=sdp, headers=headers)
                return answer.status, await answer.text()

        assert (await come(Grant("studio", role="host")))[0] == 201
        assert (await come(Grant("studio", role="guest")))[0] == 201
        server = cluster.of("studio")
        (room,) = server.rooms.open_rooms.all()
        mallory = next(m for m in room.memberships if m.participant.grant.role == "guest")
        assert mallory.participant.grant.expires == now + 60
        await server.rooms.remove(mallory, SignalingError("removed", "Out.", fatal=True))
        assert (await come(Grant("studio", role="guest")))[0] == 403
        invitations = server.rooms.authenticator.invitations
        invitations.add("studio", Invitation("i1", "guest", now + 60, pin=False, by="Ada"), "")
        invitations.revoke("studio", "i1")
        status, told = await come(Grant("studio", role="guest", token="jti:i1"))
        assert (status, "token-revoked" in told) == (401, True)


async def test_whip_is_passed_on_where_servers_have_no_url(cluster: ClusterHere) -> None:
    status, _ = await post(cluster.front, "/whip/studio", await offer("sendonly", "video"))
    assert status == 201
    assert cluster.of("studio")
    status, _ = await post(cluster.front, "/whep/studio/nobody", await offer("recvonly", "video"))
    assert status == 404


async def test_the_page_comes_from_any_server(cluster: ClusterHere) -> None:
    for path in ("/", "/r/studio", "/static/style.css", "/static/css/style.css", "/api/backgrounds"):
        async with cluster.front.get(path) as response:
            if response.status != 404:
                assert response.status == 200
                assert await response.read()
    async with cluster.front.get("/healthz") as response:
        assert response.status == 200


async def test_readiness_is_that_there_is_a_server(cluster: ClusterHere) -> None:
    async with cluster.front.get("/readyz") as response:
        assert response.status == 200


async def test_who_finds_only_servers_that_do_not_answer_is_told_so(
    cluster: ClusterHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their leases are renewed, and the front can't reach them."""
    monkeypatch.setattr("server.cluster.placing.PATIENCE", 0.5)
    for k in range(len(cluster.servers)):
        (tmp_path / str(k)).unlink()
    async with cluster.front.ws_connect("/ws") as socket:
        await socket.send_json({"type": "join", "version": 1, "room": "studio", "name": "Ada"})
        assert (await socket.receive_json(timeout=30))["code"] == "server-full"
    status, _ = await post(cluster.front, "/whip/studio", await offer("sendonly", "video"))
    assert status == 503


HEAD = "POST /api/rooms/studio/files HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("limit", "sent", "answer"),
    [
        ("server.http.connections.HEAD_LIMIT", HEAD, b""),
        ("server.cluster.front.BODY_LIMIT", f"{HEAD}Content-Length: 5\r\n\r\nwor", b"HTTP/1.1 408 "),
    ],
)
async def test_a_request_that_never_ends_is_not_waited_for(
    cluster: ClusterHere, monkeypatch: pytest.MonkeyPatch, limit: str, sent: str, answer: bytes
) -> None:
    monkeypatch.setattr(limit, 0.05)
    reader, writer = await asyncio.open_connection(cluster.front.host, cluster.front.port)
    writer.write(sent.encode())
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(answer)
    writer.close()


async def test_uploads_go_to_the_room(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio") as ada:
        headers = {"Authorization": f"Bearer {ada.seat}"}
        path = "/api/rooms/studio/backgrounds"
        async with cluster.front.post(path, data=b"no picture", headers=headers) as response:
            assert (response.status, (await response.json())["code"]) == (422, "bad-picture")


async def test_what_is_too_large_is_refused_in_the_projects_words(cluster: ClusterHere) -> None:
    size = max(cluster.config.max_upload, cluster.config.max_file) + 1
    for path in ("/api/rooms/studio/backgrounds", "/api/rooms/studio/files", "/whip/studio", "/nothing"):
        async with cluster.front.post(path, data=io.BytesIO(bytes(size))) as response:
            assert (response.status, (await response.json())["code"]) == (413, "too-large"), path


async def test_a_server_decides_about_large_bodies(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio") as ada:
        for path, seat, answer in (
            ("backgrounds", "nothing", (401, "unauthorized")),
            ("files", ada.seat, (403, "files-forbidden")),
            ("backgrounds", ada.seat, (422, "bad-picture")),
        ):
            headers = {"Authorization": f"Bearer {seat}"}
            data = io.BytesIO(bytes(4_000_000))
            async with cluster.front.post(
                f"/api/rooms/studio/{path}", data=data, headers=headers
            ) as response:
                assert (response.status, (await response.json())["code"]) == answer


async def test_bodies_that_never_end_cost_a_front_little_memory(cluster: ClusterHere) -> None:
    """Whoever sends them: it is the servers who know what may be sent."""
    size = cluster.config.max_upload
    head = f"POST /api/rooms/studio/backgrounds HTTP/1.1\r\nHost: localhost:{cluster.front.port}\r\n"
    tracemalloc.start()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(tracemalloc.stop)
        for _ in range(4):
            _, writer = await asyncio.open_connection(cluster.front.host, cluster.front.port)
            stack.callback(writer.close)
            writer.write(f"{head}Content-Length: {size}\r\n\r\n".encode())
            for _ in range(size // 100_000):
                writer.write(bytes(100_000))
                with contextlib.suppress(TimeoutError, ConnectionError):
                    await asyncio.wait_for(writer.drain(), 0.05)
                if writer.transport.get_write_buffer_size() > 1_000_000:
                    break  # it takes no more
        held = sum(trace.size for trace in tracemalloc.take_snapshot().statistics("filename"))
    assert held < size


async def test_an_address_may_be_a_whole_one(cluster: ClusterHere) -> None:
    """As proxies write it (RFC 9112, section 3.2.2)."""
    host = f"localhost:{cluster.front.port}"
    reader, writer = await asyncio.open_connection(cluster.front.host, cluster.front.port)
    writer.write(f"GET http://{host}/api/backgrounds?a=%2F HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    async with asyncio.timeout(10):
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    writer.close()


async def test_files_go_to_the_room_and_come_from_there(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio") as ada:
        await ada.send({"type": "policy", "policy": {"files": True}})
        await ada.wait_for("policy", policy={"files": True})
        headers = {"Authorization": f"Bearer {ada.seat}", "File-Name": "a%20plan.txt"}
        path, data = "/api/rooms/studio/files", b"x" * 1_000_000
        async with cluster.front.post(path, data=data, headers=headers) as response:
            assert response.status == 201
            key = (await response.json())["id"]
        assert (await ada.wait_for("chat"))["chat"]["text"] == "a plan.txt"
        async with cluster.front.get(f"{path}/{key}", headers=headers) as response:
            assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%20plan.txt"
            assert await response.read() == data


async def test_the_api_lists_the_rooms_of_all_servers(segmenter: Segmenter, tmp_path: Path) -> None:
    config = Config(workers=1, token_keys={"k": SECRET})
    token = make_token(Key("k", "HS256", SECRET), Grant("*", role="host"), 60)
    async with cluster_here(config, segmenter, tmp_path) as cluster, aiohttp.ClientSession() as session:
        for name in ("x", "y"):
            socket = await session.ws_connect(cluster.url + "/ws")
            message = {"type": "join", "version": 1, "room": name, "name": "Ada", "token": token}
            await socket.send_json(message)
            await socket.receive_json()
        headers = {"Authorization": f"Bearer {token}"}
        async with cluster.front.get("/api/v1/rooms", headers=headers) as response:
            assert sorted(room["name"] for room in (await response.json())["rooms"]) == ["x", "y"]
        async with cluster.front.get("/api/v1/rooms/x", headers=headers) as response:
            assert (await response.json())["name"] == "x"
        async with cluster.front.get("/api/v1/rooms") as response:
            assert response.status == 401


@pytest.mark.parametrize(
    "text", ["nonsense", "{}", '{"type": "join", "version": 1, "room": "a b", "name": "A"}']
)
async def test_nonsense_is_answered_by_the_front(cluster: ClusterHere, text: str) -> None:
    async with cluster.front.ws_connect("/ws") as socket:
        await socket.send_str(text)
        assert (await socket.receive_json())["code"] in ("bad-message", "bad-room")


async def test_metrics_tell_placements_and_moves(cluster: ClusterHere) -> None:
    async with join(cluster.url, "studio"):
        await cluster.lose(cluster.of("studio"))
        async with join(cluster.url, "studio", "Bob"):
            text = await (await cluster.front.get("/metrics")).text()
    assert 'greenroom_placements_total{outcome="placed"} 2.0' in text
    assert 'greenroom_moves_total{reason="ended"} 1.0' in text
    assert "greenroom_lease_seconds{" in text
    assert "studio" not in text
