"""What an operator's tools ask for: health, readiness, metrics."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator

from aiohttp import web

from server.config.options import Config
from server.http.app_keys import ROOMS
from server.http.forwarded import is_local
from server.http.metrics import Metrics
from server.http.parsing import bearer
from server.media.rtc import has_free_ports
from server.rooms.rooms import CONNECTIONS

METRICS = web.AppKey("metrics", Metrics)
CONTENT_TYPE = "text/plain; version=1.0.0"


def add_health(app: web.Application, config: Config) -> None:
    """Add /healthz, /readyz and, if configured, /metrics to an application that has Rooms."""
    app.add_routes([web.get("/healthz", _healthz), web.get("/readyz", _readyz)])
    if config.metrics:
        app.cleanup_ctx.append(_metrics_of)
        app.add_routes([web.get("/metrics", _metrics)])


async def _metrics_of(app: web.Application) -> AsyncIterator[None]:
    metrics = app[METRICS] = Metrics(app[ROOMS])
    yield
    await metrics.close()


async def _healthz(_: web.Request) -> web.Response:
    """Answer at all: the event loop runs."""
    return web.Response(text="ok\n")


async def _readyz(request: web.Request) -> web.Response:
    """Tell a load balancer whether to send newcomers here."""
    if request.app[ROOMS].draining:
        return web.Response(status=503, text="draining\n")
    if not request.app[ROOMS].media.workers.ready:
        return web.Response(status=503, text="no media worker\n")
    if not has_free_ports(request.app[ROOMS].config.udp_ports, CONNECTIONS):
        return web.Response(status=503, text="no UDP port is free\n")
    return web.Response(text="ready\n")


async def _metrics(request: web.Request) -> web.Response:
    secret = request.app[ROOMS].config.metrics_token
    if secret:
        token = bearer(request).encode(errors="surrogateescape")
        if not hmac.compare_digest(token, secret.encode()):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
    elif not is_local(request):
        raise web.HTTPForbidden(text="set metrics_token to read metrics from elsewhere\n")
    return web.Response(body=request.app[METRICS].text(), headers={"Content-Type": CONTENT_TYPE})
