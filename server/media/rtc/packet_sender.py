"""One outgoing stream of one subscriber: packets straight to the socket, negotiation left to aiortc."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from aiortc import RTCRtpTransceiver
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpSendParameters
from aiortc.rtcrtpsender import RTCRtpSender, random_sequence_number
from aiortc.rtp import (
    RTCP_PSFB_APP,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)
from aiortc.utils import random32

from .clocks import ntp_now
from .dtls import UNSENDABLE, DtlsTransport
from .packets import HeaderExtensions, PacketWriter, Retransmission
from .sdp import sent_codec
from .vp8 import picture_id_of, with_picture_id

logger = logging.getLogger(__name__)

DEFAULT_ROUND_TRIP = 0.1
"""Seconds, until a report tells."""
SHORTEST_ROUND_TRIP = 0.01
"""Seconds; clocks that are set, or lie, make it less."""
MAX_CAPTURE_AGE = 10  # seconds


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


class PacketSender(RTCRtpSender):
    """An RTCRtpSender without a track; it keeps what goes on when its stream is given to someone else.

    SSRC, sender reports, SDES, BYE and the dispatch of NACK, PLI and reports are aiortc's.
    """

    _RTCRtpSender__lsr_time: float | None
    _RTCRtpSender__ntp_timestamp: int
    _RTCRtpSender__octet_count: int
    _RTCRtpSender__packet_count: int
    _RTCRtpSender__rtp_exited: asyncio.Event
    _RTCRtpSender__rtp_started: asyncio.Event
    _RTCRtpSender__rtp_timestamp: int
    _RTCRtpSender__rtt: float | None
    _RTCRtpSender__rtx_payload_type: int | None
    _RTCRtpSender__rtx_sequence_number: int
    _RTCRtpSender__transport: DtlsTransport

    codec: RTCRtpCodecParameters | None
    is_vp8: bool
    stream: RtpSender | None
    fraction_lost: float | None
    last_sent: tuple[int, float] | None
    picture_id: int | None
    _writer: PacketWriter | None
    _reported_packets: int
    _reported_at: float | None

    @classmethod
    def adopt(cls, stock: RTCRtpSender) -> PacketSender:
        """Turn a sender that aiortc has just constructed into one of ours."""
        stock.__class__ = cls
        assert isinstance(stock, PacketSender)
        stock.codec = None
        stock.is_vp8 = False
        stock.stream = None
        stock.fraction_lost = None
        stock.last_sent = None
        stock.picture_id = None
        stock._writer = None
        stock._reported_packets = 0
        stock._reported_at = 0.0
        return stock

    @property
    def transport(self) -> DtlsTransport:
        return self._RTCRtpSender__transport

    @property
    def ready(self) -> bool:
        return self._writer is not None and self._enabled and self.transport.ready

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        if self.codec is None:
            return
        # rtcrtpsender.py:230 looks for the retransmissions of the first one.
        codecs = [self.codec, *(codec for codec in parameters.codecs if codec != self.codec)]
        parameters = replace(parameters, codecs=codecs)
        await super().send(parameters)
        if self._writer is None:
            self._writer = self._make_writer(parameters, self.codec)
        self.announce()

    def negotiated(self, codecs: Sequence[RTCRtpCodecParameters]) -> None:
        """Note the codecs that both sides have, the preferred one first."""
        # rtcpeerconnection.py:648 resets a transceiver's codecs to the defaults for each offer: keep the first.
        if self.codec is None:
            self.codec = sent_codec(codecs)
            self.is_vp8 = self.codec is not None and self.codec.name == "VP8"
        self.announce()

    def _make_writer(self, parameters: RTCRtpSendParameters, codec: RTCRtpCodecParameters) -> PacketWriter:
        assert codec.payloadType is not None
        ids = {extension.uri: extension.id for extension in parameters.headerExtensions}
        rtx_type = self._RTCRtpSender__rtx_payload_type
        rtx_number = self._RTCRtpSender__rtx_sequence_number
        return PacketWriter(
            self._ssrc,
            codec.payloadType,
            random_sequence_number(),
            HeaderExtensions(ids, parameters.muxId),
            None if rtx_type is None else Retransmission(self._rtx_ssrc, rtx_type, rtx_number),
            video=self.kind == "video",
            number=lambda size: self.transport.sent.add(size, time.monotonic()),
        )

    def announce(self) -> None:
        """Ask for a keyframe when the stream can be sent for the first time."""
        if self.stream is not None and not self.stream.announced and self.ready:
            self.stream.announced = True
            self.stream.on_keyframe_request()

    async def _run_rtp(self, codec: RTCRtpCodecParameters) -> None:
        # rtcrtpsender.py:357: without a track it wakes up 50 times a second. stop() cancels this task and
        # waits for the event.
        self._RTCRtpSender__rtp_started.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._RTCRtpSender__rtp_exited.set()

    def write(
        self,
        payloads: Sequence[bytes],
        timestamp: int,
        level: int | None,
        voice: bool,
        capture_ntp: int | None,
    ) -> None:
        """Send one frame, once the peer's line has room, or piece of audio; `timestamp` is that of the RTP header.

        A packet that the socket does not take keeps its number, so that the subscriber asks for it again.
        """
        send = partial(self._write, self.stream, payloads, timestamp, level, voice, capture_ntp)
        if self.kind == "video" and self.stream is not None and self.stream.paced:
            self.transport.pace(sum(map(len, payloads)), send)
        else:
            send()

    def _write(
        self,
        stream: RtpSender | None,
        payloads: Sequence[bytes],
        timestamp: int,
        level: int | None,
        voice: bool,
        capture_ntp: int | None,
    ) -> None:
        if self._writer is None or not self.ready or self.stream is not stream:
            return  # it has waited, and the transceiver is another's now
        now = ntp_now()
        try:
            packets = self._writer.write(payloads, timestamp, now, level, voice)
            self.transport.send_packets(packets)
        except UNSENDABLE as error:  # what one peer sent must not keep another's packets from the rest
            logger.debug("packets can't be sent: %s", error)
            return
        self.last_sent = timestamp, time.monotonic()
        # It comes from a participant's clock, which may say anything.
        believed = capture_ntp is not None and abs(capture_ntp - now) < MAX_CAPTURE_AGE << 32
        self._RTCRtpSender__ntp_timestamp = capture_ntp if capture_ntp is not None and believed else now
        self._RTCRtpSender__rtp_timestamp = timestamp
        self._RTCRtpSender__packet_count += len(payloads)
        self._RTCRtpSender__octet_count += sum(map(len, payloads))

    def forget(self) -> None:
        """Repeat nothing of what was sent so far."""
        if self._writer is not None:
            self._writer.forget()

    async def _retransmit(self, sequence_number: int) -> None:
        # rtcrtpsender.py:332, for NACK; its parser counts beyond 16 bits (rtp.py:512).
        if self._writer is None:
            return
        now, round_trip = ntp_now(), max(self._RTCRtpSender__rtt or DEFAULT_ROUND_TRIP, SHORTEST_ROUND_TRIP)
        packet = self._writer.rewrite(sequence_number & 0xFFFF, now, round_trip)
        if packet:
            self.transport.pacer.take(len(packet), time.monotonic())
            self.transport.send_packets([packet])
        elif self._writer.limit.exhausted(now / (1 << 32)):
            self._send_keyframe()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        await super()._handle_rtcp_packet(packet)
        if isinstance(packet, (RtcpRrPacket, RtcpSrPacket)):
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    self.fraction_lost = report.fraction_lost / 256
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP and self.stream is not None:
            try:
                bitrate, ssrcs = unpack_remb_fci(packet.fci)
            except ValueError:
                return
            if self._ssrc in ssrcs:
                self.stream.estimated(bitrate)

    def narrowed(self) -> bool:
        """Tell that the estimate of the transport's bandwidth has come down; return whether anybody listens."""
        bitrate = self.transport.estimator.bitrate
        return self.stream is not None and bitrate is not None and self.stream.narrowed(bitrate)

    def _send_keyframe(self) -> None:  # rtcrtpsender.py:351, for PLI
        if self.stream is not None:
            self.stream.on_keyframe_request()

    async def _send_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        if isinstance(packets[0], RtcpSrPacket):
            # rtcrtpsender.py:441 reports NTP time 0 before the first packet, and goes on while nothing is sent: the
            # same report again and again, so that an answer does not tell which one it is to.
            if self._reported_packets == self._RTCRtpSender__packet_count or not self._enabled:
                self._RTCRtpSender__lsr_time = self._reported_at
                return
            self._reported_packets = self._RTCRtpSender__packet_count
            self._reported_at = self._RTCRtpSender__lsr_time
        with suppress(*UNSENDABLE):  # rtcrtpsender.py:430 would end, and stop() wait for it for ever
            await super()._send_rtcp(packets)


class RtpSender:
    """One participant's audio or video to one subscriber, over the sender of a transceiver.

    A transceiver serves several one after the other: close one before making the next. Sequence numbers,
    picture ids and RTP time go on, so that the subscriber sees one stream; a keyframe has to come first.
    """

    def __init__(
        self,
        transceiver: RTCRtpTransceiver,
        *,
        on_keyframe_request: Callable[[], None] = lambda: None,
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

    def close(self) -> None:
        """Send nothing more and forget the callbacks; the transceiver stays."""
        if self._sender.stream is self:
            self._sender.stream = None
