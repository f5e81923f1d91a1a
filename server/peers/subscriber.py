"""The peer connection on which a participant receives; the server is its offerer."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from aiortc import RTCRtpTransceiver

from server.config.options import Config
from server.core.errors import SignalingError
from server.core.messages import StreamKind
from server.media.allocator import BandwidthAllocator
from server.media.microphone import AudioPublication
from server.media.publication import VideoPublication
from server.media.rtc import RtpSender, SenderStats, set_stream_id
from server.media.screen import ScreenPublication
from server.media.subscription import AudioSubscription, VideoSubscription, limited
from server.peers.descriptions import add_candidate, take_answer
from server.peers.ice import connect

logger = logging.getLogger(__name__)

ANSWER_TIMEOUT = 15.0  # seconds; chosen
MAX_CANDIDATES = 64  # that are kept until the answer is there

_offer_ids = itertools.count(1)  # unique over connections, so that a late answer fits none but its own offer


class Stream(NamedTuple):
    """Something to receive: whose, and the publication it comes from."""

    owner: str
    kind: StreamKind
    publication: VideoPublication | ScreenPublication | AudioPublication
    own: bool = False
    """Whether whoever receives it is its owner."""

    @property
    def media(self) -> Literal["video", "audio"]:
        """The kind of its media section."""
        return "audio" if isinstance(self.publication, AudioPublication) else "video"

    @property
    def sync_group(self) -> str:
        """What is played in sync has the same; somebody's screen need not wait for their camera."""
        return f"{self.owner}-screen" if self.kind.startswith("screen") else self.owner


class StreamLabel(NamedTuple):
    """Who is behind a media section of an offer, and whether it came through the filter."""

    mid: str
    participant: str
    kind: StreamKind
    filtered: bool


@dataclass(slots=True)
class _Slot:
    """A media section; when its stream ends it is kept for the next one, because sections can't be removed."""

    transceiver: RTCRtpTransceiver
    stream: Stream | None = None
    sender: RtpSender | None = None
    subscription: VideoSubscription | AudioSubscription | None = None
    sent: int = 0
    """RTP payload so far, while there is no sender that knows."""

    @property
    def bytes(self) -> int:
        return self.sent if self.sender is None else self.sender.stats.bytes


class SubscribeOffer(NamedTuple):
    """An offer to the browser; `fresh` when it begins a new connection."""

    id: int
    sdp: str
    fresh: bool
    streams: list[StreamLabel]


OfferSender = Callable[[SubscribeOffer], None]


class Subscriber:
    """Sends a changing set of streams to one browser; renegotiates whenever the set changes."""

    def __init__(self, config: Config, send_offer: OfferSender) -> None:
        self._send_offer = send_offer
        self._max_sdp = config.max_sdp
        self._connection = connect(config)
        self._slots: list[_Slot] = []
        self._wanted: list[Stream] = []
        self._allocator = BandwidthAllocator()
        self._offer_id = 0
        self._fresh = True
        self._closed = False
        self.saving = False
        """Whether the others' cameras are sent in half of their pictures only, by the receiver's wish."""
        self.shows_large = ""
        """Whose camera the receiver shows large, by id; where it has not said so, who speaks is taken to be."""
        self._answer: asyncio.Future[str] | None = None
        self._candidates: list[Mapping[str, Any] | None] = []
        self._changed = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._negotiate())

    def watch(self, streams: Sequence[Stream]) -> None:
        """Receive just these from now on; streams that are gone stop at once."""
        if list(streams) == self._wanted:
            return
        self._wanted = list(streams)
        for slot in self._slots:
            if slot.stream is not None and slot.stream not in self._wanted:
                self._end(slot)
        self._changed.set()

    @property
    def wanted(self) -> Sequence[Stream]:
        """What is to be received."""
        return self._wanted

    @property
    def stats(self) -> list[SenderStats]:
        """What is known about the way of each stream to the browser."""
        return [slot.sender.stats for slot in self._slots if slot.sender is not None]

    @property
    def bytes(self) -> int:
        """RTP payload that was sent, of streams that have ended, too."""
        return sum(slot.bytes for slot in self._slots)

    @property
    def paused(self) -> list[str]:
        """Whose camera the browser has no bandwidth for at the moment."""
        return [
            slot.stream.owner
            for slot in self._slots
            if slot.stream is not None
            and isinstance(slot.subscription, VideoSubscription)
            and slot.subscription.paused
        ]

    def adapt(self, now: float) -> None:
        """Cut streams down to what the browser can take; `now` in seconds of the monotonic clock."""
        videos = []
        for slot in self._slots:
            stream, subscription = slot.stream, slot.subscription
            if stream is None or not isinstance(stream.publication, VideoPublication):
                continue
            if isinstance(subscription, VideoSubscription):
                subscription.shown_large = stream.owner == self.shows_large if self.shows_large else None
                videos.append((subscription, stream.publication))
        self._allocator.adapt(now, self.stats, videos)
        if self.saving:
            for subscription, _ in videos:
                subscription.base_only = not subscription.own

    def answer(self, offer_id: int, sdp: str) -> None:
        """Take the browser's answer; answers to older offers are ignored."""
        if offer_id == self._offer_id and self._answer is not None and not self._answer.done():
            self._answer.set_result(sdp)

    async def candidate(self, init: Mapping[str, Any] | None) -> None:
        """Add one of the browser's ICE candidates; None ends them. Raises SignalingError bad-candidate.

        The first come while the answer is still being taken, and are kept until then.
        """
        if self._connection.remoteDescription is not None:
            await add_candidate(self._connection, init)
        elif len(self._candidates) < MAX_CANDIDATES:
            self._candidates.append(init)

    async def close(self) -> None:
        """End the connection and every subscription."""
        # Not by cancelling the task: aioice leaks its sockets when it is interrupted while it gathers.
        self._closed = True
        self._changed.set()
        if self._answer is not None:
            self._answer.cancel()
        for slot in self._slots:
            self._end(slot)
        await asyncio.gather(self._task, return_exceptions=True)
        await self._connection.close()

    async def _negotiate(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._closed:
                return
            self._assign()
            try:
                labels = await self._offer()
                await self._take_answer()
            except (TimeoutError, SignalingError) as error:
                reason = error.code if isinstance(error, SignalingError) else "no answer in time"
                logger.warning("a subscribe connection ends: %s", reason)
                return
            self._start(labels)

    async def _take_answer(self) -> None:
        assert self._answer is not None
        sdp = await asyncio.wait_for(self._answer, ANSWER_TIMEOUT)
        await take_answer(self._connection, sdp, self._max_sdp)
        early, self._candidates = self._candidates, []
        for init in early:
            await add_candidate(self._connection, init)

    def _assign(self) -> None:
        """Give every wanted stream a media section."""
        have = {slot.stream for slot in self._slots if slot.stream is not None}
        for stream in self._wanted:
            if stream not in have:
                slot = self._free_slot(stream.media)
                slot.stream = stream
                slot.transceiver.direction = "sendonly"
                set_stream_id(slot.transceiver, stream.sync_group)

    def _free_slot(self, kind: str) -> _Slot:
        for slot in self._slots:
            if slot.stream is None and slot.transceiver.kind == kind:
                return slot
        slot = _Slot(self._connection.addTransceiver(kind, direction="sendonly"))
        self._slots.append(slot)
        return slot

    async def _offer(self) -> list[StreamLabel]:
        self._offer_id = next(_offer_ids)
        self._answer = asyncio.get_running_loop().create_future()
        await self._connection.setLocalDescription(await self._connection.createOffer())
        labels = [
            StreamLabel(
                slot.transceiver.mid,
                slot.stream.owner,
                slot.stream.kind,
                isinstance(slot.stream.publication, VideoPublication),
            )
            for slot in self._slots
            if slot.stream is not None and slot.transceiver.mid is not None
        ]
        sdp = self._connection.localDescription.sdp
        self._send_offer(SubscribeOffer(self._offer_id, sdp, self._fresh, labels))
        self._fresh = False
        return labels

    def _start(self, labels: Sequence[StreamLabel]) -> None:
        """Begin to send what the answer has accepted."""
        agreed = {(label.mid, label.participant, label.kind) for label in labels}
        for slot in self._slots:
            stream = slot.stream
            if stream is None or slot.subscription is not None:
                continue
            label = (slot.transceiver.mid, stream.owner, stream.kind)
            if label in agreed and slot.transceiver.currentDirection == "sendonly":
                self._subscribe(slot, stream)

    def _subscribe(self, slot: _Slot, stream: Stream) -> None:
        publication = stream.publication
        if isinstance(publication, (VideoPublication, ScreenPublication)):
            slot.sender = RtpSender(
                slot.transceiver,
                on_keyframe_request=limited(publication.request_keyframe),
                on_bitrate=lambda _: self.adapt(time.monotonic()),
                paced=isinstance(publication, VideoPublication),  # a screen's keyframe takes seconds
            )
            video = VideoSubscription(slot.sender, slot.sender.codec or "VP8", own=stream.own)
            slot.subscription = video
            publication.subscribe(video)
        else:
            slot.sender = RtpSender(slot.transceiver)
            audio = AudioSubscription(slot.sender, loudest_only=True)
            slot.subscription = audio
            publication.subscribe(audio)

    def _end(self, slot: _Slot) -> None:
        stream, subscription = slot.stream, slot.subscription
        slot.sent = slot.bytes
        if stream is not None and subscription is not None:
            if isinstance(stream.publication, (VideoPublication, ScreenPublication)):
                assert isinstance(subscription, VideoSubscription)
                stream.publication.unsubscribe(subscription)
            else:
                assert isinstance(subscription, AudioSubscription)
                stream.publication.unsubscribe(subscription)
            subscription.close()
        slot.stream = slot.sender = slot.subscription = None
        slot.transceiver.direction = "inactive"
