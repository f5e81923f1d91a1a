"""Which UDP ports a connection binds, and the address that peers are told."""

from __future__ import annotations

import asyncio
import random
import socket
from typing import Any

from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol, server_reflexive_candidate

from .pairing import LimitedConnection

ANY_PORT = (0, 0)


class BoundConnection(LimitedConnection):
    """An ICE connection whose host candidates lie in a range of ports.

    With a public address, each IPv4 candidate is announced at that one, too, with the same port, as a 1:1 NAT
    or a forwarded range has it.
    """

    ports: tuple[int, int]
    public_address: str

    @classmethod
    def bind(cls, stock: Connection, ports: tuple[int, int], public_address: str) -> None:
        """Turn a connection that aiortc has just constructed into one of ours."""
        cls.adopt(stock)
        assert isinstance(stock, cls)
        stock.ports, stock.public_address = ports, public_address

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 - the signature of aioice
    ) -> list[Candidate]:
        """As aioice/ice.py:1139, which binds to port 0 always."""
        protocols = [p for address in addresses if (p := await self._bind(component, address)) is not None]
        self._protocols += protocols
        candidates = [protocol.local_candidate for protocol in protocols]
        if self.public_address:
            candidates += [_public(c, self.public_address) for c in candidates if ":" not in c.host]
        elif self.stun_server is not None:
            candidates += await self._reflexive(protocols, self.stun_server, timeout)
        # What is left for aioice is the TURN server.
        return candidates + await super().get_component_candidates(component, [], timeout)

    async def _bind(self, component: int, address: str) -> StunProtocol | None:
        for port in _shuffled(self.ports):
            try:
                _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: StunProtocol(self), local_addr=(address, port)
                )
            except OSError:
                continue
            host, bound = protocol.transport.get_extra_info("sockname")[:2]
            protocol.local_candidate = Candidate(
                foundation=candidate_foundation("host", "udp", host),
                component=component,
                transport="udp",
                priority=candidate_priority(component, "host"),
                host=host,
                port=bound,
                type="host",
            )
            return protocol
        return None

    @staticmethod
    async def _reflexive(
        protocols: list[StunProtocol], server: tuple[str, int], limit: float
    ) -> list[Candidate]:
        queries = [
            asyncio.create_task(server_reflexive_candidate(protocol, server))
            for protocol in protocols
            if protocol.transport.get_extra_info("socket").family == socket.AF_INET
        ]
        if not queries:
            return []
        done, pending = await asyncio.wait(queries, timeout=limit)
        for query in pending:
            query.cancel()
        return [query.result()[0] for query in done if query.exception() is None]


def _shuffled(ports: tuple[int, int]) -> list[int]:
    """Return the ports in an order that makes a taken one unlikely."""
    if ports == ANY_PORT:
        return [0]
    first, last = ports
    return random.sample(range(first, last + 1), last - first + 1)


def _public(candidate: Candidate, address: str) -> Candidate:
    """Return a host candidate as it is seen from outside of the NAT."""
    about: dict[str, Any] = {"related_address": candidate.host, "related_port": candidate.port}
    return Candidate(
        foundation=candidate_foundation("srflx", "udp", candidate.host),
        component=candidate.component,
        transport="udp",
        priority=candidate_priority(candidate.component, "srflx"),
        host=address,
        port=candidate.port,
        type="srflx",
        **about,
    )
