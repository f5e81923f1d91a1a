"""What HTTP requests carry, read the same way everywhere: the bearer's token, the origin of a page, a body."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from server.core.errors import SignalingError
from server.http.app_keys import ROOMS
from server.http.connections import reading
from server.rooms.membership import Membership


def bearer(request: web.Request) -> str:
    """Return the token of a request (RFC 6750), empty without one. Bytes that are not UTF-8 are lone surrogates."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def seat_holder(request: web.Request) -> Membership:
    """Return whose seat in the room of its address a request shows; raise SignalingError unauthorized."""
    membership = request.app[ROOMS].find(bearer(request), request.match_info["room"])
    if membership is None:
        raise SignalingError("unauthorized", "Only somebody in the room may do this.")
    return membership


def is_foreign(request: web.Request) -> bool:
    """Tell whether a page of another origin asks. Raises SignalingError cross-origin for what is no origin."""
    origin = request.headers.get(hdrs.ORIGIN)
    try:
        return origin is not None and urlsplit(origin.encode("ascii")).netloc != request.host.encode()
    except ValueError:
        raise SignalingError("cross-origin", "The header Origin can't be understood.") from None


async def read_body(request: web.Request, media_type: str, limit: int) -> str:
    """Return a body of that type and of at most `limit` bytes.

    Raises SignalingError unsupported-media-type, too-large, too-slow, too-many-connections, bad-message.
    """
    if request.content_type != media_type:
        raise SignalingError("unsupported-media-type", f"The body must be {media_type}.")
    data = bytearray()
    async with reading(request):
        async for chunk in request.content.iter_any():
            data += chunk
            if len(data) > limit:
                raise SignalingError("too-large", f"The body has at most {limit} bytes.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SignalingError("bad-message", "The body is not UTF-8.") from None
