"""DTLS and SRTP: peers with RSA certificates, packets handed on without a queue or a coroutine."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any

import pylibsrtp
from aioice.ice import StunProtocol
from aioice.stun import Message
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport, SRTPProtectionProfile, State
from aiortc.rtp import RtcpPacket, RtpPacket, is_rtcp
from aiortc.utils import random32
from OpenSSL import SSL

from server.core.token_bucket import TokenBucket

from . import datagrams, transport_cc, udp
from .addresses import IceConnection
from .bandwidth_estimator import NO_LIMIT, BandwidthEstimator, SentLog
from .clocks import ClockOffset
from .dtls_handshake import PatientHandshake
from .dtls_records import acceptable
from .pacer import Pacer
from .receive_buffer import RoundTrip
from .refusals import REFUSALS
from .stun import IceSocket
from .timed_queue import TimedQueue

UNSENDABLE = (ValueError, struct.error, pylibsrtp.Error)
"""What is raised for packets that can't be written or encrypted."""
CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:"
    b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA"
)
MAX_QUEUE = 256
"""Datagrams that wait for the DTLS task, which takes all of them at each turn of the loop."""
MAX_SSRCS = 31
"""Streams accepted on one connection, as many as a receiver report can hold."""
MAX_PACKETS, MAX_BURST = 2500.0, 2500.0
"""RTP packets of one connection, a second and at once: a camera of 20 Mbit/s. Each takes the event loop 45 µs."""
MAX_EXTENSION = 60
"""Words of four bytes of a packet's header extension: 14 elements of 17 bytes (RFC 8285, section 4.2), rounded up.

Each byte may cost as much as an element, which takes the event loop 0.4 µs.
"""
STUN_RETRANSMISSION = 0.5
"""Seconds after which a STUN request is repeated, so that an answer no longer tells the round trip."""


class Certificate(RTCCertificate):
    """A certificate whose owner also talks to peers that have an RSA one."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        # aiortc/rtcdtlstransport.py:204 offers ECDSA suites only: GStreamer fails with alert 40.
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(CIPHERS)
        return context


class DtlsTransport(PatientHandshake):
    """Delivers SRTP to receivers in the socket's own callback, and sends without awaiting.

    aiortc's objects become ours by `adopt`: its constructors are called by name inside RTCPeerConnection.
    """

    _RTCDtlsTransport__rx_bytes: int
    _RTCDtlsTransport__rx_packets: int
    _RTCDtlsTransport__tx_bytes: int
    _RTCDtlsTransport__tx_packets: int

    round_trip: RoundTrip
    clock_offset: ClockOffset
    sent: SentLog
    estimator: BandwidthEstimator
    pacer: Pacer

    @classmethod
    def adopt(cls, stock: RTCDtlsTransport) -> DtlsTransport:
        stock.__class__ = cls
        assert isinstance(stock, DtlsTransport)
        stock.round_trip = RoundTrip()
        stock.clock_offset = ClockOffset()
        stock._arrivals = transport_cc.ArrivalLog(random32())
        stock._feedback_timer = None
        stock._feedback_limit = transport_cc.FeedbackLimit()
        stock.sent = SentLog()
        stock.estimator = BandwidthEstimator()
        stock.pacer = Pacer()
        stock._paced = TimedQueue(lambda send: send())
        stock._sockets = set()
        stock._packets = TokenBucket(MAX_BURST, MAX_PACKETS)
        stock._ssrcs = set()
        stock.ice.deliver = stock.receive
        return stock

    _arrivals: transport_cc.ArrivalLog
    _feedback_timer: asyncio.TimerHandle | None
    _feedback_limit: transport_cc.FeedbackLimit
    _sockets: set[StunProtocol]
    _packets: TokenBucket
    _paced: TimedQueue[Callable[[], None]]
    _ssrcs: set[bytes]

    @property
    def ice(self) -> IceConnection:
        """The present ICE connection."""
        connection = self.transport._connection
        assert isinstance(connection, IceConnection)
        return connection

    def take_over_sockets(self, connection: IceConnection | None = None) -> None:
        """Read the sockets that ICE has opened, or one that is to replace it; call it after gathering."""
        ice = connection or self.ice
        ice.deliver = self.receive
        for protocol in ice._protocols:
            if protocol not in self._sockets:
                self._sockets.add(protocol)
                self._time_requests(protocol)
                udp.take_over(protocol, IceSocket.adopt(protocol).take)

    def _time_requests(self, protocol: StunProtocol) -> None:
        """Measure the round trip by connectivity and consent checks (RFC 7675, every 5 s)."""
        stock = protocol.request

        async def timed(
            request: Message,
            addr: tuple[str, int],
            integrity_key: bytes | None = None,
            retransmissions: int | None = None,
        ) -> tuple[Message, tuple[str, int]]:
            start = time.monotonic()
            answer = await stock(request, addr, integrity_key, retransmissions)
            elapsed = time.monotonic() - start
            if elapsed < STUN_RETRANSMISSION:
                self.round_trip.add(elapsed)
            return answer

        protocol.request = timed  # type: ignore[method-assign]

    def receive(self, data: bytes, arrival: int) -> None:
        """Take a datagram of the peer that is not STUN, and its arrival in µs of wall-clock time."""
        if not 0 < len(data) <= udp.MAX_DATAGRAM:
            return  # anybody could end the session with it: rtcdtlstransport.py:650, pylibsrtp's ValueError
        if 19 < data[0] < 64 and not acceptable(data, server=self._role == "server"):
            REFUSALS.add("dtls")
            return
        if self._rx_srtp is not None and 127 < data[0] < 192 and not is_rtcp(data):
            if self._state is State.CONNECTED:
                self._receive_srtp(data, arrival)
            return
        queue = self.transport._connection._queue
        if queue.qsize() < MAX_QUEUE:
            queue.put_nowait((data, 1))

    def _receive_srtp(self, data: bytes, arrival: int) -> None:
        self._RTCDtlsTransport__rx_bytes += len(data)
        self._RTCDtlsTransport__rx_packets += 1
        if not self._packets.take(1, time.monotonic()):
            REFUSALS.add("flood")
            return
        ssrc = data[8:12]
        if ssrc not in self._ssrcs and len(self._ssrcs) >= MAX_SSRCS:
            return
        try:
            plain = self._rx_srtp.unprotect(data)
        except pylibsrtp.Error:  # not authentic, or replayed
            return
        self._ssrcs.add(ssrc)
        self._deliver(plain, arrival)

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        # rtcdtlstransport.py:614: packets that came before the handshake was over.
        self._deliver(data, udp.now_us())

    async def _handle_rtcp_data(self, data: bytes) -> None:
        # rtcdtlstransport.py:602: a malformed packet raises struct.error, which ends the session; rtp.py:501 takes
        # transport-wide feedback for a NACK.
        feedback, data = transport_cc.split(data)
        for packet in feedback:
            self._take_feedback(packet)
        if not self._feedback_limit.allows(transport_cc.reading_cost(data), time.monotonic()):
            REFUSALS.add("flood")
            return
        try:
            for report in RtcpPacket.parse(data):
                for recipient in self._rtp_router.route_rtcp(report):
                    await recipient._handle_rtcp_packet(report)
        except (ValueError, struct.error, IndexError):
            REFUSALS.add("rtcp")

    def _take_feedback(self, packet: bytes) -> None:
        if not self._feedback_limit.allows(transport_cc.status_count(packet), time.monotonic()):
            return
        try:
            reports = self.sent.take(transport_cc.read_feedback(packet))
        except ValueError:
            REFUSALS.add("rtcp")
            return
        now = time.monotonic()
        lowered, bitrate = self.estimator.update(reports, now), self.estimator.bitrate
        self.pacer.limit(None if bitrate == NO_LIMIT else bitrate, now, self.sent.in_flight if lowered else 0)
        if lowered:
            senders: Iterable[Any] = self._rtp_router.senders.values()
            for sender in senders:
                if sender.narrowed():  # one stream tells it for the whole connection
                    break

    def _deliver(self, plain: bytes, arrival: int) -> None:
        if _extension_words(plain) > MAX_EXTENSION:
            REFUSALS.add("rtp")
            return
        try:
            packet = RtpPacket.parse(plain, self._rtp_header_extensions_map)
        except (ValueError, struct.error):
            REFUSALS.add("rtp")
            return
        number = packet.extensions.transport_sequence_number
        if number is not None:
            self._arrivals.add(number, arrival, packet.ssrc)
            if self._feedback_timer is None:
                loop = asyncio.get_running_loop()
                self._feedback_timer = loop.call_later(transport_cc.INTERVAL, self._send_feedback)
        receiver: Any = self._route(packet)
        if receiver is not None:
            receiver.receive_packet(packet)

    def _route(self, packet: RtpPacket) -> object | None:
        router = self._rtp_router
        if packet.ssrc not in router.ssrc_table and packet.extensions.mid is not None:
            # rtcdtlstransport.py:309 ignores the mid (RFC 9143 section 9.2), so an SSRC that the description
            # does not announce is lost as soon as two m-lines share a payload type.
            receiver = router.mid_table.get(packet.extensions.mid)
            if receiver is not None:
                router.ssrc_table[packet.ssrc] = receiver
        return router.route_rtp(packet)

    def _send_feedback(self) -> None:
        self._feedback_timer = None
        for packet in self._arrivals.feedback():
            self.send_rtcp(packet)

    @property
    def ready(self) -> bool:
        """Whether packets can be sent."""
        return self._state is State.CONNECTED and 1 in self._transport._connection._nominated

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and send one (compound) RTCP packet, or drop it: not connected, or socket full."""
        if self.ready:
            self._send([self._tx_srtp.protect_rtcp(packet)])

    @property
    def is_free(self) -> bool:
        """Whether a picture need not wait for the peer's line, which then need not be told of it."""
        return not self.pacer.limited and not self._paced

    def pace(self, size: int, send: Callable[[], None]) -> None:
        """Send a picture, of `size` bytes, once the peer's line has carried what was sent before."""
        now = time.monotonic()
        self._paced.put(send, self.pacer.take(size, now), now)

    def send_packets(self, packets: list[bytes]) -> None:
        """Encrypt and send RTP packets, or drop them where the socket is full. The transport must be `ready`."""
        pair = self._transport._connection._nominated[1]
        transport, session = pair.protocol.transport, self._tx_srtp
        if udp.is_congested(transport):
            return
        size = datagrams.send(session, transport, packets, pair.remote_addr)
        if size is None:
            self._send([session.protect(packet) for packet in packets])
            return
        self._RTCDtlsTransport__tx_bytes += size
        self._RTCDtlsTransport__tx_packets += len(packets)

    def _send(self, encrypted: list[bytes]) -> None:
        pair = self.transport._connection._nominated[1]
        transport = pair.protocol.transport
        if udp.is_congested(transport):
            return
        udp.send_all(transport, encrypted, pair.remote_addr)
        self._RTCDtlsTransport__tx_bytes += sum(map(len, encrypted))
        self._RTCDtlsTransport__tx_packets += len(encrypted)


def _extension_words(packet: bytes) -> int:
    """Return how long the header extension of an RTP packet claims to be, in words of four bytes (RFC 3550, 5.3.1)."""
    at = 14 + 4 * (packet[0] & 0x0F)
    return int.from_bytes(packet[at : at + 2], "big") if packet[0] & 0x10 else 0
