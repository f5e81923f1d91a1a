"""Who a request really comes from: reverse proxies that are trusted."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Middleware
from yarl import URL

logger = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

FORWARDING = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Real-IP",
    "Via",
    "CF-Connecting-IP",
    "True-Client-IP",
    "Fly-Client-IP",
)
"""What shows that a request was passed on (RFC 9110 section 7.6.3, RFC 7239, and what well-known proxies add)."""
SCHEMES = ("http", "https")
AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")


def trust(proxies: Sequence[str]) -> Middleware:
    """Return a middleware that believes X-Forwarded-For, -Proto and -Host of requests from these networks.

    The client is the rightmost address that is not itself a trusted proxy: what stands left of it anybody may
    have written. From everybody else the headers are ignored.
    """
    networks = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]

    def trusted(address: str | None) -> bool:
        ip = ip_address(address)
        return ip is not None and any(ip in network for network in networks if ip.version == network.version)

    @web.middleware
    async def forwarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not trusted(request.remote):
            told = next((name for name in FORWARDING if name in request.headers), None)
            if told is not None:
                logger.warning(
                    "requests come through a proxy (header %s) that trusted_proxies does not name: "
                    "all its clients count as one, and nobody's address is known",
                    told,
                )
            return await handler(request)
        changes: dict[str, Any] = {}
        lines = request.headers.getall("X-Forwarded-For", [])
        hops = [hop.strip() for hop in ",".join(lines).split(",")]
        client = next((hop for hop in reversed(hops) if not trusted(hop)), None)
        if ip_address(client) is not None:
            changes["remote"] = client
        scheme, host = request.headers.get("X-Forwarded-Proto"), request.headers.get("X-Forwarded-Host")
        if scheme in SCHEMES:
            changes["scheme"] = scheme
        if host:
            changes["host"] = host
        return await handler(request.clone(**changes) if changes else request)

    return forwarded


@web.middleware
async def only_for_localhost(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests for another name than this machine's own.

    A page whose name has been pointed at 127.0.0.1 (DNS rebinding) would be of our own origin otherwise. For servers
    that nothing but the loopback interface protects.
    """
    name = (
        URL.build(scheme="http", authority=request.host).host if AUTHORITY.fullmatch(request.host) else None
    )
    ip = ip_address(name)
    if name != "localhost" and (ip is None or not ip.is_loopback):
        raise web.HTTPMisdirectedRequest(text="This server is for this machine only; see --open.\n")
    return await handler(request)


def is_local(request: web.Request) -> bool:
    """Tell whether a request was made on this machine, and not passed on by a proxy."""
    ip = ip_address(request.remote)
    return ip is not None and ip.is_loopback and not any(name in request.headers for name in FORWARDING)


def ip_address(address: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, or None for what is none."""
    try:
        return ipaddress.ip_address(address or "")
    except ValueError:
        return None
