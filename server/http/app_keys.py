"""What an application of ours keeps under which key."""

from __future__ import annotations

from aiohttp import web

from server.http.forwarded import Quota
from server.rooms.rooms import Conference

CONFERENCE = web.AppKey("conference", Conference)
QUOTA = web.AppKey("quota", Quota)
