"""What an application of ours keeps under which key."""

from __future__ import annotations

from contextvars import ContextVar

from aiohttp import web

from server.access.tokens import Grant
from server.http.quota import Quota
from server.rooms.rooms import Rooms

ROOMS = web.AppKey("rooms", Rooms)
QUOTA = web.AppKey("quota", Quota)
REDIRECTED: ContextVar[Grant | None] = ContextVar("redirected", default=None)
"""What the token allows of a client that a cluster's front has sent here; the front has checked it."""
