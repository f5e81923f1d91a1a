"""Between what a peer says and what aiortc parses and writes, which knows no section that is rejected.

aiortc is told of the sections that are carried, each with one codec that it accepts; the codecs and extensions that
are agreed on are PeerConnection's to set. Its answer gets the rejected sections back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aiortc import RTCSessionDescription
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
)
from aiortc.sdp import GroupDescription, MediaDescription, SessionDescription, SsrcDescription

from server.core.errors import SdpError, UnsupportedSdpError
from server.media.codec.frames import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE

from .description import RemoteDescription, Section, Transport

STAND_IN = {
    "audio": RTCRtpCodecParameters("audio/opus", AUDIO_CLOCK_RATE, 2, 96),
    "video": RTCRtpCodecParameters("video/VP8", VIDEO_CLOCK_RATE, None, 97),
}
"""What aiortc always finds in its own list (codecs/__init__.py:36, 148)."""
ANY_HOST, DISCARD_PORT, PROTOCOL = "0.0.0.0", 9, "UDP/TLS/RTP/SAVPF"  # RFC 8829, 5.2.1; RFC 5764, 8
TRANSPORT_CC = RTCRtcpFeedback(type="transport-cc")
REMB = RTCRtcpFeedback(type="goog-remb")


def to_aiortc(description: RemoteDescription) -> RTCSessionDescription:
    """Write the carried sections as aiortc's parser takes them, without candidates."""
    session = SessionDescription()
    session.origin = f"- 0 0 IN IP4 {ANY_HOST}"
    session.group = [GroupDescription("BUNDLE", [section.mid for section in description.carried])]
    if description.transport is not None:
        session.media = [_media(section, description.transport) for section in description.carried]
    return RTCSessionDescription(str(session), description.type)


def _media(section: Section, transport: Transport) -> MediaDescription:
    codec = STAND_IN[section.kind]
    media = MediaDescription(section.kind, DISCARD_PORT, PROTOCOL, [codec.payloadType])
    media.host = media.rtcp_host = ANY_HOST
    media.rtcp_port, media.rtcp_mux = DISCARD_PORT, True
    media.direction = section.direction
    media.rtp = RTCRtpParameters(codecs=[codec], muxId=section.mid)
    media.ssrc = [SsrcDescription(ssrc, cname="-") for ssrc in section.ssrcs]
    media.ice, media.dtls = transport.ice, transport.dtls
    return media


def agreed_codecs(section: Section, *, transport_cc: bool) -> list[RTCRtpCodecParameters]:
    """Return the codecs of a section with the feedback that both sides know: transport-wide, or REMB."""
    codecs = []
    for codec in section.codecs:
        unwanted = TRANSPORT_CC if not transport_cc or TRANSPORT_CC not in codec.rtcpFeedback else REMB
        codecs.append(replace(codec, rtcpFeedback=[f for f in codec.rtcpFeedback if f != unwanted]))
    return codecs


def agreed_extensions(section: Section, known: Sequence[str]) -> list[RTCRtpHeaderExtensionParameters]:
    """Return the header extensions of a section that are known, by URI."""
    return [extension for extension in section.extensions if extension.uri in known]


def match(
    answer: RemoteDescription, offer: Sequence[MediaDescription], before: Transport | None
) -> RemoteDescription:
    """Return an answer section by section as our offer has it: a rejected one is inactive.

    `before` is the transport of an earlier answer. Raises SdpError.
    """
    if len(answer.sections) != len(offer):
        raise SdpError(f"The answer has {len(answer.sections)} sections, and the offer has {len(offer)}.")
    transport = answer.transport or before
    if transport is None:
        raise UnsupportedSdpError("The answer accepts nothing.")
    sections = tuple(_match(section, media) for section, media in zip(answer.sections, offer, strict=True))
    return replace(answer, sections=sections, transport=transport)


def _match(section: Section, media: MediaDescription) -> Section:
    if section.kind != media.kind or (section.named and section.mid != media.rtp.muxId):
        raise SdpError("The sections of the answer are not those of the offer.")
    section = replace(section, mid=media.rtp.muxId)
    if section.carried:
        return section
    return replace(section, direction="inactive", codecs=tuple(media.rtp.codecs), problem="")


def complete_answer(answer: str, offer: RemoteDescription) -> str:
    """Return aiortc's answer to `to_aiortc(offer)` as an answer to the offer itself (RFC 3264, section 6)."""
    session, *written = answer.split("\r\nm=")
    head = [line for line in session.split("\r\n") if not line.startswith("a=group:")]
    if offer.bundled:
        head.insert(
            4, "a=group:BUNDLE " + " ".join(section.mid for section in offer.carried)
        )  # after v, o, s, t
    accepted = iter(written)
    lines = ["\r\n".join(head)]
    for section in offer.sections:
        lines.append(_accepted(next(accepted), section) if section.carried else _rejected(section))
    return "\r\nm=".join(lines).rstrip("\r\n") + "\r\n"


def _accepted(text: str, section: Section) -> str:
    first, *rest = text.rstrip("\r\n").split("\r\n")
    kind, port, _, formats = first.split(" ", 3)
    if not section.named:
        rest = [line for line in rest if not line.startswith("a=mid:")]
    return "\r\n".join([f"{kind} {port} {section.protocol} {formats}", *rest])


def _rejected(section: Section) -> str:
    lines = [f"{section.kind} 0 {section.protocol} {section.format}", f"c=IN IP4 {ANY_HOST}"]
    if section.named:
        lines.append(f"a=mid:{section.mid}")
    if section.kind in STAND_IN:
        lines.append("a=inactive")
    return "\r\n".join(lines)
