"""What an application of ours keeps under which key."""

from __future__ import annotations

from aiohttp import web

from server.conference import Conference
from server.proxies import Quota

CONFERENCE = web.AppKey("conference", Conference)
QUOTA = web.AppKey("quota", Quota)
