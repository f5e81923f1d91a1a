"""ICE restart (RFC 8445, section 2.4) of a connection that lives on: new sockets and credentials, same DTLS.

aiortc has none: a new aioice connection is made beside the present one, takes its place once it has a pair, and
media flows over the old pair until then.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from aioice.ice import Connection
from aiortc import RTCPeerConnection
from aiortc.rtcicetransport import RTCIceGatherer, candidate_to_aioice

from .connection import PeerConnection
from .dtls import DtlsTransport
from .sdp import read_candidate, usable


class IceParameters(NamedTuple):
    """What one side tells the other: credentials and candidate-attribute values, without `candidate:`."""

    ufrag: str
    password: str
    candidates: tuple[str, ...] = ()


class IceRestart:
    """One restart of one connection's ICE, as the answerer. Made inside a running event loop."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        """Raise TypeError when `peer_connection` did not make the connection, ConnectionError when it is over."""
        if not isinstance(connection, PeerConnection):
            raise TypeError("the connection is not one that peer_connection made")
        self._dtls = _transport(connection)
        self._old: Connection = self._dtls.transport._connection
        configuration: Any = connection._RTCPeerConnection__configuration  # type: ignore[attr-defined]
        self._gatherer = RTCIceGatherer(configuration.iceServers)
        connection.adopt_ice(self._gatherer._connection)
        self._new: Any = self._gatherer._connection
        self._task: asyncio.Task[None] | None = None

    async def answer(self, remote: IceParameters) -> IceParameters:
        """Gather, begin to check the peer's candidates, and return what to tell the peer."""
        await self._gatherer.gather()
        private: Any = self._new
        # The DTLS task goes on waiting at the queue that it waits at.
        private._queue = self._old._queue
        self._new.ice_controlling = self._old.ice_controlling
        self._new.remote_username, self._new.remote_password = remote.ufrag, remote.password
        self._dtls.take_over_sockets(self._new)
        for line in remote.candidates:
            await self.add(line)
        self._task = asyncio.get_running_loop().create_task(self._switch())
        own = tuple(candidate.to_sdp() for candidate in self._new.local_candidates)
        return IceParameters(self._new.local_username, self._new.local_password, own)

    async def add(self, line: str) -> None:
        """Add a candidate of the peer that came later; raise ValueError when it can't be parsed."""
        candidate = read_candidate(line)
        if usable(candidate):
            await self._new.add_remote_candidate(candidate_to_aioice(candidate))

    async def close(self) -> None:
        """Give up if there is no pair yet; after that the connection's own end is what counts."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._dtls.transport._connection is not self._new:
            await self._discard()

    async def _switch(self) -> None:
        try:
            await self._new.connect()
        except ConnectionError:
            await self._discard()
            return
        transport: Any = self._dtls.transport
        transport._connection, transport._recv, transport._send = self._new, self._new.recv, self._new.send
        transport._RTCIceTransport__iceGatherer = self._gatherer
        # The monitor of the old connection would take its end for the transport's.
        monitor = transport._RTCIceTransport__monitor_task
        if monitor is not None:
            monitor.cancel()
        transport._RTCIceTransport__monitor_task = asyncio.ensure_future(transport._monitor())
        old: Any = self._old
        old._queue = asyncio.Queue()  # as in _discard
        await self._old.close()

    async def _discard(self) -> None:
        private: Any = self._new
        private._queue = asyncio.Queue()  # closing wakes whoever waits at it
        await self._new.close()


def _transport(connection: PeerConnection) -> DtlsTransport:
    for transport in connection._RTCPeerConnection__dtlsTransports:
        if transport.transport.state == "completed":
            return transport
    raise ConnectionError("there is no connection to restart")
