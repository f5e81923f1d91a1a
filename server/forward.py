"""Publishes what the filter has made to another server: as a WHIP client (RFC 9725), again whenever that is lost."""

from __future__ import annotations

import asyncio
import logging
import time
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from server.backoff import Backoff
from server.config import Config
from server.participant import Participant
from server.player import Caller
from server.policy import SignalingError

logger = logging.getLogger(__name__)

SDP = "application/sdp"
TIMEOUT = ClientTimeout(total=15)
CHECK_INTERVAL = 0.5  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between attempts
CONNECT_LIMIT = 15.0  # seconds


class Forward:
    """One participant's filtered camera at another server. Made inside a running event loop."""

    def __init__(self, config: Config, participant: Participant, room: str) -> None:
        """Take `{room}` and `{identity}` in the configured URL for those of the participant."""
        identity = participant.grant.identity or participant.id
        url = config.forward_to.replace("{room}", quote(room, safe=""))
        self._url = url.replace("{identity}", quote(identity, safe=""))
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
        async with ClientSession(timeout=TIMEOUT) as session:
            while True:
                start = time.monotonic()
                try:
                    await self._publish(session)
                except (ClientError, TimeoutError, SignalingError, ValueError) as error:
                    logger.warning("participant %s can't be forwarded: %s", self._participant.id, error)
                if time.monotonic() - start > LONGEST_PAUSE:
                    backoff.reset()
                await asyncio.sleep(backoff.pause())

    async def _publish(self, session: ClientSession) -> None:
        """Publish until the connection is lost. Raises what went wrong before that."""
        participant = self._participant
        caller = Caller(self._config, participant)
        location: URL | None = None
        try:
            headers = self._headers | {"Content-Type": SDP}
            offer = await caller.call()
            async with session.post(self._url, data=offer, headers=headers) as response:
                answer = await self._answer(response)
                location = response.url.join(URL(response.headers.get("Location", "")))
            await caller.answered(answer)
            logger.info("participant %s is forwarded", participant.id)
            await self._watch(caller)
        finally:
            await caller.close()
            if location is not None:
                await self._delete(session, location)

    async def _answer(self, response: ClientResponse) -> str:
        body = await response.content.read(self._config.max_sdp)
        if response.status != 201 or response.content_type != SDP or "Location" not in response.headers:
            raise SignalingError("bad-answer", f"the other server answered {response.status}")
        return body.decode()

    async def _watch(self, caller: Caller) -> None:
        """Return when the connection is lost, or does not come about."""
        deadline, connected = time.monotonic() + CONNECT_LIMIT, False
        while (connection := caller.connection) is not None:
            state, now = connection.connectionState, time.monotonic()
            connected |= state == "connected"
            if state in ("failed", "closed") or not (connected or now < deadline):
                return
            caller.adapt(now)
            await asyncio.sleep(CHECK_INTERVAL)

    async def _delete(self, session: ClientSession, location: URL) -> None:
        try:
            async with session.delete(location, headers=self._headers) as response:
                await response.read()
        except (ClientError, TimeoutError) as error:
            logger.info("the other server did not take the end: %s", type(error).__name__)
