"""The peer connections that carry one participant's publications to where the client or we have asked for them.

What can be sent is what the wall lets through: a VideoPublication, which is filtered, and an AudioPublication.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

from aiortc import RTCRtpTransceiver

from server.config.options import Config
from server.core.errors import SignalingError
from server.media.allocator import BandwidthAllocator
from server.media.microphone import AudioPublication
from server.media.publication import VideoPublication
from server.media.rtc import PeerConnection, RtpSender, set_stream_id
from server.media.rtc.sdp import RemoteDescription, sent_codec
from server.media.subscription import AudioSubscription, VideoSubscription, limited
from server.peers.descriptions import answering, expect_one_of_each, take_answer
from server.peers.ice import connect
from server.peers.publisher import Publisher

CHECK_INTERVAL = 0.5  # seconds; chosen
CONNECT_LIMIT = 15.0  # seconds; chosen


class Source(Protocol):
    """Whose publications are sent."""

    egresses: set[EgressConnection]

    @property
    def id(self) -> str:
        """Names the streams (MediaStream id)."""
        ...

    @property
    def video(self) -> VideoPublication: ...

    @property
    def audio(self) -> AudioPublication: ...


class EgressConnection:
    """One participant's publications on one connection."""

    def __init__(self, config: Config, source: Source) -> None:
        self.connection: PeerConnection | None = None
        self._config = config
        self._source = source
        self._owner = source.id
        self._video = source.video
        self._audio = source.audio
        self._allocator = BandwidthAllocator()
        self._senders: list[RtpSender] = []
        self._video_subscription: VideoSubscription | None = None
        self._audio_subscription: AudioSubscription | None = None

    def subscribe(self, transceiver: RTCRtpTransceiver) -> None:
        """Send on a transceiver that has been negotiated."""
        if transceiver.kind == "video":
            sender = RtpSender(
                transceiver,
                on_keyframe_request=limited(self._video.request_keyframe),
                on_bitrate=lambda _: self.adapt(time.monotonic()),
            )
            self._video_subscription = VideoSubscription(sender, sender.codec or "VP8")
            self._video.subscribe(self._video_subscription)
        else:
            sender = RtpSender(transceiver)
            self._audio_subscription = AudioSubscription(sender)
            self._audio.subscribe(self._audio_subscription)
        self._senders.append(sender)
        self._source.egresses.add(self)

    @property
    def bytes(self) -> int:
        """RTP payload that was sent."""
        return sum(sender.stats.bytes for sender in self._senders)

    def adapt(self, now: float) -> None:
        """Cut the video down to what the other side can take; `now` in seconds of the monotonic clock."""
        if self._video_subscription is not None:
            stats = [sender.stats for sender in self._senders]
            self._allocator.adapt(now, stats, [(self._video_subscription, self._video)])

    async def close(self) -> None:
        """End the connection and what was sent on it."""
        self._source.egresses.discard(self)
        video, self._video_subscription = self._video_subscription, None
        audio, self._audio_subscription = self._audio_subscription, None
        if video is not None:
            self._video.unsubscribe(video)
            video.close()
        if audio is not None:
            self._audio.unsubscribe(audio)
            audio.close()
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()


class Egress(EgressConnection):
    """Answers a client that wants to watch, as WHEP has it."""

    async def offer(self, offer: RemoteDescription) -> str:
        """Take an offer that receives video, audio or both; return the answer's SDP. Once only.

        Raises SignalingError bad-sdp.
        """
        expect_one_of_each(offer)
        if not all(sent_codec(section.codecs) for section in offer.carried):
            raise SignalingError("bad-sdp", "H.264 is sent with packetization-mode=1, which is not offered.")
        connection = connect(self._config)
        async with answering(connection):
            await connection.setRemoteDescription(offer)
            transceivers = self._sending(connection)
            await connection.setLocalDescription(await connection.createAnswer())
            if any(transceiver.currentDirection != "sendonly" for transceiver in transceivers):
                raise SignalingError("bad-sdp", "Every section must be recvonly.")
        self.connection = connection
        for transceiver in transceivers:
            self.subscribe(transceiver)
        return str(connection.localDescription.sdp)

    def _sending(self, connection: PeerConnection) -> list[RTCRtpTransceiver]:
        """Send on the one transceiver of each kind."""
        found = connection.getTransceivers()
        for transceiver in found:
            transceiver.direction = "sendonly"
            set_stream_id(transceiver, self._owner)
        return found


class Caller(EgressConnection):
    """Offers to send, as a WHIP client does."""

    async def call(self, kinds: Iterable[str] = ("video", "audio")) -> str:
        """Return the SDP of an offer of video and audio, or one of them, with all candidates. Once only.

        Raises SignalingError not-connected when there can't be one.
        """
        connection = self.connection = connect(self._config)
        try:
            for kind in kinds:
                set_stream_id(connection.addTransceiver(kind, direction="sendonly"), self._owner)
            await connection.setLocalDescription(await connection.createOffer())
        except Exception as error:  # aiortc raises whatever it stumbles over
            raise SignalingError("not-connected", f"There can't be an offer: {error}") from error
        return str(connection.localDescription.sdp)

    async def answered(self, sdp: str) -> None:
        """Take the answer and send what it accepts; raise SignalingError bad-sdp."""
        if self.connection is None:
            return
        await take_answer(self.connection, sdp, self._config.max_sdp)
        for transceiver in self.connection.getTransceivers():
            if transceiver.currentDirection == "sendonly":
                self.subscribe(transceiver)

    @property
    def kinds(self) -> frozenset[str]:
        """What the answer has accepted."""
        transceivers = [] if self.connection is None else self.connection.getTransceivers()
        return frozenset(t.kind for t in transceivers if t.currentDirection == "sendonly")

    async def until_lost(self, *sources: Publisher) -> None:
        """Send what can be taken until this connection or one of `sources` is lost, or does not come about in time."""
        deadline, connected = time.monotonic() + CONNECT_LIMIT, False
        peers: tuple[EgressConnection | Publisher, ...] = (self, *sources)
        while True:
            now = time.monotonic()
            states = {peer.connection and peer.connection.connectionState for peer in peers}
            connected |= states == {"connected"}
            if states & {None, "failed", "closed"} or not (connected or now < deadline):
                return
            self.adapt(now)
            await asyncio.sleep(CHECK_INTERVAL)
