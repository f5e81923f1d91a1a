"""How errors are answered over HTTP: JSON with a code and a text, as protocol.md and openapi.json say."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from filters.base import FilterError
from server.core.errors import SignalingError

RETRY_AFTER: Final = "5"  # seconds; long enough for a session to end, short enough for people who wait


def error_response(error: SignalingError, *, status: int | None = None) -> web.Response:
    """Return the answer to a request that failed, with the status of its code unless another one is given."""
    status = status or error.status
    response = web.json_response({"code": error.code, "message": error.message}, status=status)
    if status == 401:
        response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    if status in (409, 429, 503):
        response.headers[hdrs.RETRY_AFTER] = RETRY_AFTER
    return response


@web.middleware
async def api_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors of the API as JSON."""
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        return error_response(SignalingError("too-large", "The file is too large."))
    except FilterError as error:
        return error_response(SignalingError("bad-picture", f"This picture can't be used: {error}."))
    except SignalingError as error:
        return error_response(error)
