"""What an application of ours keeps under which key."""

from __future__ import annotations

from aiohttp import web

from server.http.forwarded import Quota
from server.rooms.rooms import Rooms

ROOMS = web.AppKey("rooms", Rooms)
QUOTA = web.AppKey("quota", Quota)
