"""A transceiver's sender: packets straight to the socket, negotiation left to aiortc."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

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

from .clocks import ntp_now
from .dtls import UNSENDABLE, DtlsTransport
from .packets import HeaderExtensions, PacketWriter, Retransmission
from .sdp import sent_codec

if TYPE_CHECKING:
    from .sender import RtpSender

logger = logging.getLogger(__name__)

DEFAULT_ROUND_TRIP = 0.1
"""Seconds, until a report tells; chosen."""
SHORTEST_ROUND_TRIP = 0.01
"""Seconds that count at least: clocks that are set, or lie, make it less; chosen."""
MAX_CAPTURE_AGE = 10  # seconds that a capture time may be off and is still believed; chosen


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
    _drops: int
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
        stock._drops = 0
        stock._reported_packets = 0
        stock._reported_at = 0.0
        return stock

    @property
    def transport(self) -> DtlsTransport:
        return self._RTCRtpSender__transport

    @property
    def ready(self) -> bool:
        return self._writer is not None and self._enabled and self._RTCRtpSender__transport.ready

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
        log, clock = self.transport.sent, time.monotonic
        return PacketWriter(
            self._ssrc,
            codec.payloadType,
            random_sequence_number(),
            HeaderExtensions(ids, parameters.muxId),
            None if rtx_type is None else Retransmission(self._rtx_ssrc, rtx_type, rtx_number),
            video=self.kind == "video",
            number=lambda size: log.add(size, clock()),
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

        The sender must be `ready`. A packet that the socket does not take keeps its number, so that the subscriber
        asks for it again.
        """
        stream, transport, drops = self.stream, self.transport, self._drops
        if self.kind != "video" or stream is None or not stream.paced or transport.is_free:
            self._write(payloads, timestamp, level, voice, capture_ntp)
            return

        def later() -> None:
            # The transceiver may be another's by then.
            if self.ready and self.stream is stream and self._drops == drops:
                self._write(payloads, timestamp, level, voice, capture_ntp)

        transport.pace(sum(map(len, payloads)), later)

    def _write(
        self,
        payloads: Sequence[bytes],
        timestamp: int,
        level: int | None,
        voice: bool,
        capture_ntp: int | None,
    ) -> None:
        assert self._writer is not None
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

    def drop(self) -> None:
        """Send nothing of what waits for the peer's line, and repeat nothing."""
        self._drops += 1
        self.forget()

    async def _retransmit(self, sequence_number: int) -> None:
        # rtcrtpsender.py:332, for NACK; its parser counts beyond 16 bits (rtp.py:512).
        if self._writer is None or not self.ready:
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
