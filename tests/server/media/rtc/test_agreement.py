"""What is agreed on with a peer, and what comes of it: codecs, rejected sections, parameter sets, layers."""

from __future__ import annotations

import base64
import fractions
from collections.abc import Awaitable, Callable
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.rtp import RtpPacket
from av.video.codeccontext import VideoCodecContext

from server.core.errors import SdpError
from server.media import rtc
from server.media.rtc import receiver as receiver_module
from server.media.rtc.receiver import Receiver
from server.media.rtc.sdp import read

Until = Callable[[Callable[[], object]], Awaitable[None]]
OFFERS = Path(__file__).parent / "offers"
H264_FMTP = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"


async def offered(connection: RTCPeerConnection, *kinds: str) -> str:
    for kind in kinds:
        connection.addTransceiver(kind, direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    return str(connection.localDescription.sdp)


async def answered(connection: RTCPeerConnection, offer: str) -> str:
    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    return str(connection.localDescription.sdp)


def codecs(sdp: str) -> set[str]:
    return {line.split()[1] for line in sdp.splitlines() if line.startswith("a=rtpmap:")}


async def test_only_what_is_carried_is_offered(ours: RTCPeerConnection) -> None:
    assert codecs(await offered(ours, "audio", "video")) == {
        "opus/48000/2", "VP8/90000", "H264/90000", "rtx/90000"
    }  # fmt: skip


async def test_what_is_not_carried_is_not_agreed_on(
    ours: RTCPeerConnection, stock: RTCPeerConnection
) -> None:
    """As in a Janus room for G.711, whose answer has other codecs only: the section is rejected."""
    offer = await offered(ours, "audio", "video")
    answer = (await answered(stock, offer)).replace("a=rtpmap:96 opus/48000/2", "a=rtpmap:96 PCMA/8000")
    await ours.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    audio, video = ours.getTransceivers()
    assert (audio.currentDirection, video.currentDirection) == ("inactive", "sendonly")


async def test_a_section_that_the_answer_rejects_is_inactive_and_the_others_are_not(
    ours: RTCPeerConnection, stock: RTCPeerConnection, until: Until
) -> None:
    offer = await offered(ours, "audio", "video")
    session, audio, video = (await answered(stock, offer)).split("m=")
    audio = "audio 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:0\r\n"
    answer = "m=".join([session.replace("BUNDLE 0 1", "BUNDLE 1"), audio, video])
    await ours.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    first, second = ours.getTransceivers()
    assert (first.currentDirection, second.currentDirection) == ("inactive", "sendonly")
    sender = rtc.RtpSender(second)
    await until(lambda: sender.ready)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda sdp: sdp[: sdp.index("m=video")].replace("BUNDLE 0 1", "BUNDLE 0"), "has 1 sections"),
        (lambda sdp: sdp.replace("a=mid:1", "a=mid:7").replace("BUNDLE 0 1", "BUNDLE 0 7"), "not those of"),
        (lambda sdp: sdp.replace("a=setup:active", "a=setup:holdconn"), "setup attribute"),
        (lambda sdp: sdp.replace("m=audio 9", "m=audio 0").replace("m=video", "m=audio"), "not those of"),
        (lambda sdp: sdp.replace("m=audio ", "m=audio 0 X Y\r\nm=text "), "has 3 sections"),
    ],
)
async def test_an_answer_to_another_offer_is_refused(
    ours: RTCPeerConnection, stock: RTCPeerConnection, change: Callable[[str], str], said: str
) -> None:
    answer = change(await answered(stock, await offered(ours, "audio", "video")))
    with pytest.raises(SdpError, match=said):
        await ours.setRemoteDescription(RTCSessionDescription(answer, "answer"))


async def test_an_answer_to_nothing_is_refused(ours: RTCPeerConnection, stock: RTCPeerConnection) -> None:
    answer = await offered(stock, "video")
    with pytest.raises(SdpError, match="no offer"):
        await ours.setRemoteDescription(RTCSessionDescription(answer, "answer"))


async def test_what_can_be_sent_is_chosen_whatever_comes_first(
    ours: RTCPeerConnection, stock: RTCPeerConnection
) -> None:
    """H.264 in single NAL units only (packetization mode 0) can be received, and not sent."""
    stock.addTransceiver("video", direction="recvonly").setCodecPreferences(
        [c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType == "video/H264"]
    )
    await stock.setLocalDescription(await stock.createOffer())
    sdp = stock.localDescription.sdp.replace("packetization-mode=1", "packetization-mode=0", 1)
    await ours.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    (transceiver,) = ours.getTransceivers()
    transceiver.direction = "sendonly"
    types = [codec.payloadType for codec in transceiver._codecs]
    assert transceiver.sender.codec.payloadType == types[1]  # type: ignore[attr-defined]


async def test_h264_is_sent_as_baseline_where_that_is_offered(ours: RTCPeerConnection) -> None:
    offer = (OFFERS / "safari-ios.sdp").read_bytes().decode()
    await ours.setRemoteDescription(RTCSessionDescription(offer.replace("sendrecv", "recvonly"), "offer"))
    video = ours.getTransceivers()[1].sender
    assert video.codec.parameters["profile-level-id"] == "42e01f"  # type: ignore[attr-defined]


def keyframe_without_parameter_sets() -> tuple[bytes, bytes]:
    """Return the parameter sets (Annex B) and the NAL unit of a grey keyframe, as a camera may keep them apart."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuv420p"
    encoder.time_base = fractions.Fraction(1, 30)
    encoder.options = {"tune": "zerolatency", "x264-params": "repeat-headers=1:annexb=1:sliced-threads=0"}
    frame = av.VideoFrame.from_ndarray(np.full((96, 64), 90, np.uint8), "yuv420p")
    data = b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
    units = [unit for part in data.split(b"\0\0\0\1") for unit in part.split(b"\0\0\1") if unit]
    sets = b"".join(b"\0\0\0\1" + unit for unit in units if unit[0] & 0x1F in (7, 8))
    (key,) = (unit for unit in units if unit[0] & 0x1F == 5)
    return sets, key


async def test_parameter_sets_that_come_in_the_description_only_are_given_to_the_decoder(
    ours: RTCPeerConnection, stock: RTCPeerConnection
) -> None:
    sets, key = keyframe_without_parameter_sets()
    units = sets.split(b"\0\0\0\1")[1:]
    sprop = ",".join(base64.b64encode(unit).decode() for unit in units)
    sdp = (await offered(stock, "video")).replace(H264_FMTP, f"{H264_FMTP}; sprop-parameter-sets={sprop}")
    answer = await answered(ours, sdp)
    assert "sprop" not in answer
    receiver = ours.getReceivers()[0]
    assert isinstance(receiver, Receiver)
    frames: list[rtc.EncodedFrame] = []
    rtc.receive_video(receiver, frames.append)
    (payload_type,) = receiver.parameter_sets
    for codec in ours.getTransceivers()[0]._codecs:
        receiver._RTCRtpReceiver__codecs[codec.payloadType or 0] = codec
    receiver._enabled = True
    receiver.receive_packet(RtpPacket(payload_type, 1, 1, 0, 7, key))
    receiver.receive_packet(RtpPacket(payload_type, 1, 2, 3000, 7, units[0]))
    assert frames[0].data == sets + b"\0\0\0\1" + key
    (picture,) = av.CodecContext.create("h264", "r").decode(av.Packet(frames[0].data))
    assert isinstance(picture, av.VideoFrame)
    assert (picture.width, picture.height) == (64, 64)


async def test_of_layers_that_nobody_asked_for_one_is_taken(
    ours: RTCPeerConnection,
    stock: RTCPeerConnection,
    camera: MediaStreamTrack,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stock.addTrack(camera)
    await stock.setLocalDescription(await stock.createOffer())
    sdp = stock.localDescription.sdp + "a=rid:0 send\r\na=rid:1 send\r\na=simulcast:send 0;1\r\n"
    assert read(sdp, "offer").sections[0].layered
    await ours.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    receiver = ours.getReceivers()[0]
    assert isinstance(receiver, Receiver)
    frames: list[rtc.EncodedFrame] = []
    rtc.receive_video(receiver, frames.append)
    await ours.setLocalDescription(await ours.createAnswer())
    await stock.setRemoteDescription(ours.localDescription)
    await until(lambda: len(frames) > 3)
    other = RtpPacket(97, 1, 7, 12_345, 99, rtc.packetize_vp8(bytes(10), 0)[0])
    receiver.receive_packet(other)
    assert bytes(10) not in {frame.data for frame in frames}
    monkeypatch.setattr(receiver_module, "LAYER_SILENCE", 0.0)
    receiver.receive_packet(other)
    assert frames[-1].data == bytes(10)
    monkeypatch.setattr(receiver_module, "LAYER_SILENCE", 60.0)
    repeated = b"\0\1" + rtc.packetize_vp8(bytes(11), 0)[0]
    receiver.receive_packet(RtpPacket(98, 1, 1, 23_456, stock.getSenders()[0]._rtx_ssrc, repeated))
    receiver.receive_packet(RtpPacket(97, 1, 8, 15_345, 99, rtc.packetize_vp8(b"\1" * 12, 1)[0]))
    assert [frame.data for frame in frames[-2:]] == [bytes(10), b"\1" * 12]


async def test_retransmissions_are_found_without_announced_streams(
    ours: RTCPeerConnection, stock: RTCPeerConnection, camera: MediaStreamTrack, until: Until
) -> None:
    stock.addTrack(camera)
    await stock.setLocalDescription(await stock.createOffer())
    lines = [line for line in stock.localDescription.sdp.splitlines() if not line.startswith("a=ssrc")]
    await ours.setRemoteDescription(RTCSessionDescription("\r\n".join(lines) + "\r\n", "offer"))
    receiver = ours.getReceivers()[0]
    assert isinstance(receiver, Receiver)
    frames: list[rtc.EncodedFrame] = []
    video = rtc.receive_video(receiver, frames.append)
    await ours.setLocalDescription(await ours.createAnswer())
    await stock.setRemoteDescription(ours.localDescription)
    await until(lambda: len(frames) > 3)
    take, lost = receiver.receive_packet, iter([True])

    def lose_one(packet: RtpPacket) -> None:
        if packet.payload_type != 97 or not next(lost, False):
            take(packet)

    receiver.receive_packet = lose_one  # type: ignore[method-assign]
    await until(lambda: video.stats.repaired)
    assert video.stats.lost == 0
