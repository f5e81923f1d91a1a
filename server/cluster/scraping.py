"""What Prometheus reads in a cluster: a front's figures, and through a front those of every server.

Servers come and go, and listen for fronts only. GET /metrics/servers lists them for Prometheus' HTTP service
discovery (https://prometheus.io/docs/prometheus/latest/http_sd/); GET /metrics?server=NAME is passed on to one.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import ClientError, web

from server.cluster.front_metrics import FrontMetrics
from server.cluster.links import Links
from server.cluster.passing import copy, passed_on
from server.cluster.service import DirectoryService, Unreachable
from server.config.options import Config
from server.http.health import CONTENT_TYPE, may_read_metrics

PATH: Final = "/metrics"


class Scraping:
    """The endpoints of a front."""

    def __init__(
        self, directory: DirectoryService, links: Links, metrics: FrontMetrics, config: Config
    ) -> None:
        self._directory, self._links, self._metrics, self._config = directory, links, metrics, config

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; none where metrics are off."""
        if not self._config.metrics:
            return []
        return [web.get(PATH, self._read), web.get(f"{PATH}/servers", self._discover)]

    async def _read(self, request: web.Request) -> web.StreamResponse:
        may_read_metrics(request, self._config)
        name = request.query.get("server")
        if name is not None:
            return await self._read_server(request, name)
        try:
            snapshot = await self._directory.snapshot()
        except Unreachable:
            snapshot = {}
        return web.Response(body=self._metrics.text(snapshot), headers={"Content-Type": CONTENT_TYPE})

    async def _read_server(self, request: web.Request, name: str) -> web.StreamResponse:
        url = next((server["url"] for server in await self._servers() if server["name"] == name), None)
        if url is None:
            raise web.HTTPNotFound(text="there is no such server\n")
        try:
            async with self._links.request(url, "GET", PATH, passed_on(request)) as answer:
                return await copy(request, answer)
        except (ClientError, TimeoutError, OSError):
            raise web.HTTPServiceUnavailable(text="it does not answer\n") from None

    async def _discover(self, request: web.Request) -> web.Response:
        may_read_metrics(request, self._config)
        return web.json_response(
            [
                {
                    "targets": [request.host],
                    "labels": {
                        "__scheme__": request.scheme,
                        "__param_server": server["name"],
                        "instance": server["name"],
                    },
                }
                for server in await self._servers()
            ]
        )

    async def _servers(self) -> list[dict[str, Any]]:
        """Return the servers that answer; Prometheus keeps its list where the directory does not."""
        try:
            snapshot = await self._directory.snapshot()
        except Unreachable:
            raise web.HTTPServiceUnavailable(text="the directory does not answer\n") from None
        return [server for server in snapshot["servers"] if server["lease"]]
