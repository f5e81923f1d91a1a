"""WHIP in, WHEP out, over HTTP (RFC 9725, draft-ietf-wish-whep).

    POST   /whip/<room>                          publish a camera, which passes the filter
    POST   /whep/<room>/<participant>            watch what came out of it
    PATCH  <session>                             trickle ICE, ICE restart
    DELETE <session>                             end
    GET, PUT /whip/<room>/<session>/background   {"background": "fjord"}

<participant> is an id or the identity of a token. Query parameters of /whip: `background` and `name`, over which what
a token says wins, `effects`, `follow`, and, without token keys, `identity`. With token keys every request but OPTIONS
carries `Authorization: Bearer`, and pages of any origin may ask; without them only pages of our own origin may.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias, get_args

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, Gauge

from server.access.tokens import Grant
from server.core.errors import FragmentError, SignalingError
from server.core.messages import parse as parse_message
from server.core.messages import required
from server.http.app_keys import QUOTA, REDIRECTED, ROOMS
from server.http.errors import error_response
from server.http.health import METRICS
from server.http.parsing import bearer, is_foreign, read_body
from server.peers.ice import ice_servers, links
from server.whip.sdpfrag import MEDIA_TYPE as FRAGMENT
from server.whip.sdpfrag import Fragment, parse, serialize
from server.whip.session import SessionKind, WhipSession
from server.whip.sessions import WhipSessions

SDP = "application/sdp"
MAX_IDENTITY = 64  # characters of one that no token vouches for; chosen
SESSIONS = web.AppKey("whip_sessions", WhipSessions)

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_whip(app: web.Application) -> None:
    """Add the endpoints to an application that has ROOMS and a QUOTA."""
    app.cleanup_ctx.append(_sessions)
    for pattern, post in (("/whip/{room}", _publish), ("/whep/{room}/{participant}", _play)):
        endpoint, session = app.router.add_resource(pattern), app.router.add_resource(pattern + "/{session}")
        endpoint.add_route("POST", _whip(post))
        endpoint.add_route("OPTIONS", _whip(_options))
        session.add_route("PATCH", _whip(_patch))
        session.add_route("DELETE", _whip(_delete))
        session.add_route("OPTIONS", _whip(_options))
        # RFC 9725, section 4.1, keeps the other methods for later: 405, which aiohttp answers by itself.
    background = app.router.add_resource("/whip/{room}/{session}/background")
    background.add_route("GET", _whip(_background))
    background.add_route("PUT", _whip(_background))
    background.add_route("OPTIONS", _whip(_options))


async def _sessions(app: web.Application) -> AsyncIterator[None]:
    sessions = app[SESSIONS] = WhipSessions(app[ROOMS], app[QUOTA])
    if METRICS in app:
        _measure(sessions, app[METRICS].registry)
    yield
    await sessions.close()


def _measure(sessions: WhipSessions, registry: CollectorRegistry) -> None:
    gauge = Gauge("greenroom_whip_sessions", "WHIP and WHEP sessions.", ["kind"], registry=registry)
    for kind in get_args(SessionKind):
        gauge.labels(kind).set_function(partial(sessions.count, kind))


def _whip(handler: Handler) -> Handler:
    """Answer errors by their status, and let pages of other origins in where a token keeps strangers out."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            _expect_origin(request)
            response: web.StreamResponse = await handler(request)
        except SignalingError as error:
            response = error_response(error)
        origin = request.headers.get(hdrs.ORIGIN, "")
        if origin and origin.isascii():
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = (
                "Location, ETag, Link, Accept-Patch, Retry-After"
            )
            response.headers["Vary"] = "Origin"
        return response

    return handle


def _expect_origin(request: web.Request) -> None:
    if REDIRECTED.get() is None and is_foreign(request) and request.app[ROOMS].authenticator.open:
        raise SignalingError("cross-origin", "Without token keys only pages of this server may do this.")


def _grant(request: web.Request) -> Grant:
    """Return what the bearer may do in the room of the path; raise TokenError."""
    authenticator, room, redirected = (
        request.app[ROOMS].authenticator,
        request.match_info["room"],
        REDIRECTED.get(),
    )
    if redirected is not None and not bearer(request):  # browsers send no token after a redirect
        return authenticator.readmit(redirected, room)
    return authenticator.admit(bearer(request), room)


async def _options(request: web.Request) -> web.Response:
    """Answer a preflight, and a client that asks for ICE servers before its offer (RFC 9725, section 4.6)."""
    response = web.Response(status=204, headers={"Accept-Post": SDP, "Accept-Patch": FRAGMENT})
    response.headers["Access-Control-Allow-Methods"] = "POST, PATCH, DELETE, GET, PUT, OPTIONS"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-Match, ETag"
    response.headers["Access-Control-Max-Age"] = "600"
    try:
        _grant(request)
    except SignalingError:
        return response  # a preflight carries no token, and gets no credentials
    _add_links(request, response, "client")
    return response


async def _publish(request: web.Request) -> web.Response:
    grant, query = _grant(request), request.query
    if request.app[ROOMS].authenticator.open:
        grant = replace(grant, identity=query.get("identity", "")[:MAX_IDENTITY])
    session, answer = await request.app[SESSIONS].publish(
        request.match_info["room"],
        await _offer(request),
        grant,
        request.remote,
        name=query.get("name", ""),
        background=query.get("background", ""),
        effects=query.get("effects"),
        follow=query.get("follow"),
    )
    response = _created(request, session, answer)
    participant = session.membership.participant.id
    watch = f"/whep/{session.membership.room.name}/{participant}"
    response.headers.add(hdrs.LINK, f'<{watch}>; rel="alternate"')
    return response


async def _play(request: web.Request) -> web.Response:
    room, participant = request.match_info["room"], request.match_info["participant"]
    grant, offer = _grant(request), await _offer(request)
    session, answer = await request.app[SESSIONS].play(room, participant, offer, grant, request.remote)
    return _created(request, session, answer)


def _created(request: web.Request, session: WhipSession, answer: str) -> web.Response:
    location = f"{request.rel_url.raw_path.rstrip('/')}/{session.id}"
    if REDIRECTED.get() is not None:
        location += f"?{request.rel_url.raw_query_string}"
    headers = {hdrs.LOCATION: location, hdrs.ETAG: session.etag, "Accept-Patch": FRAGMENT}
    response = web.Response(status=201, text=answer, content_type=SDP, headers=headers)
    _add_links(request, response, session.id[:8])
    return response


def _add_links(request: web.Request, response: web.Response, user: str) -> None:
    for link in links(ice_servers(request.app[ROOMS].config, user)):
        response.headers.add(hdrs.LINK, link)


async def _offer(request: web.Request) -> str:
    accepted = request.headers.get(hdrs.ACCEPT, "*/*")
    if not any(kind in accepted for kind in (SDP, "application/*", "*/*")):
        raise SignalingError("not-acceptable", f"The answer is {SDP}.")
    return await _body(request, SDP)


async def _body(request: web.Request, media_type: str) -> str:
    return await read_body(request, media_type, request.app[ROOMS].config.max_sdp)


def _session(request: web.Request) -> WhipSession:
    _grant(request)
    kind: SessionKind = "whep" if "participant" in request.match_info else "whip"
    return request.app[SESSIONS].find(kind, request.match_info["room"], request.match_info["session"])


async def _patch(request: web.Request) -> web.Response:
    """Take candidates (204), or another ICE session (200, with ours); RFC 9725, section 4.3."""
    session = _session(request)
    fragment = await _fragment(request)
    if not _may_restart(request, session, fragment):
        await session.trickle(fragment)
        return web.Response(status=204)
    request.app[SESSIONS].spend(request.remote)
    ours, kind, mid = await session.restart(fragment)
    headers = {hdrs.ETAG: session.etag}
    return web.Response(text=serialize(ours, kind, mid), content_type=FRAGMENT, headers=headers)


async def _fragment(request: web.Request) -> Fragment:
    try:
        return parse(await _body(request, FRAGMENT))
    except FragmentError as error:
        raise SignalingError("bad-message", f"This is no ICE fragment: {error}.") from error


def _may_restart(request: web.Request, session: WhipSession, fragment: Fragment) -> bool:
    """Tell whether a fragment begins another ICE session, which takes If-Match `*`; a tag is of the present one.

    Raises SignalingError for a wrong If-Match, and for none. WHIP demands it; players without it are out there
    (whip-whep 1.2).
    """
    match, another = request.headers.get(hdrs.IF_MATCH), session.is_restart(fragment)
    if match is None and session.kind == "whip":
        raise SignalingError("precondition-required", "Say which ICE session this is for, by If-Match.")
    if match is None or match.strip() in ("*", '"*"'):
        return another
    if another or session.etag not in (tag.strip() for tag in match.split(",")):
        raise SignalingError("precondition-failed", "This is not the present ICE session.")
    return False


async def _delete(request: web.Request) -> web.Response:
    await request.app[SESSIONS].end(_session(request))
    return web.Response()


async def _background(request: web.Request) -> web.Response:
    membership = _session(request).membership
    if request.method == "PUT":
        wish = parse_message(await _body(request, "application/json"))
        background = required(wish, "background", str)
        membership.participant.choose(background, membership.room.roster.policy)
    return web.json_response({"background": membership.participant.background})
