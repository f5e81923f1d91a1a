"""RTCRtpReceiver without a decoder thread: packets go to a sink, in the socket's own callback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RTCRtpReceiver, StreamStatistics
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
    unwrap_rtx,
)

from .dtls import UNSENDABLE, DtlsTransport

LAYER_SILENCE = 1.0
"""Seconds without a packet after which another layer of simulcast takes over; chosen."""
NACK_LENGTH = 200
"""Sequence numbers that one NACK asks for at most: up to 4 bytes each, and pylibsrtp takes no more than 1500."""


class Sink(Protocol):
    """What a Receiver hands its packets to."""

    def take(self, packet: RtpPacket, codec: RTCRtpCodecParameters, rtx: bool) -> None: ...

    def report(self, packet: RtcpSrPacket) -> None: ...

    def close(self) -> None: ...


class Receiver(RTCRtpReceiver):
    """An RTCRtpReceiver that hands packets to a Sink; its track stays silent.

    The receiver reports, SSRC and RTX tables and negotiation are aiortc's.
    """

    _RTCRtpReceiver__codecs: dict[int, RTCRtpCodecParameters]
    _RTCRtpReceiver__remote_streams: dict[int, StreamStatistics]
    _RTCRtpReceiver__rtcp_ssrc: int
    _RTCRtpReceiver__rtcp_task: asyncio.Future[None] | None
    _RTCRtpReceiver__rtx_ssrc: dict[int, int]
    _RTCRtpReceiver__started: bool

    sink: Sink | None
    parameter_sets: Mapping[int, bytes]
    """H.264 parameter sets (Annex B) that the description has, by payload type."""
    layered: bool
    """Whether there may be simulcast layers, some of which come although the answer asks for the first only."""
    _layer: tuple[int, float]
    _media_ssrcs: set[int]

    @classmethod
    def adopt(cls, stock: RTCRtpReceiver) -> Receiver:
        stock.__class__ = cls
        assert isinstance(stock, Receiver)
        stock.sink = None
        stock.parameter_sets = {}
        stock.layered = False
        stock._layer = 0, float("-inf")
        stock._media_ssrcs = set()
        return stock

    @property
    def transport(self) -> DtlsTransport:
        transport = super().transport
        assert isinstance(transport, DtlsTransport)
        return transport

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        # rtcrtpreceiver.py:392 starts a decoder thread, which stop() and BYE join on the loop (line 643),
        # and ignores streams that a later description announces.
        for codec in parameters.codecs:
            assert codec.payloadType is not None
            self._RTCRtpReceiver__codecs[codec.payloadType] = codec
        for encoding in parameters.encodings:
            if encoding.rtx:
                self._RTCRtpReceiver__rtx_ssrc[encoding.rtx.ssrc] = encoding.ssrc
        self.transport._register_rtp_receiver(self, parameters)
        if not self._RTCRtpReceiver__started:
            self._RTCRtpReceiver__rtcp_task = asyncio.ensure_future(self._run_rtcp())
            self._RTCRtpReceiver__started = True

    async def stop(self) -> None:
        if self.sink is not None:
            self.sink.close()
            self.sink = None
        await super().stop()
        if self._track is not None:
            self._track.stop()

    def receive_packet(self, packet: RtpPacket) -> None:
        """Take a packet that was routed here, in place of rtcrtpreceiver.py:471-567."""
        codec = self._RTCRtpReceiver__codecs.get(packet.payload_type)
        if codec is None or self.sink is None or not self._enabled:
            return
        streams = self._RTCRtpReceiver__remote_streams
        if packet.ssrc not in streams:
            streams[packet.ssrc] = StreamStatistics(codec.clockRate)
        streams[packet.ssrc].add(packet)
        if not is_rtx(codec):
            self._media_ssrcs.add(packet.ssrc)
            if not self.layered or self._is_first_layer(packet.ssrc):
                self.sink.take(packet, codec, False)
            return
        ssrc = self._RTCRtpReceiver__rtx_ssrc.get(packet.ssrc)
        if ssrc is None and len(self._media_ssrcs) == 1:  # without a=ssrc lines it can be of one stream only
            (ssrc,) = self._media_ssrcs
        payload_type = codec.parameters.get("apt")
        if ssrc is None or len(packet.payload) < 2 or not isinstance(payload_type, int):
            return  # a padding-only packet, or of nobody
        if self.layered and ssrc != self._layer[0]:
            return  # senders probe the line with retransmissions of any layer
        original = self._RTCRtpReceiver__codecs.get(payload_type)
        if original is not None:
            self.sink.take(unwrap_rtx(packet, payload_type, ssrc), original, True)

    def _is_first_layer(self, ssrc: int) -> bool:
        """Tell whether a stream is the one that is taken: whichever came first, until it ends."""
        first, heard = self._layer
        now = time.monotonic()
        if ssrc != first and now - heard < LAYER_SILENCE:
            return False
        self._layer = ssrc, now
        return True

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpByePacket):
            return  # the m-line says what is over; rtcrtpreceiver.py:468 ends the track for good
        await super()._handle_rtcp_packet(packet)
        if isinstance(packet, RtcpSrPacket) and self.sink is not None:
            self.sink.report(packet)

    async def _send_rtcp(self, packet: AnyRtcpPacket) -> None:
        with suppress(*UNSENDABLE):  # rtcrtpreceiver.py:571 would end, and stop() wait for it for ever
            await super()._send_rtcp(packet)

    def send_nack(self, media_ssrc: int, lost: list[int]) -> None:
        """Ask for packets again (RFC 4585 section 6.2.1), NACK_LENGTH at a time; `lost` is sorted."""
        for first in range(0, len(lost), NACK_LENGTH):
            part = lost[first : first + NACK_LENGTH]
            self._send_feedback(
                RtcpRtpfbPacket(RTCP_RTPFB_NACK, self._RTCRtpReceiver__rtcp_ssrc, media_ssrc, part)
            )

    def send_pli(self, media_ssrc: int) -> None:
        """Ask for a keyframe (RFC 4585 section 6.3.1)."""
        self._send_feedback(RtcpPsfbPacket(RTCP_PSFB_PLI, self._RTCRtpReceiver__rtcp_ssrc, media_ssrc))

    def send_remb(self, media_ssrc: int, bitrate: int) -> None:
        """Tell the sender what it may send at most, in bit/s (draft-alvestrand-rmcat-remb-03)."""
        fci = pack_remb_fci(bitrate, [media_ssrc])
        self._send_feedback(RtcpPsfbPacket(RTCP_PSFB_APP, self._RTCRtpReceiver__rtcp_ssrc, 0, fci))

    def _send_feedback(self, packet: RtcpRtpfbPacket | RtcpPsfbPacket) -> None:
        self.transport.send_rtcp(bytes(packet))
