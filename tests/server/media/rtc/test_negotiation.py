"""What is negotiated with a stock aiortc peer that publishes: feedback, certificates, routing."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdtlstransport import RTCCertificate, SRTPProtectionProfile, generate_certificate
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, is_rtcp
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL

from server.media import rtc
from server.media.rtc import transport_cc
from server.media.rtc.bandwidth_estimator import NO_LIMIT

Negotiate = Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[None]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


async def answer(client: RTCPeerConnection, server: RTCPeerConnection) -> None:
    await server.setLocalDescription(await server.createAnswer())
    await client.setRemoteDescription(server.localDescription)


def with_transport_cc(offer: RTCSessionDescription) -> RTCSessionDescription:
    """Return the offer as a browser would make it."""
    lines = []
    for line in offer.sdp.splitlines():
        lines.append(line)
        if line.startswith("m="):
            media = line
        elif line.startswith("a=mid:"):
            lines.append(f"a=extmap:5 {transport_cc.URI}")
        elif line.startswith("a=rtpmap:97 VP8") or (line.startswith("a=rtpmap:96 opus") and "audio" in media):
            lines.append(f"a=rtcp-fb:{line[9:11]} transport-cc")
    return RTCSessionDescription("\r\n".join(lines) + "\r\n", "offer")


async def test_upstream_is_answered_with_transport_cc(
    stock: RTCPeerConnection, ours: RTCPeerConnection, camera: MediaStreamTrack
) -> None:
    stock.addTrack(camera)
    stock.addTransceiver("audio", direction="sendonly")
    await stock.setLocalDescription(await stock.createOffer())
    await ours.setRemoteDescription(with_transport_cc(stock.localDescription))
    sdp = (await ours.createAnswer()).sdp
    assert sdp.count(f"a=extmap:5 {transport_cc.URI}") == 2
    assert "a=rtcp-fb:97 transport-cc" in sdp
    assert "a=rtcp-fb:96 transport-cc" in sdp
    assert "a=rtcp-fb:97 goog-remb" not in sdp
    assert "a=rtcp-fb:97 nack pli" in sdp


async def test_without_transport_cc_in_the_offer_there_is_none_in_the_answer(
    stock: RTCPeerConnection, ours: RTCPeerConnection, camera: MediaStreamTrack
) -> None:
    stock.addTrack(camera)
    await stock.setLocalDescription(await stock.createOffer())
    await ours.setRemoteDescription(stock.localDescription)
    sdp = (await ours.createAnswer()).sdp
    assert "transport-cc" not in sdp
    assert transport_cc.URI not in sdp


@pytest.mark.parametrize("offers", [True, False])
async def test_video_that_goes_out_is_measured_by_the_peers_feedback(
    ours: RTCPeerConnection,
    other: RTCPeerConnection,
    negotiate: Negotiate,
    until: Until,
    clip: list[bytes],
    offers: bool,
) -> None:
    if offers:
        transceiver = ours.addTransceiver("video", direction="sendonly")
        ours.addTransceiver("audio", direction="sendonly")
        await negotiate(ours, other)
        offer = ours.localDescription.sdp
    else:
        other.addTransceiver("video", direction="recvonly")
        await other.setLocalDescription(await other.createOffer())
        offer = with_transport_cc(other.localDescription).sdp
        await ours.setRemoteDescription(with_transport_cc(other.localDescription))
        transceiver = ours.getTransceivers()[0]
        transceiver.direction = "sendonly"
        await answer(other, ours)
        assert "transport-cc" in ours.localDescription.sdp
    video = offer[offer.index("m=video") :].split("m=audio")[0]
    assert video.count(transport_cc.URI) == 1
    assert "transport-cc" in video
    assert "transport-cc" not in offer.replace(video, "")
    sender = rtc.RtpSender(transceiver)
    await until(lambda: sender.ready)
    assert sender.stats.bandwidth is None
    for i in range(3):
        sender.send(rtc.packetize_vp8(clip[i], i), 3000 * i)
    await until(lambda: sender.stats.bandwidth == NO_LIMIT)


async def test_a_peer_without_feedback_gets_no_numbers(
    ours: RTCPeerConnection, stock: RTCPeerConnection, negotiate: Negotiate, until: Until, clip: list[bytes]
) -> None:
    sender = rtc.RtpSender(ours.addTransceiver("video", direction="sendonly"))
    await negotiate(ours, stock)
    assert "transport-cc" not in stock.localDescription.sdp
    await until(lambda: sender.ready)
    sender.send(rtc.packetize_vp8(clip[0], 0), 0)
    transport: Any = stock.getReceivers()[0].transport
    await until(lambda: transport._RTCDtlsTransport__rx_packets > 0)
    assert sender.stats.bandwidth is None


def number_packets(client: RTCPeerConnection) -> None:
    """Make a stock sender write transport-wide sequence numbers."""
    extensions = HeaderExtensionsMap()
    parameters: Any = type("", (), {})
    parameters.headerExtensions = [RTCRtpHeaderExtensionParameters(id=5, uri=transport_cc.URI)]
    extensions.configure(parameters)
    transport = client.getSenders()[0].transport
    send, count = transport._send_rtp, iter(range(0xFFF0, 0x20000))

    async def numbered(data: bytes) -> None:
        if not is_rtcp(data):
            packet = RtpPacket.parse(data)
            packet.extensions.transport_sequence_number = next(count) & 0xFFFF
            data = packet.serialize(extensions)
        await send(data)

    transport._send_rtp = numbered  # type: ignore[method-assign]


async def test_feedback_reaches_the_sender(
    stock: RTCPeerConnection, ours: RTCPeerConnection, camera: MediaStreamTrack, until: Until
) -> None:
    stock.addTrack(camera)
    await stock.setLocalDescription(await stock.createOffer())
    await ours.setRemoteDescription(with_transport_cc(stock.localDescription))
    frames: list[rtc.EncodedFrame] = []
    rtc.receive_video(ours.getReceivers()[0], frames.append)
    await answer(stock, ours)
    number_packets(stock)
    received: list[bytes] = []
    transport = stock.getSenders()[0].transport

    async def keep(data: bytes) -> None:
        received.append(data)

    transport._handle_rtcp_data = keep  # type: ignore[method-assign]
    await until(lambda: len([packet for packet in received if packet[1] == 205 and packet[0] & 31 == 15]) > 2)
    feedback = [packet for packet in received if packet[1] == 205 and packet[0] & 31 == 15]
    media_ssrcs = {struct.unpack_from("!L", packet, 8)[0] for packet in feedback}
    assert media_ssrcs == {stock.getSenders()[0]._ssrc}
    bases = [struct.unpack_from("!HH", packet, 12) for packet in feedback]
    for (base, count), (following, _) in pairwise(bases):
        assert (base + count) & 0xFFFF == following
    assert frames


class RsaCertificate(RTCCertificate):
    """The certificate of a peer such as GStreamer, which has no ECDSA key and speaks DTLS 1.2."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
        context.set_max_proto_version(0xFEFD)
        return context


@pytest.fixture(scope="session")
def rsa_certificate() -> RTCCertificate:
    key: Any = rsa.generate_private_key(65537, 2048)
    return RsaCertificate(key, generate_certificate(key))


@pytest.mark.parametrize("server_offers", [False, True])
async def test_a_peer_with_an_rsa_certificate_connects(
    stock: RTCPeerConnection,
    ours: RTCPeerConnection,
    rsa_certificate: RTCCertificate,
    negotiate: Negotiate,
    server_offers: bool,
) -> None:
    private: Any = stock
    private._RTCPeerConnection__certificates = [rsa_certificate]
    if server_offers:
        ours.addTransceiver("video", direction="sendonly")
        await negotiate(ours, stock)
    else:
        stock.addTransceiver("video", direction="sendonly")
        await negotiate(stock, ours)


async def test_an_unannounced_ssrc_is_found_by_its_mid(
    stock: RTCPeerConnection, ours: RTCPeerConnection, camera: MediaStreamTrack, until: Until
) -> None:
    """Two m-lines with the same payload types, and a description without a=ssrc."""
    stock.addTransceiver("video", direction="sendonly")
    stock.addTransceiver(camera, direction="sendonly")
    await stock.setLocalDescription(await stock.createOffer())
    lines = stock.localDescription.sdp.splitlines()
    anonymous = "\r\n".join(line for line in lines if not line.startswith("a=ssrc")) + "\r\n"
    await ours.setRemoteDescription(RTCSessionDescription(anonymous, "offer"))
    frames: list[rtc.EncodedFrame] = []
    rtc.receive_video(ours.getReceivers()[1], frames.append)
    await answer(stock, ours)
    await until(lambda: len(frames) > 3)
