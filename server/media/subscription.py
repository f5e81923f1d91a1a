"""One subscriber's end of a publication: which pictures it gets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from server.core.token_bucket import TokenBucket
from server.media.codec.encoder import ENCODERS, SMALL, EncodedVideo, FilteredVideo
from server.media.rtc import AudioPacket, RtpSender, packetize_h264, packetize_vp8

PICTURE_IDS = 1 << 15  # RFC 7741, section 4.2
KEYFRAMES_AT_ONCE, KEYFRAMES_PER_SECOND = 8, 1.0
"""Of one peer's requests; a browser repeats a request every 0.2 s until it is answered (RFC 4585, section 6.3.1)."""

LAYER_BACKLOG, MAX_BACKLOG = 0.03, 0.5
"""Seconds that a picture may wait for the peer's line: one to which no other refers, a frame; any; chosen."""


class Packets:
    """The RTP payloads of the publication's picture number `index`, made once for all its subscribers.

    RtpSender makes picture ids contiguous for each peer, so dropping a layer is no loss to its decoder.
    """

    def __init__(self, index: int) -> None:
        self._picture_id = index % PICTURE_IDS
        self._made: dict[str, list[bytes]] = {}

    def payloads(self, encoding: str, video: EncodedVideo) -> list[bytes]:
        """Return the payloads of an encoding; only VP8 carries the picture id."""
        made = self._made.get(encoding)
        if made is None:
            vp8 = ENCODERS[encoding].codec == "VP8"
            made = packetize_vp8(video.data, self._picture_id) if vp8 else packetize_h264(video.data)
            self._made[encoding] = made
        return made


def limited(request: Callable[[], None]) -> Callable[[], bool]:
    """Return a keyframe request for one peer: they cost everybody bits, so a few at once, then one in a while.

    It tells whether it was passed on.
    """
    budget = TokenBucket(KEYFRAMES_AT_ONCE, KEYFRAMES_PER_SECOND)

    def ask() -> bool:
        passed_on = budget.take(1, time.monotonic())
        if passed_on:
            request()
        return passed_on

    return ask


class FilteredVideoSink(Protocol):
    """Takes the pictures of a VideoPublication, which are filtered; see VideoSubscription, which takes any."""

    encoding: str
    """What it is sent: a codec, or SMALL."""

    @property
    def wanted(self) -> str:
        """The encoding that it goes over to at a keyframe."""
        ...

    @property
    def share(self) -> float | None: ...

    @property
    def own(self) -> bool: ...

    def deliver(self, video: FilteredVideo, packets: Packets, capture_ntp: int | None) -> None: ...

    def drop(self) -> None: ...


class AudioSink(Protocol):
    """Takes the packets of an AudioPublication; see AudioSubscription."""

    @property
    def loudest_only(self) -> bool: ...

    def deliver(self, packet: AudioPacket, capture_ntp: int | None) -> None: ...


class VideoSubscription:
    """Video to one peer: from a keyframe on, whole, only its base layer, or `small`.

    `share` is the bandwidth that the peer has for this stream, in bit/s, None while it isn't known; `own` is whether
    it is the camera's own picture, which has no say in how the others see it.
    """

    def __init__(self, sender: RtpSender, codec: str, *, own: bool = False) -> None:
        self.codec = self.encoding = self.wanted = codec
        self.own = own
        self.base_only = False
        self.shown_large: bool | None = None
        """Whether the peer shows it large, where it has said whom it does."""
        self.share: float | None = None
        self._sender = sender
        self._started = False
        self._paused = False
        self._skipped = False

    @property
    def small(self) -> bool:
        """Whether it is to be sent in the small encoding, which there is of VP8."""
        return self.wanted == SMALL

    @small.setter
    def small(self, small: bool) -> None:
        if self.codec != "VP8" or small == self.small:
            return
        self.wanted = SMALL if small else self.codec
        if small:  # there is no room for what is sent until it begins
            self._started = False
            self._sender.forget()

    @property
    def paused(self) -> bool:
        """Whether nothing is sent for the moment, and nothing repeated."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused = paused
        if paused:
            self._sender.forget()

    def deliver(self, video: EncodedVideo, packets: Packets, capture_ntp: int | None) -> None:
        """Send one picture, unless the peer is away, has it paused, waits for a keyframe, or drops its layer.

        What the peer's line has no room for soon is left out, too, and then all up to the next keyframe.
        """
        if self.paused or not self._sender.ready:
            self._started = False
            return
        backlog = self._sender.backlog
        if video.layer and (self.base_only or backlog > LAYER_BACKLOG):
            return
        if backlog > MAX_BACKLOG:
            self._started, self._skipped = False, True
            return
        if video.keyframe:  # what came before is of no use any more
            self._sender.forget()
            self._started, self._skipped = True, False
        elif self._skipped:
            # The peer misses no number, and need not ask: what was refused is asked for again.
            self._skipped = self._sender.on_keyframe_request() is False
        if self._started:
            self._sender.send(
                packets.payloads(self.encoding, video), video.timestamp, capture_ntp=capture_ntp
            )

    def drop(self) -> None:
        """Send nothing that has not left yet; then from a keyframe on."""
        self._started = False
        self._sender.drop()

    def close(self) -> None:
        """Send nothing any more."""
        self._started = False
        self._sender.close()


class AudioSubscription:
    """Audio to one peer; with `loudest_only` just while the room hears it."""

    def __init__(self, sender: RtpSender, *, loudest_only: bool = False) -> None:
        self.loudest_only = loudest_only
        self._sender = sender

    def deliver(self, packet: AudioPacket, capture_ntp: int | None) -> None:
        """Send one Opus packet."""
        self._sender.send(
            [packet.data], packet.timestamp, level=packet.level, voice=packet.voice, capture_ntp=capture_ntp
        )

    def close(self) -> None:
        """Send nothing any more."""
        self._sender.close()
