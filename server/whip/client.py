"""Publishes what the filter has made to another server: as a WHIP client (RFC 9725), again whenever that is lost."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import re
import socket
import time
from collections.abc import AsyncIterator
from urllib.parse import quote

from aiohttp import AddrInfoType, ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from server.config.options import Config
from server.core.backoff import Backoff
from server.core.errors import SignalingError
from server.peers.egress import Caller
from server.rooms.participant import Participant

logger = logging.getLogger(__name__)

SDP = "application/sdp"
TIMEOUT, END_TIMEOUT = ClientTimeout(total=15), ClientTimeout(total=2)  # seconds; chosen
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between attempts


class Forward:
    """One participant's filtered camera at another server. Made inside a running event loop."""

    def __init__(self, config: Config, participant: Participant, room: str) -> None:
        """Take `{room}` and `{identity}` in the configured URL for those of the participant."""
        identity = participant.grant.identity
        self._url = place(config.forward_to, room, identity if is_segment(identity) else participant.id)
        self._config = config
        self._participant = participant
        token = config.forward_token
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End it here and there."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        connector = TCPConnector(socket_factory=Reach().socket)
        async with ClientSession(connector=connector, timeout=TIMEOUT) as session:
            while True:
                start = time.monotonic()
                try:
                    await self._publish(session)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                    # What others say may hold the URL, and with it the identity.
                    reason = error.message if isinstance(error, SignalingError) else type(error).__name__
                    logger.warning("participant %s can't be forwarded: %s", self._participant.id, reason)
                await asyncio.sleep(backoff.pause(time.monotonic() - start))

    async def _publish(self, session: ClientSession) -> None:
        """Publish until the connection is lost. Raises what went wrong before that."""
        participant = self._participant
        caller = Caller(self._config, participant)
        location: URL | None = None
        try:
            headers = self._headers | {"Content-Type": SDP}
            offer = await caller.call()
            async with session.post(self._url, data=offer, headers=headers) as response:
                expect_created(response)
                location = response.url.join(URL(response.headers["Location"]))
                answer = await read_text(response.content.iter_any(), self._config.max_sdp)
            await caller.answered(answer)
            logger.info("participant %s is forwarded", participant.id)
            await caller.until_lost()
        finally:
            await caller.close()
            if location is not None:
                await self._delete(session, location)

    async def _delete(self, session: ClientSession, location: URL) -> None:
        # Nobody but the server that the operator has named is shown the token.
        headers = self._headers if location.origin() == self._url.origin() else {}
        try:
            async with session.delete(location, headers=headers, timeout=END_TIMEOUT) as response:
                await response.read()
        except (ClientError, OSError, ValueError) as error:
            logger.info("the other server did not take the end: %s", type(error).__name__)


class Reach:
    """Where another server may send us: from the internet nowhere but to the internet.

    It names where to go on (`Location`, redirects), and must not reach through us what only we can.
    """

    def __init__(self) -> None:
        self._public: bool | None = None

    def socket(self, target: AddrInfoType) -> socket.socket:
        """Make the socket for a connection, the first of which is to the configured server; raise OSError."""
        family, kind, protocol, _, address = target
        public = is_public(str(address[0]))
        if self._public is None:
            self._public = public
        if self._public and not public:
            raise OSError(errno.EACCES, "a server on the internet names an address that is not")
        return socket.socket(family, kind, protocol)


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the internet."""
    return ipaddress.ip_address(address.partition("%")[0]).is_global


def is_segment(identity: str) -> bool:
    """Tell whether an identity can stand in a path without ever leaving its place there.

    Percent-encoding is no help for `..`: many servers decode a path first and resolve its dots then, some without
    what comes after a semicolon.
    """
    return all(part.partition(";")[0].strip(".") for part in re.split(r"[/\\]", identity))


def place(url: str, room: str, identity: str) -> URL:
    """Return the URL with `{room}` and `{identity}` replaced, percent-encoded to the last character."""
    # yarl encodes braces, and would decode again what it takes for harmless.
    text = str(URL(url)).replace("%7Broom%7D", quote(room, safe=""))
    return URL(text.replace("%7Bidentity%7D", quote(identity, safe="")), encoded=True)


def expect_created(response: ClientResponse) -> None:
    """Raise SignalingError bad-answer unless there is a new session, and its answer."""
    if response.status != 201 or response.content_type != SDP or "Location" not in response.headers:
        raise SignalingError("bad-answer", f"the other server answered {response.status}")


async def read_text(pieces: AsyncIterator[bytes], limit: int) -> str:
    """Return all of a body of at most `limit` bytes. Raises SignalingError bad-answer, UnicodeDecodeError."""
    body = b""
    async for piece in pieces:
        body += piece
        if len(body) > limit:
            raise SignalingError("bad-answer", f"the other server's answer has more than {limit} bytes")
    return body.decode()
