"""Passing HTTP on: a request to a server as a browser made it, and the answer back."""

from __future__ import annotations

from typing import Final

from aiohttp import ClientError, ClientResponse, web

from server.cluster.fence import HEADER
from server.http.forwarded import FORWARDING

HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110, section 7.6.1, and what is said anew."""
OURS: Final = frozenset(
    {HEADER.lower(), "x-forwarded-host", "x-forwarded-proto", *(name.lower() for name in FORWARDING)}
)
"""What only a front says to servers, and what tells it by which proxies somebody comes: servers would warn of them."""


KEPT: Final = 128 * 1024
"""Bytes of a body that is kept, so that another server can be asked with it: twice the longest session description."""


def address(request: web.Request) -> str:
    """Return the quoted path with its query, without the origin that proxies may write (RFC 9112, section 3.2.2)."""
    return request.rel_url.raw_path_qs


def is_kept(request: web.Request) -> bool:
    """Tell whether a body is short enough to be kept."""
    return not request.body_exists or (request.content_length is not None and request.content_length <= KEPT)


def passed_on(request: web.Request, ticket: str = "") -> dict[str, str]:
    """Return the headers with which a request is passed on; of those that say who asks, only ours are believed."""
    headers = {
        name: text
        for name, text in request.headers.items()
        if name.lower() not in HOP_BY_HOP | OURS and not name.lower().startswith("sec-websocket-")
    }
    headers |= {"X-Forwarded-Proto": request.scheme, "X-Forwarded-Host": request.host}
    if request.remote:
        headers["X-Forwarded-For"] = request.remote
    if ticket:
        headers[HEADER] = ticket
    return headers


async def copy(request: web.Request, answer: ClientResponse) -> web.StreamResponse:
    """Give a server's answer to who has asked."""
    headers = [(name, text) for name, text in answer.headers.items() if name.lower() not in HOP_BY_HOP]
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    if "Content-Length" in answer.headers:
        response.content_length = int(answer.headers["Content-Length"])
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except ClientError:
        if request.transport is not None:
            request.transport.abort()  # so that half an answer is not taken for a whole one
        return response
    await response.write_eof()
    return response
