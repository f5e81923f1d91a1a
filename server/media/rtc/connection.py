"""RTCPeerConnection whose transports, senders and receivers are this package's.

Rules for offering one connection again and again (test_renegotiation.py has them):
add transceivers before createOffer and not between an offer and its answer; never stop one, but set its direction
to inactive and give it to the next participant, since aiortc never reuses the m-line of a stopped one; an msid
may change with each offer; `RtpSender.ready` is false from the answer that makes an m-line inactive to the one
that makes it sendonly again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpHeaderExtensionParameters
from aiortc.sdp import MediaDescription, SessionDescription

from . import transport_cc
from .addresses import ANY_PORT, IceConnection
from .dtls import Certificate, DtlsTransport
from .receiver import Receiver
from .sender import PacketSender
from .upstream import install

TRANSPORT_CC = RTCRtcpFeedback(type="transport-cc")
TRANSPORT_CC_ID = 4
"""aiortc has 1 to 3 (codecs/__init__.py:45)."""


def peer_connection(
    ice_servers: Sequence[RTCIceServer] = (), *, ports: tuple[int, int] = ANY_PORT, public_address: str = ""
) -> RTCPeerConnection:
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

    _RTCPeerConnection__dtlsTransports: set[DtlsTransport]

    ports = ANY_PORT
    public_address = ""

    def __init__(self, configuration: RTCConfiguration) -> None:
        super().__init__(configuration)
        self._RTCPeerConnection__certificates = [Certificate.generateCertificate()]

    def _RTCPeerConnection__createDtlsTransport(self) -> DtlsTransport:  # rtcpeerconnection.py:1122
        upstream: Any = super()
        stock = upstream._RTCPeerConnection__createDtlsTransport()
        IceConnection.adopt(stock.transport._connection, self.ports, self.public_address)
        return DtlsTransport.adopt(stock)

    def _RTCPeerConnection__createTransceiver(  # line 1181
        self, direction: str, kind: str, sender_track: MediaStreamTrack | None = None
    ) -> RTCRtpTransceiver:
        upstream: Any = super()
        transceiver: RTCRtpTransceiver = upstream._RTCPeerConnection__createTransceiver(
            direction, kind, sender_track
        )
        PacketSender.adopt(transceiver.sender)
        Receiver.adopt(transceiver.receiver)
        return transceiver

    async def _RTCPeerConnection__gather(self) -> None:  # line 1109
        upstream: Any = super()
        await upstream._RTCPeerConnection__gather()
        for transport in self._RTCPeerConnection__dtlsTransports:
            transport.take_over_sockets()

    async def createOffer(self) -> RTCSessionDescription:
        offer = await super().createOffer()
        return RTCSessionDescription(sdp=offer_transport_cc(offer.sdp), type=offer.type)

    async def setRemoteDescription(self, sessionDescription: RTCSessionDescription) -> None:
        await super().setRemoteDescription(sessionDescription)
        private: Any = self
        remote = private._RTCPeerConnection__remoteDescription()
        for transceiver in self.getTransceivers():
            index = transceiver._get_mline_index()
            wanted = transceiver.kind == "video" or transceiver._offerDirection in ("recvonly", "sendrecv")
            if index is not None and index < len(remote.media) and wanted:
                accept_transport_cc(transceiver, remote.media[index])
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


def accept_transport_cc(transceiver: RTCRtpTransceiver, remote: MediaDescription) -> None:
    """Agree on transport-wide feedback in place of REMB where the peer has it, for what comes and for video that goes.

    aiortc parses the header extension (rtp.py:97) but has no feedback (codecs/__init__.py:45-83); its own
    estimator sends REMB whether negotiated or not (rtcrtpreceiver.py:482), and keeps Chromium at 0.3 Mbit/s.
    """
    for extension in remote.rtp.headerExtensions:
        if extension.uri == transport_cc.URI and extension not in transceiver._headerExtensions:
            transceiver._headerExtensions.append(extension)
    offered = {codec.payloadType for codec in remote.rtp.codecs if TRANSPORT_CC in codec.rtcpFeedback}
    for codec in transceiver._codecs:
        if codec.payloadType in offered and not is_rtx(codec) and TRANSPORT_CC not in codec.rtcpFeedback:
            kept = [feedback for feedback in codec.rtcpFeedback if feedback.type != "goog-remb"]
            codec.rtcpFeedback = [*kept, TRANSPORT_CC]
