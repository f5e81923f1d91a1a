"""What browsers speak to: finds a room's server and passes signalling on, both ways. Media does not come this way.

A front keeps nothing: several work behind one name. WebSockets and REST are passed on by room, everything else to any
server. WHIP and WHEP clients but our own page are sent to the server itself where that has a URL of its own: by 307
(RFC 9725, section 4.5), with a ticket.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType, hdrs, web

from server.access.authenticator import Authenticator
from server.access.policy import room_name
from server.access.tokens import is_private, read_keys
from server.cluster.fence import NOT_HERE, PARAMETER
from server.cluster.front_metrics import FrontMetrics
from server.cluster.links import Links
from server.cluster.passing import KEPT, address, copy, is_kept, passed_on
from server.cluster.placing import RETRY, Placing, Sent
from server.cluster.scraping import Scraping
from server.cluster.sealing import Seal
from server.cluster.service import DirectoryService, Unreachable
from server.cluster.websocket_proxy import WebSocketProxies, WebSocketProxy
from server.config.options import Config
from server.core.errors import SignalingError
from server.core.messages import error_message, optional, parse, required
from server.http.connections import KEEPALIVE, SERVER, guard, only_plain_http_1_0, reading
from server.http.errors import api_errors
from server.http.files import BODY_LIMIT
from server.http.forwarded import only_for_localhost, trust
from server.http.parsing import bearer, is_foreign
from server.http.quota import Quota
from server.signaling.incoming import Incoming

logger = logging.getLogger(__name__)

ANSWER: Final = 5.0  # seconds that a server may take to answer a newcomer
HEARTBEAT: Final = 2.0  # seconds between two pings to a server; after half as many more it is given up
SERVERS: Final = 1.0  # seconds for which the list of servers is good
RETRY_AFTER: Final = {hdrs.RETRY_AFTER: "1"}  # seconds
BY_ROOM: Final = ("/api/rooms/{room}/{rest:.*}", "/api/v1/rooms/{room}", "/api/v1/rooms/{room}/{rest:.*}")
ENDPOINTS: Final = ("/whip/{room}", "/whip/{room}/{rest:.*}", "/whep/{room}/{rest:.*}")


class Front:
    """Made inside a running event loop; `close` ends it."""

    def __init__(self, directory: DirectoryService, seal: Seal, links: Links, config: Config) -> None:
        self._directory, self._seal, self._links, self._config = directory, seal, links, config
        self._authenticator = Authenticator(read_keys(config.token_keys))
        self._quota = Quota(config.max_connections_per_address)
        self._largest = max(config.max_upload, config.max_file)
        self._proxies = WebSocketProxies()
        self._metrics = FrontMetrics(lambda: len(self._proxies))
        self._servers: tuple[float, list[str]] = (float("-inf"), [])
        self._following = asyncio.get_running_loop().create_task(self._follow())

    def app(self) -> web.Application:
        """Return the web application."""
        config = self._config
        guards = [only_for_localhost] if is_private(config) else []
        app = web.Application(
            client_max_size=KEPT,
            handler_args={"auto_decompress": False, "keepalive_timeout": KEEPALIVE},
            middlewares=[only_plain_http_1_0, trust(config.trusted_proxies), *guards, api_errors],
        )
        app.on_response_prepare.append(_hide_versions)
        guard(app, config.max_connections_per_address)
        app.router.add_get("/ws", self._websocket)
        app.router.add_get("/healthz", _healthz)
        app.router.add_get("/readyz", self._readyz)
        app.add_routes(Scraping(self._directory, self._links, self._metrics, config).routes())
        app.router.add_get("/api/v1/rooms", self._rooms)
        for pattern in ENDPOINTS:
            app.router.add_post(pattern, self._endpoint)
        for pattern in (*ENDPOINTS, *BY_ROOM):
            app.router.add_route("*", pattern, self._of_room)
        app.router.add_route("*", "/cluster/{rest:.*}", _not_found)
        app.router.add_route("*", "/{rest:.*}", self._of_any)
        return app

    async def close(self) -> None:
        """Close every connection to servers."""
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)
        await self._links.close()

    async def _follow(self) -> None:
        latest = 0
        while True:
            try:
                moves = await self._directory.moves(latest)
            except Unreachable:
                await asyncio.sleep(RETRY)
                continue
            for move in moves:
                latest = max(latest, move.epoch)
                self._proxies.follow(move)

    def _placing(self, room: str, grant: Mapping[str, Any] | None = None) -> Placing:
        return Placing(self._directory, self._seal, self._links, self._metrics, room, grant)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if is_foreign(request):
            raise SignalingError("cross-origin", "This page may not speak to this server.")
        with self._quota.hold(request.remote):
            browser = web.WebSocketResponse(
                heartbeat=self._config.heartbeat,
                max_msg_size=self._config.max_message,
                timeout=1.0,
                autoping=False,  # a ping costs as well
            )
            await browser.prepare(request)
            incoming = Incoming(browser, self._config)
            incoming.begin(request.transport)
            try:
                await self._introduce(request, browser, incoming)
            except SignalingError as error:
                error.fatal = True
                incoming.stop()
                await browser.send_json(error_message(error))
            except ConnectionError:
                pass
            await browser.close()
            return browser

    async def _introduce(
        self, request: web.Request, browser: web.WebSocketResponse, incoming: Incoming
    ) -> None:
        """Take a newcomer's first message, find the server that takes them in, and pass on."""
        try:
            async with asyncio.timeout(self._config.join_timeout):
                first = await incoming.text()
        except TimeoutError:
            raise SignalingError("not-joined", "No join message came in time.") from None
        room = room_name(required(parse(first), "room", str))
        placing = self._placing(room)
        while not browser.closed:
            sent = await placing.send()
            taken = await self._connect(request, sent, first)
            if taken is not None:
                proxy = WebSocketProxy(sent.placement.server, browser, incoming, *taken)
                await self._proxies.run(self._seal.room_id(room), proxy)
                return
            await placing.refuse(sent)

    async def _connect(
        self, request: web.Request, sent: Sent, first: str
    ) -> tuple[ClientWebSocketResponse, str] | None:
        """Return a connection to a server, and what it answers the newcomer; None where it does not take them in."""
        url, headers = sent.placement.url, passed_on(request, sent.ticket)
        try:
            async with asyncio.timeout(ANSWER):  # one that hangs takes connections all the same
                server = await self._links.websocket(url, headers, HEARTBEAT)
        except (ClientError, TimeoutError, OSError):
            return None
        try:
            await server.send_str(first)
            answer = await server.receive(ANSWER)
            if answer.type == WSMsgType.TEXT and parse(answer.data).get("code") != NOT_HERE:
                return server, answer.data
        except (ConnectionError, TimeoutError):
            pass
        await server.close()
        return None

    async def _endpoint(self, request: web.Request) -> web.StreamResponse:
        """Send WHIP and WHEP clients to the server, or pass them on where it has no URL of its own."""
        if is_foreign(request) and self._authenticator.open:
            raise SignalingError("cross-origin", "Without token keys only pages of this server may do this.")
        room = room_name(request.match_info["room"])
        open_ = self._authenticator.open
        placing = self._placing(
            room, None if open_ else self._authenticator.admit(bearer(request), room).state()
        )
        while True:
            sent = await placing.send()
            if sent.placement.public and not _is_our_page(request):
                return _redirect(request, sent)
            answer = await self._pass_on(request, sent.placement.url, sent.ticket)
            if answer is not None:
                return answer
            await placing.refuse(sent)

    async def _of_room(self, request: web.Request) -> web.StreamResponse:
        key = self._seal.room_id(room_name(request.match_info["room"]))
        try:
            found = await self._directory.find(key)
        except Unreachable:
            raise web.HTTPServiceUnavailable(headers=RETRY_AFTER) from None
        answer = await self._pass_on(request, found.url) if found is not None else None
        return answer or await self._of_any(request)

    async def _of_any(self, request: web.Request) -> web.StreamResponse:
        for url in await self._any_order():
            answer = await self._pass_on(request, url)
            if answer is not None:
                return answer
        raise web.HTTPServiceUnavailable(headers=RETRY_AFTER)

    async def _any_order(self) -> list[str]:
        then, urls = self._servers
        if not urls or time.monotonic() - then > SERVERS:
            try:
                urls = await self._directory.servers()
            except Unreachable:
                logger.debug("the servers of before may still be there")
            self._servers = (time.monotonic(), urls)
        return random.sample(urls, len(urls))

    async def _pass_on(self, request: web.Request, url: str, ticket: str = "") -> web.StreamResponse | None:
        """Return a server's answer; None when it does not answer, or says that the room is not there."""
        headers = passed_on(request, ticket)
        if not is_kept(request):
            return await self._pour(request, url, headers)
        async with reading(request, BODY_LIMIT):
            body = await request.read()
        try:
            async with self._links.request(url, request.method, address(request), headers, body) as answer:
                if ticket and answer.status == 503 and NOT_HERE.encode() in await answer.read():
                    return None
                return await copy(request, answer)
        except (ClientError, TimeoutError, OSError):
            return None

    async def _pour(self, request: web.Request, url: str, headers: dict[str, str]) -> web.StreamResponse:
        """Pass a large body on while it comes, to one server only: here it would take memory, whoever sends it."""
        if request.content_length is not None:
            if request.content_length > self._largest:
                raise web.HTTPRequestEntityTooLarge(self._largest)
            headers[hdrs.CONTENT_LENGTH] = str(request.content_length)
        try:
            async with (
                reading(request, BODY_LIMIT),
                self._links.request(
                    url, request.method, address(request), headers, request.content
                ) as answer,
            ):
                return await copy(request, answer)
        except (ClientError, OSError):
            raise web.HTTPServiceUnavailable(headers=RETRY_AFTER) from None

    async def _rooms(self, request: web.Request) -> web.StreamResponse:
        """Return the rooms of all servers."""
        rooms: list[Any] = []
        for url in await self._any_order():
            try:
                async with self._links.request(url, "GET", address(request), passed_on(request)) as answer:
                    if answer.status != 200:
                        return await copy(request, answer)
                    rooms += optional(parse(await answer.text()), "rooms", list, [])
            except (ClientError, TimeoutError, OSError):
                continue  # its rooms are about to be elsewhere
        return web.json_response({"rooms": rooms})

    async def _readyz(self, _: web.Request) -> web.Response:
        """Tell a load balancer whether newcomers can be placed."""
        try:
            known = (await self._directory.snapshot())["servers"]
            takes = any(server["lease"] and not server["draining"] for server in known)
        except Unreachable:
            takes = bool(await self._any_order())
        return web.Response(text="ready\n") if takes else web.Response(status=503, text="no server\n")


def _is_our_page(request: web.Request) -> bool:
    """Tell whether a page of this origin asks, which may speak to no other: our Content-Security-Policy says so."""
    return hdrs.ORIGIN in request.headers and not is_foreign(request)


def _redirect(request: web.Request, sent: Sent) -> web.Response:
    url = f"{sent.placement.public}{request.rel_url.update_query({PARAMETER: sent.ticket})}"
    response = web.Response(status=307, headers={hdrs.LOCATION: url})
    origin = request.headers.get(hdrs.ORIGIN, "")
    if origin.isascii() and origin:
        response.headers.update({"Access-Control-Allow-Origin": origin, "Vary": "Origin"})
    return response


async def _hide_versions(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = SERVER


async def _healthz(_: web.Request) -> web.Response:
    """Answer at all: a front that can't reach the directory is not ended for that."""
    return web.Response(text="ok\n")


async def _not_found(_: web.Request) -> web.StreamResponse:
    """Keep what fronts say to servers from everybody else."""
    raise web.HTTPNotFound
