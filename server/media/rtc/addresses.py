"""Which UDP ports a connection binds, the address that peers are told, and whose datagrams are taken."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import socket
from collections.abc import Callable
from typing import Any

from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, Connection, StunProtocol, server_reflexive_candidate
from aioice.stun import Message

from server.core.errors import SignalingError

from .pairing import LimitedConnection
from .refusals import REFUSALS
from .stun import Address, IceSocket

ANY_PORT = (0, 0)  # lowest and highest: the system chooses
NO_PORT = "The server has no UDP port left; try again later."


class IceConnection(LimitedConnection):
    """An ICE connection whose host candidates lie in a range of ports, and to whom only the peer can speak.

    With a public address, each IPv4 candidate is announced at that one, too, with the same port, as a 1:1 NAT
    or a forwarded range has it.
    """

    ports: tuple[int, int]
    public_address: str
    deliver: Callable[[bytes, int], None]
    """Takes a datagram of the peer, and its arrival in µs of wall-clock time."""
    _validated: set[tuple[StunProtocol, Address]]

    @classmethod
    def bind(cls, stock: Connection, ports: tuple[int, int] = ANY_PORT, public_address: str = "") -> None:
        """Turn a connection that aiortc has just constructed into one of ours."""
        cls.adopt(stock)
        assert isinstance(stock, cls)
        stock.ports, stock.public_address = ports, public_address
        stock.deliver = lambda data, arrival: None
        stock._validated = set()

    def take(self, data: bytes, address: Address, socket: IceSocket, arrival: int) -> None:
        """Deliver a datagram that is not STUN if a check, which takes our password, came from there or was answered.

        DTLS has no other protection until its keys are agreed on: without this, one datagram of a stranger's ends
        a handshake ("DTLS ClientHello race", Enable Security, 2023).
        """
        if (socket, address) in self._validated or self._checked_early(socket, address):
            self.deliver(data, arrival)
        else:
            REFUSALS.add("stranger")

    def _checked_early(self, socket: IceSocket, address: Address) -> bool:
        """Tell whether a check came from there that waits for the peer's description."""
        return any(address == checked and socket is at for _, checked, at in self._early_checks)

    def check_incoming(self, message: Message, addr: Address, protocol: StunProtocol) -> None:
        """As LimitedConnection's; whoever sends it may send more than STUN."""
        super().check_incoming(message, addr, protocol)
        if self._knows(addr):
            self._validated.add((protocol, addr))

    def check_complete(self, pair: CandidatePair) -> None:
        """As aioice/ice.py:803; a peer that is ICE-lite never checks itself."""
        if pair.state is CandidatePair.State.SUCCEEDED:
            self._validated.add((pair.protocol, pair.remote_addr))
        super().check_complete(pair)

    def respond_error(
        self, request: Message, addr: Address, protocol: StunProtocol, error_code: tuple[int, str]
    ) -> None:
        """As aioice/ice.py:1339, but strangers get no answer, which they could have sent to somebody else."""
        if error_code[0] in (400, 401):
            REFUSALS.add("stun")
        else:
            super().respond_error(request, addr, protocol, error_code)

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 - the signature of aioice
    ) -> list[Candidate]:
        """As aioice/ice.py:1139, which binds to port 0 always. Raises SignalingError no-port when all are taken."""
        protocols: list[IceSocket] = []
        for address in addresses:
            if (protocol := await self._bind(component, address)) is not None:
                protocols.append(protocol)
                self._protocols.append(protocol)  # at once: whoever interrupts this closes what there is
        if addresses and not protocols:
            raise SignalingError("no-port", NO_PORT)
        candidates = [protocol.local_candidate for protocol in protocols]
        if self.public_address:
            candidates += [_public(c, self.public_address) for c in candidates if ":" not in c.host]
        elif self.stun_server is not None:
            candidates += await self._reflexive(protocols, self.stun_server, timeout)
        # What is left for aioice is the TURN server.
        return candidates + await super().get_component_candidates(component, [], timeout)

    async def _bind(self, component: int, address: str) -> IceSocket | None:
        for port in _shuffled(self.ports):
            try:
                _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: IceSocket(self), local_addr=(address, port)
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
        protocols: list[IceSocket], server: tuple[str, int], limit: float
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


def has_free_ports(ports: tuple[int, int], count: int) -> bool:
    """Tell whether so many UDP ports can be bound now; tries all of the range only where hardly any are left."""
    with contextlib.ExitStack() as bound:
        for port in _shuffled(ports) if ports != ANY_PORT else [0] * count:
            try:
                bound.enter_context(probe := socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                probe.bind(("", port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                return False
            count -= 1
            if count <= 0:
                return True
    return False


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
