"""Media of a stock aiortc peer, received by our connection."""

from __future__ import annotations

import asyncio
import fractions
import random
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import av
import pytest
from aiortc import AudioStreamTrack, MediaStreamTrack, RTCPeerConnection
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpRtpfbPacket, RtpPacket

from server.media import rtc
from server.media.rtc import udp
from server.media.rtc.receive_buffer import CAPACITY
from server.media.rtc.receiver import Receiver

Until = Callable[[Callable[[], object]], Awaitable[None]]


class Opus(MediaStreamTrack):
    """Opus packets without an encoder."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def recv(self) -> av.Packet[Any]:
        await asyncio.sleep(0.002)
        packet = av.Packet(b"opus %d" % self.count)
        packet.pts, packet.time_base = 960 * self.count, fractions.Fraction(1, 48_000)
        self.count += 1
        return packet


def video_of(connection: RTCPeerConnection) -> tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]]:
    """Receive the video that has just been negotiated."""
    frames: list[rtc.EncodedFrame] = []
    return rtc.receive_video(receiver_of(connection), frames.append), frames


def receiver_of(connection: RTCPeerConnection) -> Receiver:
    receiver = connection.getReceivers()[0]
    assert isinstance(receiver, Receiver)
    return receiver


async def offer_to(client: RTCPeerConnection, server: RTCPeerConnection) -> None:
    await client.setLocalDescription(await client.createOffer())
    await server.setRemoteDescription(client.localDescription)


async def answer(client: RTCPeerConnection, server: RTCPeerConnection) -> None:
    await server.setLocalDescription(await server.createAnswer())
    await client.setRemoteDescription(server.localDescription)


@pytest.fixture
async def publishing(
    stock: RTCPeerConnection, ours: RTCPeerConnection, camera: MediaStreamTrack, until: Until
) -> tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]]:
    """Publish a camera from `stock`, and wait until it arrives at `ours`."""
    stock.addTrack(camera)
    await offer_to(stock, ours)
    video, frames = video_of(ours)
    await answer(stock, ours)
    await until(lambda: len(frames) > 3)
    return video, frames


def drop(connection: RTCPeerConnection, lost: Callable[[RtpPacket], bool]) -> None:
    """Lose the packets of which `lost` is true on their way into the receiver."""
    receiver = receiver_of(connection)
    take = receiver.receive_packet
    receiver.receive_packet = (  # type: ignore[method-assign]
        lambda packet: None if lost(packet) else take(packet)
    )


async def test_frames_arrive_encoded_and_decode(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]], until: Until
) -> None:
    video, frames = publishing
    await until(lambda: len(frames) >= 12)
    assert [frame.keyframe for frame in frames[:3]] == [True, False, False]
    assert [round(frame.timestamp / 3000) for frame in frames] == list(range(len(frames)))
    assert {frame.codec for frame in frames} == {"VP8"}
    decoder = av.CodecContext.create("libvpx", "r")
    pictures = [picture for frame in frames for picture in decoder.decode(av.Packet(frame.data))]
    assert len(pictures) == len(frames)
    stats = video.stats
    assert (stats.frames, stats.lost, stats.nacks, stats.gave_up) == (len(frames), 0, 0, 0)
    assert stats.packets >= len(frames)
    assert 0 < stats.rtt < 0.05  # connectivity checks measure it


async def test_no_decoder_thread_is_started(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]], ours: RTCPeerConnection
) -> None:
    assert not [thread for thread in threading.enumerate() if thread.name.endswith("-decoder")]
    track = receiver_of(ours).track
    await ours.close()
    assert track.readyState == "ended"


async def test_a_lost_packet_is_asked_for_and_comes_over_rtx(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]], ours: RTCPeerConnection, until: Until
) -> None:
    video, frames = publishing
    remaining = [3]

    def every_other(packet: RtpPacket) -> bool:
        if packet.payload_type == 97 and packet.sequence_number % 2 and remaining[0]:
            remaining[0] -= 1
            return True
        return False

    drop(ours, every_other)
    await until(lambda: not remaining[0] and video.stats.nacks >= 3)
    before = len(frames)
    await until(lambda: len(frames) > before + 5)
    assert [round(frame.timestamp / 3000) for frame in frames] == list(range(len(frames)))
    assert (video.stats.lost, video.stats.plis) == (0, 0)


async def test_a_packet_that_never_comes_costs_a_keyframe(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]], ours: RTCPeerConnection, until: Until
) -> None:
    video, frames = publishing
    sink = receiver_of(ours).sink
    assert sink is not None
    take, lost = sink.take, list[int]()

    def lossy(packet: RtpPacket, codec: RTCRtpCodecParameters, rtx: bool) -> None:
        if not lost:
            lost.append(packet.sequence_number)
        if packet.sequence_number not in lost:
            take(packet, codec, rtx)

    sink.take = lossy  # type: ignore[method-assign]
    keyframes = sum(frame.keyframe for frame in frames)
    await until(lambda: sum(frame.keyframe for frame in frames) > keyframes)
    assert video.stats.plis >= 1
    assert video.stats.gave_up == 1
    indices = [round(frame.timestamp / 3000) for frame in frames]
    gap = next(i for i, index in enumerate(indices) if index != i)
    assert frames[gap].keyframe


async def test_a_decoder_error_gets_a_keyframe(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]], until: Until
) -> None:
    video, frames = publishing
    video.request_keyframe()
    before = len(frames)
    await until(lambda: len(frames) > before)
    assert frames[before].keyframe


async def test_a_keyframe_is_asked_for_while_pictures_pass(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]], until: Until
) -> None:
    video, frames = publishing
    video.send_pli()
    before = len(frames)
    await until(lambda: any(frame.keyframe for frame in frames[before:]))
    assert [round(frame.timestamp / 3000) for frame in frames] == list(range(len(frames)))
    assert video.stats.plis == 1


async def test_any_number_of_packets_can_be_asked_for(ours: RTCPeerConnection) -> None:
    """So far apart that each takes four bytes of a NACK, which has to fit a datagram."""
    lost = list(range(0, 17 * CAPACITY, 17))
    receiver = ours.addTransceiver("video").receiver
    assert isinstance(receiver, Receiver)
    sent: list[bytes] = []
    receiver.transport.send_rtcp = sent.append  # type: ignore[assignment,method-assign]
    receiver.send_nack(1, lost)
    assert max(map(len, sent)) <= 1200
    nacks = [packet for data in sent for packet in RtcpPacket.parse(data)]
    assert [number for nack in nacks if isinstance(nack, RtcpRtpfbPacket) for number in nack.lost] == lost


async def test_bye_does_not_end_the_stream(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]], ours: RTCPeerConnection, until: Until
) -> None:
    """A participant who is sent inactive and comes back says BYE in between."""
    _, frames = publishing
    await receiver_of(ours)._handle_rtcp_packet(RtcpByePacket([1]))
    before = len(frames)
    await until(lambda: len(frames) > before)


async def test_datagrams_of_strangers_do_not_end_the_session(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]], ours: RTCPeerConnection, until: Until
) -> None:
    """Empty, too long, and random ones of each class of RFC 7983."""
    _, frames = publishing
    transport = receiver_of(ours).transport
    address = transport.transport._connection._protocols[0].transport.get_extra_info("sockname")
    chance = random.Random(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for datagram in (b"", bytes([0x80]) * 2000, bytes([0x80]), bytes([20, 1]), bytes([0x80, 200])):
            stranger.sendto(datagram, address)
        for first in (0, 1, 20, 63, 64, 127, 128, 191, 255):
            for size in (1, 11, 12, 200, 1501):
                stranger.sendto(bytes([first]) + chance.randbytes(size), address)
    before = len(frames)
    await until(lambda: len(frames) > before + 5)
    assert transport.state == "connected"


async def test_malformed_packets_of_the_peer_do_not_end_the_session(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]],
    stock: RTCPeerConnection,
    until: Until,
) -> None:
    _, frames = publishing
    transport = stock.getSenders()[0].transport
    header = struct.pack("!BBHLL", 0x90, 97, 1, 2, 3)
    too_short_send_time = struct.pack("!HH", 0xBEDE, 1) + bytes([0x31, 0, 0, 0])
    await transport._send_rtp(header + too_short_send_time + b"data")
    for kind in (200, 201, 203, 205, 206):
        await transport._send_rtp(struct.pack("!BBH", 0x9F, kind, 1) + b"????")
    before = len(frames)
    await until(lambda: len(frames) > before + 5)


async def test_opus_is_forwarded_undecoded(
    stock: RTCPeerConnection, ours: RTCPeerConnection, until: Until
) -> None:
    stock.addTrack(Opus())
    await offer_to(stock, ours)
    packets: list[rtc.AudioPacket] = []
    audio = rtc.receive_audio(ours.getReceivers()[0], packets.append)
    await answer(stock, ours)
    await until(lambda: len(packets) > 5)
    first = int(packets[0].data.split()[1])
    assert [packet.data for packet in packets] == [b"opus %d" % (first + i) for i in range(len(packets))]
    assert [packet.timestamp for packet in packets] == [960 * i for i in range(len(packets))]
    assert packets[0].level is None
    captured = [audio.capture_ntp(packet.timestamp) for packet in packets[:2]]
    assert captured[0] is not None
    assert captured[1] is not None
    assert (captured[1] - captured[0]) / (1 << 32) == pytest.approx(0.02, abs=1e-6)
    assert abs(rtc.ntp_now() - captured[0]) < 1 << 32


async def test_audio_level_is_read(stock: RTCPeerConnection, ours: RTCPeerConnection, until: Until) -> None:
    """What aiortc encodes itself has one; this is silence."""
    stock.addTrack(AudioStreamTrack())
    await offer_to(stock, ours)
    packets: list[rtc.AudioPacket] = []
    rtc.receive_audio(ours.getReceivers()[0], packets.append)
    await answer(stock, ours)
    await until(lambda: packets)
    assert (packets[0].level, packets[0].voice) == (127, False)


async def test_media_arrives_without_a_reader_of_our_own(
    stock: RTCPeerConnection,
    ours: RTCPeerConnection,
    camera: MediaStreamTrack,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on systems other than Linux, and through TURN."""
    monkeypatch.setattr(udp, "take_over", lambda protocol, take: False)
    stock.addTrack(camera)
    await offer_to(stock, ours)
    _, frames = video_of(ours)
    await answer(stock, ours)
    await until(lambda: len(frames) > 3)


async def test_only_our_receivers_are_accepted(stock: RTCPeerConnection) -> None:
    transceiver = stock.addTransceiver("video")
    with pytest.raises(TypeError):
        rtc.receive_video(transceiver.receiver, print)
    with pytest.raises(TypeError):
        rtc.receive_audio(transceiver.receiver, print)


async def test_a_new_stream_goes_on_where_the_last_one_ended(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]], ours: RTCPeerConnection, until: Until
) -> None:
    """Another SSRC, with timestamps of its own: ours are still in order, and a keyframe comes first."""
    video, frames = publishing
    receiver = receiver_of(ours)
    first = RtpPacket(97, 1, 7, 12_345, 99, rtc.packetize_vp8(bytes(10), 0)[0])
    before, origin = frames[-1].timestamp, video.timestamp_origin
    receiver.receive_packet(RtpPacket(97, 1, 6, 9345, 99, rtc.packetize_vp8(b"\1" * 10, 0)[0]))
    receiver.receive_packet(first)
    assert frames[-1].data == bytes(10)
    assert before < frames[-1].timestamp < before + 90_000
    assert video.timestamp_origin != origin
    assert (video.timestamp_origin + frames[-1].timestamp) & 0xFFFFFFFF == 12_345


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("element", [b"\0\0\0\0", b"\x10\1\x10\1", b"\x12abc"])
async def test_packets_of_nothing_but_extensions_are_not_read(
    publishing: tuple[rtc.VideoReceiver, list[rtc.EncodedFrame]],
    stock: RTCPeerConnection,
    ours: RTCPeerConnection,
    until: Until,
    element: bytes,
) -> None:
    """A thousand bytes of them take the event loop as long as several packets, 2500 of which may come in a second."""
    taken: list[int] = []
    receiver_of(ours).receive_packet = (  # type: ignore[method-assign]
        lambda packet: taken.append(packet.sequence_number)
    )
    ssrc = stock.getSenders()[0]._ssrc
    for number, words in ((60_001, 61), (60_002, 300), (60_003, 60)):
        header = struct.pack("!BBHLLHH", 0x90, 97, number, 1, ssrc, 0xBEDE, words)
        await stock.getSenders()[0].transport._send_rtp(header + words * element + b"payload")
    await until(lambda: 60_003 in taken)
    assert not {60_001, 60_002} & set(taken)
