"""RTCPeerConnection whose transports, senders and receivers are this package's.

Rules for offering one connection again and again (test_renegotiation.py has them):
add transceivers before createOffer and not between an offer and its answer; never stop one, but set its direction
to inactive and give it to the next participant, since aiortc never reuses the m-line of a stopped one; an msid
may change with each offer; `RtpSender.ready` is false from the answer that makes an m-line inactive to the one
that makes it sendonly again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aioice.ice import Connection
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCCertificate,
    RTCConfiguration,
    RTCIceCandidate,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.codecs import HEADER_EXTENSIONS, is_rtx
from aiortc.rtcicetransport import RTCIceTransport
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpHeaderExtensionParameters
from aiortc.sdp import SessionDescription

from server.core.errors import SdpError

from . import transport_cc
from .addresses import ANY_PORT, IceConnection
from .dtls import Certificate, DtlsTransport
from .packet_sender import PacketSender
from .receiver import Receiver
from .sdp import (
    CARRIED,
    RemoteDescription,
    Section,
    agreed_codecs,
    agreed_extensions,
    complete_answer,
    is_mdns,
    match,
    read,
    to_aiortc,
    usable,
)
from .upstream import install

TRANSPORT_CC = RTCRtcpFeedback(type="transport-cc")
TRANSPORT_CC_ID = 4
"""aiortc has 1 to 3 (codecs/__init__.py:45)."""
MAX_RESOLVING = 8
"""Names of mDNS that are asked for at once; a browser has one for each of its addresses."""


def peer_connection(
    ice_servers: Sequence[RTCIceServer] = (), *, ports: tuple[int, int] = ANY_PORT, public_address: str = ""
) -> PeerConnection:
    """Return a connection for `receive_video`, `receive_audio` and `RtpSender`, everything on one transport.

    Without servers there are only host candidates: aiortc's default asks a public STUN server. MAX_BUNDLE
    because BALANCED loses the second audio m-line when the first is video (rtcpeerconnection.py:1193, 1020).
    `ports` are the first and last UDP port to bind; `public_address` is announced besides the host's own.
    """
    install()
    servers = list(ice_servers)
    connection = PeerConnection(RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    connection.ports, connection.public_address = ports, public_address
    return connection


def set_stream_id(transceiver: RTCRtpTransceiver, stream_id: str) -> None:
    """Set the msid of the next offer or answer; one id per participant.

    Browsers play streams with one id in sync, and aiortc gives all senders of a connection the same one
    (rtcpeerconnection.py:1211), so that everybody waits for everybody.
    """
    transceiver.sender._stream_id = stream_id


class PeerConnection(RTCPeerConnection):
    """Lets aiortc construct its objects and makes them ours."""

    _RTCPeerConnection__certificates: list[RTCCertificate]
    _RTCPeerConnection__dtlsTransports: set[DtlsTransport]

    ports = ANY_PORT
    public_address = ""

    def __init__(self, configuration: RTCConfiguration) -> None:
        super().__init__(configuration)
        for certificate in self._RTCPeerConnection__certificates:
            certificate.__class__ = Certificate
        self.remote: RemoteDescription | None = None
        """What the peer has said last, and how it was understood."""
        self._resolving: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    def _RTCPeerConnection__createDtlsTransport(self) -> DtlsTransport:  # rtcpeerconnection.py:1122
        upstream: Any = super()
        stock = upstream._RTCPeerConnection__createDtlsTransport()
        self.adopt_ice(stock.transport._connection)
        return DtlsTransport.adopt(stock)

    def adopt_ice(self, connection: Connection) -> None:
        """Have a connection of aioice obey this one's limits, ports and public address."""
        IceConnection.bind(connection, self.ports, self.public_address)

    def _RTCPeerConnection__createTransceiver(  # line 1181
        self, direction: str, kind: str, sender_track: MediaStreamTrack | None = None
    ) -> RTCRtpTransceiver:
        upstream: Any = super()
        transceiver: RTCRtpTransceiver = upstream._RTCPeerConnection__createTransceiver(
            direction, kind, sender_track
        )
        PacketSender.adopt(transceiver.sender)
        Receiver.adopt(transceiver.receiver)
        capabilities = RTCRtpReceiver.getCapabilities(kind)
        assert capabilities is not None
        carried = (*CARRIED[kind], "rtx")
        transceiver.setCodecPreferences([c for c in capabilities.codecs if c.name.lower() in carried])
        return transceiver

    async def _RTCPeerConnection__gather(self) -> None:  # line 1109
        upstream: Any = super()
        await upstream._RTCPeerConnection__gather()
        for transport in self._RTCPeerConnection__dtlsTransports:
            transport.take_over_sockets()

    async def createOffer(self) -> RTCSessionDescription:
        offer = await super().createOffer()
        return RTCSessionDescription(sdp=offer_transport_cc(offer.sdp), type=offer.type)

    @property
    def localDescription(self) -> RTCSessionDescription:
        """The offer or answer to send, with the sections that were rejected."""
        local = super().localDescription
        if local is None or local.type != "answer" or self.remote is None:
            return local
        return RTCSessionDescription(complete_answer(local.sdp, self.remote), "answer")

    async def setRemoteDescription(
        self, sessionDescription: RTCSessionDescription | RemoteDescription
    ) -> None:
        """Take an offer or answer, read already or not; raise SdpError."""
        remote = sessionDescription
        if isinstance(remote, RTCSessionDescription):
            remote = read(remote.sdp, remote.type)
        if remote.type == "answer":
            private: Any = self
            local = private._RTCPeerConnection__localDescription()
            if local is None or local.type != "offer":
                raise SdpError("There is no offer to answer.")
            remote = match(remote, local.media, None if self.remote is None else self.remote.transport)
        await super().setRemoteDescription(to_aiortc(remote))
        # Nothing is awaited before that is set: the connection that aiortc has begun to make reads it.
        self.remote = remote
        transceivers = {transceiver.mid: transceiver for transceiver in self.getTransceivers()}
        for section in remote.carried:
            _agree(transceivers[section.mid], section)
        await asyncio.sleep(0)  # the event loop has others to serve
        await self._add_remote_candidates(remote)

    async def addIceCandidate(self, candidate: RTCIceCandidate | None) -> None:
        """Take a candidate for what is carried, or None after the last; others are passed over."""
        if self.remote is None or not self.getTransceivers():
            return
        if candidate is None:
            await self._ice.addRemoteCandidate(None)
            return
        section = self.remote.section(candidate.sdpMid, candidate.sdpMLineIndex)
        if section is not None and section.carried and usable(candidate):
            await self._add_remote_candidate(candidate)

    @property
    def _ice(self) -> RTCIceTransport:
        """The transport of everything."""
        transport: RTCIceTransport = self.getTransceivers()[0].receiver.transport.transport
        return transport

    async def _add_remote_candidates(self, remote: RemoteDescription) -> None:
        assert remote.transport is not None
        for candidate in remote.transport.candidates:
            await self._add_remote_candidate(candidate)
        if remote.transport.complete:
            await self._ice.addRemoteCandidate(None)

    async def _add_remote_candidate(self, candidate: RTCIceCandidate) -> None:
        """Add a candidate; the name of an mDNS one is asked for while the rest goes on."""
        if not is_mdns(candidate):
            await self._ice.addRemoteCandidate(candidate)
        elif len(self._resolving) < MAX_RESOLVING:
            task = asyncio.get_running_loop().create_task(self._resolve(candidate))
            self._resolving.add(task)
            task.add_done_callback(self._resolving.discard)
            await asyncio.sleep(0)  # an end of candidates that follows must find it begun

    async def _resolve(self, candidate: RTCIceCandidate) -> None:
        with suppress(OSError, ValueError):  # no multicast here, or no such name
            await self._ice.addRemoteCandidate(candidate)

    async def close(self) -> None:
        """End it, once; it goes on where whoever waits for that is cancelled.

        aiortc's own (rtcpeerconnection.py:516) would stop half-way then, and cancel all who wait later.
        """
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        for task in tuple(self._resolving):
            task.cancel()
        await asyncio.gather(*self._resolving, return_exceptions=True)
        await super().close()


def _agree(transceiver: RTCRtpTransceiver, section: Section) -> None:
    """Set what both sides have: codecs under the peer's payload types, feedback, header extensions.

    Transport-wide feedback takes the place of REMB where the peer has it, for what comes and for video that goes:
    aiortc parses the header extension (rtp.py:97) but has no feedback (codecs/__init__.py:45-83); its own estimator
    sends REMB whether negotiated or not (rtcrtpreceiver.py:482), and keeps Chromium at 0.3 Mbit/s.
    """
    feedback = transceiver.kind == "video" or transceiver._offerDirection in ("recvonly", "sendrecv")
    known = [extension.uri for extension in HEADER_EXTENSIONS[transceiver.kind]]
    transceiver._codecs = agreed_codecs(section, transport_cc=feedback)
    transceiver._headerExtensions = agreed_extensions(section, known + [transport_cc.URI] * feedback)
    if isinstance(transceiver.receiver, Receiver):
        transceiver.receiver.parameter_sets = section.parameter_sets
        transceiver.receiver.layered = section.layered
    if isinstance(transceiver.sender, PacketSender):
        transceiver.sender.negotiated(transceiver._codecs)


def offer_transport_cc(sdp: str) -> str:
    """Return an offer with transport-wide feedback for the video that it sends, besides REMB."""
    description = SessionDescription.parse(sdp)
    for media in description.media:
        if media.kind == "video" and media.direction in ("sendonly", "sendrecv"):
            media.rtp.headerExtensions.append(
                RTCRtpHeaderExtensionParameters(id=TRANSPORT_CC_ID, uri=transport_cc.URI)
            )
            for codec in media.rtp.codecs:
                if not is_rtx(codec):
                    codec.rtcpFeedback.append(TRANSPORT_CC)
    return str(description)
