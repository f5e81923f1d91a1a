"""One outgoing stream of one subscriber, over the sender of a transceiver."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiortc import RTCRtpTransceiver
from aiortc.utils import random32

from .packet_sender import PacketSender
from .vp8 import picture_id_of, with_picture_id


class SenderStats(NamedTuple):
    """What was sent on a transceiver, and what its subscriber last reported (None: nothing yet)."""

    packets: int
    bytes: int
    """Of payload."""
    rtt: float | None
    """Seconds."""
    fraction_lost: float | None
    """0 to 1, since the report before."""
    bandwidth: int | None
    """bit/s of this connection: of all video, by the subscriber's feedback, or of everything, by its REMB."""
    video: bool = True
    """Whether it is video, else sound."""


class RtpSender:
    """One participant's audio or video to one subscriber, over the sender of a transceiver.

    A transceiver serves several one after the other: close one before making the next. Sequence numbers,
    picture ids and RTP time go on, so that the subscriber sees one stream; a keyframe has to come first.
    """

    def __init__(
        self,
        transceiver: RTCRtpTransceiver,
        *,
        on_keyframe_request: Callable[[], object] = lambda: None,
        on_bitrate: Callable[[int], None] | None = None,
        paced: bool = True,
    ) -> None:
        """Attach to the transceiver; TypeError when its connection was not made by `peer_connection`.

        `on_keyframe_request` is called once the stream can be sent, and for each PLI; `on_bitrate` for each
        REMB, and of one stream of a connection when its estimate comes down, with bit/s of the whole connection.
        Video that is `paced` waits for a peer whose line is narrow.
        """
        if not isinstance(transceiver.sender, PacketSender):
            raise TypeError("the transceiver is not of a connection that peer_connection made")
        self.on_keyframe_request = on_keyframe_request
        self.announced = False
        self.paced = paced
        self._on_bitrate = on_bitrate
        self._remb: int | None = None
        self._origin: int | None = None
        self._sender = transceiver.sender
        self._sender.stream = self
        self._sender.announce()

    @property
    def ready(self) -> bool:
        """Whether `send` sends: negotiated, connected, not inactive, not closed."""
        return self._sender.stream is self and self._sender.ready

    @property
    def backlog(self) -> float:
        """For how many seconds a picture would wait for the peer's line."""
        return self._sender.transport.pacer.wait(time.monotonic()) if self.paced else 0.0

    @property
    def codec(self) -> str | None:
        """The negotiated codec ("VP8", "H264", "opus"), None before there is an answer."""
        return self._sender.codec.name if self._sender.codec else None

    @property
    def timestamp_origin(self) -> int | None:
        """RTP timestamp of `timestamp` 0, modulo 2^32; None before the first packet."""
        return None if self._origin is None else self._origin & 0xFFFFFFFF

    @property
    def stats(self) -> SenderStats:
        sender = self._sender
        estimate = sender.transport.estimator.bitrate
        return SenderStats(
            sender._RTCRtpSender__packet_count,
            sender._RTCRtpSender__octet_count,
            sender._RTCRtpSender__rtt,
            sender.fraction_lost,
            self._remb if estimate is None else estimate,
            sender.kind == "video",
        )

    def send(
        self,
        payloads: Sequence[bytes],
        timestamp: int,
        *,
        level: int | None = None,
        voice: bool = False,
        capture_ntp: int | None = None,
    ) -> None:
        """Send the payloads of one frame, or one Opus packet; dropped while not `ready`.

        `timestamp` is in ticks of the codec's clock and need not be wrapped. Payloads of packetize_vp8 get
        contiguous picture ids of this subscriber's own: leave out the frames of a layer, the rest decodes.
        `level` and `voice` are RFC 6464's; `capture_ntp` replaces the present time in sender reports.
        """
        if not payloads or not self.ready:
            return
        if self._origin is None:
            self._origin = self._start() - timestamp
        payloads = self._with_own_picture_id(payloads)
        self._sender.write(payloads, (self._origin + timestamp) & 0xFFFFFFFF, level, voice, capture_ntp)

    def _with_own_picture_id(self, payloads: Sequence[bytes]) -> Sequence[bytes]:
        shared = picture_id_of(payloads[0]) if self._sender.is_vp8 else None
        if shared is None:
            return payloads
        last = self._sender.picture_id
        own = self._sender.picture_id = shared if last is None else (last + 1) & 0x7FFF
        return payloads if own == shared else [with_picture_id(payload, own) for payload in payloads]

    def _start(self) -> int:
        """Return the RTP timestamp to begin with: random, or where time has gone since the last packet."""
        if self._sender.last_sent is None:
            return random32()
        timestamp, then = self._sender.last_sent
        assert self._sender.codec is not None
        return timestamp + max(1, round((time.monotonic() - then) * self._sender.codec.clockRate))

    def estimated(self, bitrate: int) -> None:
        """Take a REMB that names this stream, in bit/s."""
        self._remb = bitrate
        self.narrowed(bitrate)

    def narrowed(self, bitrate: int) -> bool:
        """Tell what the connection carries now, in bit/s; return whether anybody listens."""
        if self._on_bitrate is None:
            return False
        self._on_bitrate(bitrate)
        return True

    def forget(self) -> None:
        """Repeat nothing of what was sent so far."""
        if self._sender.stream is self:
            self._sender.forget()

    def drop(self) -> None:
        """Send nothing of what waits for the peer's line, and repeat nothing; a keyframe has to come next."""
        if self._sender.stream is self:
            self._sender.drop()

    def close(self) -> None:
        """Send and repeat nothing more and forget the callbacks; the transceiver stays, for somebody else perhaps."""
        if self._sender.stream is self:
            self._sender.forget()
            self._sender.stream = None
