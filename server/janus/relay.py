"""One publisher of a private room of Janus, as a participant of ours, and their filtered copy in a public one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from filters.effects import parse_effects
from filters.matting.follow import read_target
from server.access.policy import MAX_NAME, participant_name
from server.access.tokens import Grant
from server.config.options import Config
from server.core.backoff import Backoff
from server.core.errors import JanusError, SignalingError
from server.core.messages import Message
from server.janus import videoroom
from server.janus.client import Handle, JanusSession
from server.janus.videoroom import PLUGIN, Feed, JanusRoom
from server.media.rtc import PeerConnection
from server.peers.descriptions import add_candidate, read_offer
from server.peers.egress import Caller
from server.peers.publisher import Publisher
from server.rooms.membership import Membership
from server.rooms.participant import Participant
from server.rooms.rooms import Rooms

logger = logging.getLogger(__name__)

CODECS = {"audio": ("opus",), "video": ("vp8", "h264")}
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between attempts
NOBODY = "Somebody"


class RoomPair(NamedTuple):
    """What all who are bridged share: a session of Janus, its two rooms, and the name of the one of ours."""

    session: JanusSession
    private: JanusRoom
    public: JanusRoom
    private_id: int
    name: str


class Relay:
    """Copies one publisher until closed, again whenever that fails. Made inside a running event loop."""

    def __init__(self, config: Config, rooms: Rooms, pair: RoomPair, feed: Feed) -> None:
        self._config = config
        self._rooms = rooms
        self._pair = pair
        self._feed = feed
        self._name = shown_name(feed.display)
        # A text may be somebody's name, which logs do not hold.
        self._label = f"publisher {feed.id}" if isinstance(feed.id, int) else "a publisher"
        self._membership: Membership | None = None
        self._sending: Handle | None = None
        self._expelled = False
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._say)

    async def close(self) -> None:
        """End the copy."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def rename(self, display: str) -> None:
        """Show another name."""
        self._name = shown_name(display)
        if self._membership is not None:
            self._membership.participant.name = self._name
            self._membership.room.update(self._membership)
        if self._sending is not None:
            try:
                await videoroom.rename(self._sending, self._name)
            except JanusError as error:
                logger.warning("%s keeps the old name: %s", self._label, error)

    async def _run(self) -> None:
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        while not (self._expelled or self._pair.session.over):
            start = time.monotonic()
            try:
                await self._copy()
            except (JanusError, SignalingError) as error:
                logger.warning("%s is not bridged: %s", self._label, error)
            await asyncio.sleep(backoff.pause(time.monotonic() - start))

    async def _copy(self) -> None:
        """Copy until a connection is lost. Raises JanusError or SignalingError."""
        pair, media = self._pair, self._feed.first(CODECS)
        if not media:
            raise SignalingError("bad-sdp", "janus_private: it sends neither Opus nor VP8 nor H.264")
        async with self._joined() as membership, self._handle() as receiving:
            participant = membership.participant
            publisher = participant.publisher
            offer = await videoroom.subscribe(receiving, pair.private, pair.private_id, self._feed.id, media)
            answer = await publisher.offer(read_offer(offer, self._config.max_sdp))
            await videoroom.start(receiving, answer)
            participant.set_media(audio="audio" in publisher.kinds, video="video" in publisher.kinds)
            membership.room.update(membership)
            kinds = publisher.kinds
            while kinds:
                kinds = await self._send(participant, kinds, receiving)

    async def _send(
        self, participant: Participant, kinds: frozenset[str], receiving: Handle
    ) -> frozenset[str]:
        """Publish into the public room until a connection is lost; return what is left to be tried.

        A room for another codec, as with `audiocodec = "pcma"`, rejects one section of the offer; whoever watches would
        be offered it all the same (Janus 1.1), so only what is taken is published then. Raises JanusError,
        SignalingError.
        """
        caller = Caller(self._config, participant)
        try:
            async with self._handle() as sending:
                offer = await caller.call(sorted(kinds))
                await caller.answered(await videoroom.publish(sending, self._pair.public, self._name, offer))
                if not caller.kinds:
                    raise SignalingError("bad-sdp", "janus_public: it takes neither Opus nor VP8 nor H.264")
                if caller.kinds != kinds:
                    logger.warning("%s: the public room takes %s only", self._label, ", ".join(caller.kinds))
                    return caller.kinds
                self._sending = sending
                logger.info("%s is bridged as participant %s", self._label, participant.id)
                await self._watch(caller, participant.publisher, receiving, sending)
                return frozenset()
        finally:
            self._sending = None
            await caller.close()

    def _say(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("%s is bridged no longer", self._label, exc_info=error)

    @asynccontextmanager
    async def _joined(self) -> AsyncIterator[Membership]:
        """Be a participant, who never becomes host by being first. Raises SignalingError."""
        grant = Grant(self._pair.name, identity=f"janus-{self._feed.id}", role="guest")
        membership, _ = self._rooms.join(self._pair.name, self._name, "", grant)
        try:
            if not membership.room.enter(membership):
                raise SignalingError("room-locked", "a host has to let people into this room")
            membership.participant.filter.effects = parse_effects(self._config.effects)
            membership.participant.filter.follow(read_target(self._config.follow))
            membership.send = self._told
            self._membership = membership
            yield membership
        finally:
            self._membership = None
            await self._rooms.leave(membership, "left")

    @asynccontextmanager
    async def _handle(self) -> AsyncIterator[Handle]:
        handle = await self._pair.session.attach(PLUGIN)
        try:
            yield handle
        finally:
            await handle.detach()

    def _told(self, message: Message) -> None:
        """Take what a browser would be told: a fatal error, as when a host removes the participant, ends it."""
        if message.get("type") == "error" and message.get("fatal"):
            self._expelled = True

    async def _watch(self, caller: Caller, publisher: Publisher, receiving: Handle, sending: Handle) -> None:
        """Return when somebody ends it or a connection is lost, or does not come about."""
        works = (self._hear(receiving, publisher), self._hear(sending, caller), caller.until_lost(publisher))
        tasks = [asyncio.get_running_loop().create_task(work) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hear(self, handle: Handle, peer: Publisher | Caller) -> None:
        """Take candidates until Janus hangs up; somebody who is kicked out of the public room stays out."""
        async for notice in handle.notices():
            if notice.candidate is not None and peer.connection is not None:
                await self._add(peer.connection, notice.candidate)
            if videoroom.kicked(notice.data):
                self._expelled = True
                return

    async def _add(self, connection: PeerConnection, candidate: Message) -> None:
        try:
            await add_candidate(connection, None if candidate.get("completed") else candidate)
        except SignalingError as error:
            logger.info("%s: %s", self._label, error)  # others may do


def shown_name(display: str) -> str:
    """Return a display name of Janus as one of ours, which has a limit and is never empty."""
    try:
        return participant_name(display.strip()[:MAX_NAME])
    except SignalingError:
        return NOBODY
