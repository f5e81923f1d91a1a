"""Who a request comes from: headers count only from trusted proxies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict

from server.core.errors import SignalingError
from server.http.forwarded import is_local, trust
from server.http.quota import Quota, RateLimit

Client = TestClient[web.Request, web.Application]
MakeClient = Callable[..., Awaitable[Client]]


@pytest.fixture
async def client() -> AsyncIterator[MakeClient]:
    """Make clients of a server that trusts these proxies and says whom it sees."""
    made: list[Client] = []

    async def make(*proxies: str) -> Client:
        app = web.Application(middlewares=[trust(proxies)])
        app.router.add_get("/{name}", who)
        client = TestClient(TestServer(app, host="127.0.0.1"))
        made.append(client)
        await client.start_server()
        return client

    yield make
    for client in made:
        await client.close()


async def who(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    return web.json_response([request.remote, request.scheme, request.host, is_local(request), name])


async def seen(client: Client, **headers: str) -> list[object]:
    async with client.get("/x", headers={k.replace("_", "-"): v for k, v in headers.items()}) as response:
        found: list[object] = await response.json()
        return found


async def test_headers_of_a_trusted_proxy_are_believed(client: MakeClient) -> None:
    trusting = await client("127.0.0.0/8", "::1")
    remote, scheme, host, local, name = await seen(
        trusting,
        X_Forwarded_For="192.0.2.66, 198.51.100.7, 127.0.0.9",
        X_Forwarded_Proto="https",
        X_Forwarded_Host="meet.example.org",
    )
    # What the client itself wrote (192.0.2.66) is left of what the proxy saw.
    assert (remote, scheme, host, local, name) == ("198.51.100.7", "https", "meet.example.org", False, "x")


async def test_a_proxy_may_add_a_line_of_its_own(client: MakeClient) -> None:
    lines = [("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-For", "198.51.100.7")]
    trusting = await client("127.0.0.1")
    async with trusting.get("/x", headers=CIMultiDict(lines)) as response:
        assert (await response.json())[0] == "198.51.100.7"


@pytest.mark.parametrize("value", ["", "nonsense", "127.0.0.1", "127.0.0.1,,"])
async def test_odd_headers_of_a_trusted_proxy(client: MakeClient, value: str) -> None:
    assert (await seen(await client("127.0.0.1"), X_Forwarded_For=value))[0] == "127.0.0.1"


async def test_headers_of_anybody_else_are_ignored(client: MakeClient) -> None:
    doubting = await client("10.0.0.0/8")
    remote, scheme, _, local, _ = await seen(doubting, X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https")
    assert (remote, scheme) == ("127.0.0.1", "http")
    # Somebody passed it on, so it isn't from this machine.
    assert not local


async def test_a_request_of_this_machine_is_local(client: MakeClient) -> None:
    assert (await seen(await client()))[3] is True


def test_a_quota_is_per_address_and_given_back() -> None:
    quota = Quota(2)
    with quota.hold("192.0.2.1"):
        give_back = quota.take("192.0.2.1")
        quota.take("192.0.2.2")
        with pytest.raises(SignalingError, match="Too many connections"), quota.hold("192.0.2.1"):
            pass
        give_back()
        quota.take("192.0.2.1")


def test_an_ipv6_site_counts_as_one_and_loopback_not_at_all() -> None:
    quota = Quota(1)
    quota.take("2001:db8::1")
    with pytest.raises(SignalingError):
        quota.take("2001:db8::ffff:1")
    quota.take("2001:db8:0:1::1")
    for _ in range(3):
        quota.take("127.0.0.1")
        quota.take("::1")
        quota.take(None)


def test_a_pace_is_kept_by_each_address() -> None:
    now = 0.0
    pace = RateLimit(2, 1, lambda: now)
    for _ in range(2):
        pace.spend("192.0.2.1")
        pace.spend("2001:db8::1")
    for again in ("192.0.2.1", "2001:db8::ffff:1"):
        with pytest.raises(SignalingError, match="Wait a moment"):
            pace.spend(again)
    pace.spend("192.0.2.2")
    for _ in range(9):
        pace.spend("127.0.0.1")
    now = 1.0
    pace.spend("192.0.2.1")


@pytest.mark.parametrize(
    "header", ["Via", "CF-Connecting-IP", "X-Forwarded-For", "Forwarded", "True-Client-IP"]
)
async def test_a_proxy_that_nobody_has_named_is_told(
    client: MakeClient, caplog: pytest.LogCaptureFixture, header: str
) -> None:
    alone = await client()
    _, _, _, local, _ = await seen(alone)
    assert (local, caplog.text) == (True, "")
    _, _, _, local, _ = await seen(alone, **{header: "1.1 edge"})
    assert not local
    assert header in caplog.text
    assert "trusted_proxies" in caplog.text
    caplog.clear()
    await seen(await client("127.0.0.1"), **{header: "1.1 edge"})
    assert caplog.text == ""
