"""Packets written by RtpSender, received by a stock aiortc peer."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpReceiver
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import (
    RTCP_PSFB_APP,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
)

from server.media import rtc
from server.media.rtc import udp
from server.media.rtc.clocks import signed_difference
from server.media.rtc.h264 import depayload_h264
from server.media.rtc.packet_sender import PacketSender

Negotiate = Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[None]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


class Watching:
    """A stock subscriber of one stream, and what it was sent."""

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self.receiver = receiver
        self.track: MediaStreamTrack = receiver.track
        self.packets: list[RtpPacket] = []
        self.reports: list[RtcpSrPacket] = []
        self.lost: Callable[[RtpPacket], bool] = lambda packet: False
        self._take, self._take_rtcp = receiver._handle_rtp_packet, receiver._handle_rtcp_packet
        receiver._handle_rtp_packet = self._packet  # type: ignore[method-assign]
        receiver._handle_rtcp_packet = self._report  # type: ignore[method-assign]

    async def _packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if not self.lost(packet):
            self.packets.append(packet)
            await self._take(packet, arrival_time_ms)

    async def _report(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            self.reports.append(packet)
        await self._take_rtcp(packet)

    async def picture(self) -> int:
        """Return the luma of the next decoded picture."""
        frame: Any = await asyncio.wait_for(self.track.recv(), 5)
        return int(frame.to_ndarray()[10, 10])


@pytest.fixture
async def subscribed(
    ours: RTCPeerConnection, stock: RTCPeerConnection, negotiate: Negotiate, until: Until
) -> tuple[rtc.RtpSender, Watching, list[str]]:
    """Connect a video stream to a stock peer; the list fills with the sender's callbacks."""
    calls: list[str] = []
    sender = rtc.RtpSender(
        ours.addTransceiver("video", direction="sendonly"),
        on_keyframe_request=lambda: calls.append("keyframe"),
        on_bitrate=lambda bitrate: calls.append(f"bitrate {bitrate}"),
    )
    assert not sender.ready
    assert sender.codec is None
    await negotiate(ours, stock)
    await until(lambda: sender.ready)
    return sender, Watching(stock.getReceivers()[0]), calls


def send(sender: rtc.RtpSender, clip: list[bytes], *indices: int, size: int = 1200) -> None:
    for index in indices:
        sender.send(rtc.packetize_vp8(clip[index], 500 + index, max_payload=size), 3000 * index)


async def test_a_stock_peer_decodes_it(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], clip: list[bytes], until: Until
) -> None:
    sender, watching, calls = subscribed
    assert calls == ["keyframe"]
    assert sender.codec == "VP8"
    send(sender, clip, *range(20), size=20)
    pictures = [await watching.picture() for _ in range(15)]
    assert pictures == pytest.approx([4 * index for index in range(15)], abs=3)
    await until(lambda: len(watching.packets) == sender.stats.packets)
    numbers = [packet.sequence_number for packet in watching.packets]
    assert [(number - numbers[0]) & 0xFFFF for number in numbers] == list(range(len(numbers)))
    origin = sender.timestamp_origin
    assert origin is not None
    assert {(p.timestamp - origin) & 0xFFFFFFFF for p in watching.packets} == {3000 * i for i in range(20)}
    assert {p.extensions.mid for p in watching.packets} == {"0"}
    send_time = watching.packets[0].extensions.abs_send_time
    assert send_time is not None
    assert signed_difference(rtc.ntp_now() >> 14, send_time, 24) < 2 << 18  # seconds
    assert sender.stats.bytes == sum(len(packet.payload) for packet in watching.packets)


def whole(packets: list[RtpPacket]) -> bool:
    """Whether originals and retransmissions (RFC 4588) together have no gap."""
    numbers = {p.sequence_number if p.payload_type == 97 else int.from_bytes(p.payload[:2]) for p in packets}
    return len(numbers) == (max(numbers) - min(numbers) + 1 if numbers else -1)


async def test_lost_packets_are_sent_again_over_rtx(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], clip: list[bytes], until: Until
) -> None:
    sender, watching, _ = subscribed
    send(sender, clip, 0)
    await until(lambda: watching.packets)
    first = watching.packets[0].sequence_number
    watching.lost = lambda packet: packet.payload_type == 97 and (packet.sequence_number - first) % 3 == 1
    send(sender, clip, *range(1, 20), size=20)
    await until(lambda: len(watching.packets) > 20 and whole(watching.packets))
    again = [packet for packet in watching.packets if packet.payload_type == 98]
    lost = [(int.from_bytes(packet.payload[:2]) - first) % 3 for packet in again]
    assert set(lost) == {1}
    data = {VpxPayloadDescriptor.parse(packet.payload[2:])[1] for packet in again}
    assert all(any(part in frame for frame in clip) for part in data)


async def test_what_the_socket_does_not_take_is_asked_for(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]],
    clip: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
    until: Until,
) -> None:
    """A full socket drops, and queues nothing."""
    sender, watching, _ = subscribed
    send(sender, clip, 0)
    with monkeypatch.context() as full:
        full.setattr(udp, "is_congested", lambda transport: True)
        send(sender, clip, 1)
    send(sender, clip, 2)
    await until(lambda: len(watching.packets) == 3)
    assert whole(watching.packets)
    assert [packet.payload_type for packet in watching.packets] == [97, 97, 98]


async def test_nothing_is_repeated_of_whose_stream_has_ended(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]],
    ours: RTCPeerConnection,
    clip: list[bytes],
    until: Until,
) -> None:
    """The media section may be another participant's by then, in whose place the picture would be seen."""
    sender, watching, _ = subscribed
    send(sender, clip, 0)
    await until(lambda: watching.packets)
    first = watching.packets[0]
    sender.close()
    after = rtc.RtpSender(ours.getTransceivers()[0])
    await watching.receiver._send_rtcp_nack(first.ssrc, [first.sequence_number])
    await watching.receiver._send_rtcp(RtcpRrPacket(1, [RtcpReceiverInfo(first.ssrc, 64, 1, 1, 0, 0, 0)]))
    await until(lambda: after.stats.fraction_lost == 0.25)
    send(after, clip, 1)
    await until(lambda: len(watching.packets) > 1)
    assert [packet.payload_type for packet in watching.packets] == [97, 97]


async def test_a_flood_of_nacks_is_not_read(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]],
    clip: list[bytes],
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each datagram can ask for 6000 packets, which would take the event loop milliseconds; and media goes on."""
    sender, watching, calls = subscribed
    send(sender, clip, 0)
    await until(lambda: watching.packets)
    asked: list[int] = []

    async def ask(self: PacketSender, sequence_number: int) -> None:
        asked.append(sequence_number)

    monkeypatch.setattr(PacketSender, "_retransmit", ask)
    ssrc = watching.packets[0].ssrc
    nack = struct.pack("!BBHLL", 0x81, 205, 182, 1, ssrc) + struct.pack("!HH", 5, 0xFFFF) * 180
    calls.clear()
    for _ in range(50):
        await watching.receiver.transport._send_rtp(nack)
    await watching.receiver._send_rtcp_pli(ssrc)
    await until(lambda: "keyframe" in calls)
    assert 180 * 17 <= len(asked) < 25 * 180 * 17


async def test_pli_asks_for_a_keyframe(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], clip: list[bytes], until: Until
) -> None:
    sender, watching, calls = subscribed
    send(sender, clip, 0)
    await until(lambda: watching.packets)
    calls.clear()
    await watching.receiver._send_rtcp_pli(watching.packets[0].ssrc)
    await until(lambda: "keyframe" in calls)


async def test_remb_and_reports_reach_us(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], clip: list[bytes], until: Until
) -> None:
    sender, watching, calls = subscribed
    send(sender, clip, 0)
    await until(lambda: watching.packets)
    ssrc = watching.packets[0].ssrc
    remb = RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, pack_remb_fci(320_000, [5, ssrc]))
    await watching.receiver._send_rtcp(remb)
    await watching.receiver._send_rtcp(RtcpRrPacket(1, [RtcpReceiverInfo(ssrc, 64, 1, 1, 0, 0, 0)]))
    await until(lambda: sender.stats.fraction_lost == 0.25)
    assert sender.stats.bandwidth == 320_000
    assert calls[-1] == "bitrate 320000"


async def test_picture_ids_are_contiguous_after_leaving_frames_out(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], clip: list[bytes], until: Until
) -> None:
    sender, watching, _ = subscribed
    shared = rtc.packetize_vp8(clip[0], 0x7FFE)
    sender.send(shared, 0)
    for index in (2, 4, 6):
        sender.send(rtc.packetize_vp8(clip[index], (0x7FFE + index) & 0x7FFF), 3000 * index)
    await until(lambda: len(watching.packets) == 4)
    descriptors = [VpxPayloadDescriptor.parse(packet.payload) for packet in watching.packets]
    assert [descriptor.picture_id for descriptor, _ in descriptors] == [0x7FFE, 0x7FFF, 0, 1]
    assert [data for _, data in descriptors] == [clip[index] for index in (0, 2, 4, 6)]


async def test_sender_reports_carry_capture_time(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], clip: list[bytes], until: Until
) -> None:
    sender, watching, _ = subscribed
    captured = rtc.ntp_now() - (1 << 31)
    sender.send(rtc.packetize_vp8(clip[0], 0), 0, capture_ntp=captured)
    await until(lambda: watching.reports)
    info = watching.reports[0].sender_info
    assert info.ntp_timestamp == captured
    assert info.rtp_timestamp == sender.timestamp_origin
    assert (info.packet_count, info.octet_count) == (sender.stats.packets, sender.stats.bytes)


async def test_audio_with_its_level(
    ours: RTCPeerConnection, stock: RTCPeerConnection, negotiate: Negotiate, until: Until
) -> None:
    sender = rtc.RtpSender(ours.addTransceiver("audio", direction="sendonly"))
    await negotiate(ours, stock)
    await until(lambda: sender.ready)
    assert sender.codec == "opus"
    watching = Watching(stock.getReceivers()[0])
    for index, level in enumerate((0, 30, 127, None)):
        sender.send([b"opus"], 960 * index, level=level, voice=level == 30)
    await until(lambda: len(watching.packets) == 4)
    levels = [packet.extensions.audio_level for packet in watching.packets]
    assert levels == [(False, 0), (True, 30), (False, 127), None]


async def test_h264_goes_to_those_who_have_nothing_else(
    ours: RTCPeerConnection, stock: RTCPeerConnection, until: Until
) -> None:
    sender = rtc.RtpSender(ours.addTransceiver("video", direction="sendonly"))
    capabilities = RTCRtpReceiver.getCapabilities("video")
    assert capabilities is not None
    h264 = [codec for codec in capabilities.codecs if "VP8" not in codec.mimeType]
    stock.addTransceiver("video", direction="recvonly").setCodecPreferences(h264)
    await ours.setLocalDescription(await ours.createOffer())
    await stock.setRemoteDescription(ours.localDescription)
    await stock.setLocalDescription(await stock.createAnswer())
    await ours.setRemoteDescription(stock.localDescription)
    assert sender.codec == "H264"
    await until(lambda: sender.ready)
    assert sender.codec == "H264"
    watching = Watching(stock.getReceivers()[0])
    unit = b"\0\0\0\1\x67sps" + b"\0\0\0\1\x65" + bytes([0xA5]) * 3000
    sender.send(rtc.packetize_h264(unit), 0)
    await until(lambda: watching.packets and watching.packets[-1].marker)
    assert b"".join(depayload_h264(p.payload)[0] for p in watching.packets) == unit


async def test_nothing_is_sent_after_close(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], ours: RTCPeerConnection, clip: list[bytes]
) -> None:
    sender, watching, calls = subscribed
    sender.close()
    assert not sender.ready
    send(sender, clip, 0)
    await watching.receiver._send_rtcp_pli(ours.getSenders()[0]._ssrc)
    await asyncio.sleep(0.02)
    assert sender.stats.packets == 0
    assert calls == ["keyframe"]


@pytest.mark.parametrize(("closed", "packets"), [(False, 6), (True, 3)])
async def test_what_waits_for_the_line_leaves_unless_the_transceiver_is_another_streams(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]],
    ours: RTCPeerConnection,
    until: Until,
    closed: bool,
    packets: int,
) -> None:
    sender, _, _ = subscribed
    transport: Any = ours.getSenders()[0].transport
    transport.pacer.limit(400_000, time.monotonic())
    for _ in range(2):  # the first picture keeps the line busy for 50 ms
        sender.send(rtc.packetize_vp8(bytes(2500), 1), 0)
    assert sender.stats.packets == 3
    if closed:
        sender.close()
    await until(lambda: not transport._paced)
    assert sender.stats.packets == packets


async def test_what_waits_for_the_line_is_dropped_with_the_camera(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], ours: RTCPeerConnection, until: Until
) -> None:
    sender, _, _ = subscribed
    transport: Any = ours.getSenders()[0].transport
    transport.pacer.limit(400_000, time.monotonic())
    for _ in range(2):
        sender.send(rtc.packetize_vp8(bytes(2500), 1), 0)
    sender.drop()
    sender.send([bytes(100)], 3000)
    await until(lambda: not transport._paced)
    assert sender.stats.packets == 4


async def test_a_closed_connection_takes_nothing(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], ours: RTCPeerConnection, clip: list[bytes]
) -> None:
    sender, _, _ = subscribed
    before = len(asyncio.all_tasks())
    await ours.close()
    assert not sender.ready
    send(sender, clip, 0)
    assert len(asyncio.all_tasks()) < before


async def test_only_our_transceivers_are_accepted(stock: RTCPeerConnection) -> None:
    with pytest.raises(TypeError):
        rtc.RtpSender(stock.addTransceiver("video"))


pytestmark = pytest.mark.slow


def report_of(sender: rtc.RtpSender, ntp: int = 0) -> list[AnyRtcpPacket]:
    """Return what aiortc reports every second or so."""
    stats = sender.stats
    return [RtcpSrPacket(sender._sender._ssrc, RtcpSenderInfo(ntp, 0, stats.packets, stats.bytes))]


@pytest.mark.parametrize("capture_ntp", [-1, 0, 1 << 64, 1 << 80])
async def test_a_clock_that_lies_is_told_to_nobody(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], clip: list[bytes], until: Until, capture_ntp: int
) -> None:
    sender, watching, _ = subscribed
    sender.send(rtc.packetize_vp8(clip[0], 500), 0, capture_ntp=capture_ntp)
    await until(lambda: watching.reports)
    told = watching.reports[0].sender_info.ntp_timestamp
    assert abs(rtc.ntp_now() - told) < 5 << 32


async def test_a_report_that_can_not_be_written_ends_nothing(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], clip: list[bytes]
) -> None:
    sender, _, _ = subscribed
    send(sender, clip, 0)
    await sender._sender._send_rtcp(report_of(sender, ntp=-1))
    receiver = sender._sender.transport._rtp_router.receivers
    for each in receiver:
        await each._send_rtcp(RtcpRrPacket(1, [RtcpReceiverInfo(1, 0, 0, 0, 1 << 40, 0, 0)]))  # type: ignore[attr-defined]


async def test_nothing_is_reported_again_while_nothing_is_sent(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], clip: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, _, _ = subscribed
    sent: list[bytes] = []

    async def keep(packet: bytes) -> None:
        sent.append(packet)

    monkeypatch.setattr(sender._sender.transport, "_send_rtp", keep)
    for expected in (1, 1, 2):
        if expected != len(sent):
            send(sender, clip, len(sent))
        await sender._sender._send_rtcp(report_of(sender))
        assert len(sent) == expected


async def test_packets_that_are_too_long_are_dropped_alone(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]], clip: list[bytes], until: Until
) -> None:
    sender, watching, _ = subscribed
    sender.send([bytes(3000)], 0)
    send(sender, clip, 1)
    await until(lambda: watching.packets)


async def test_a_bandwidth_estimate_for_more_streams_than_it_names_is_ignored(
    subscribed: tuple[rtc.RtpSender, Watching, list[str]],
) -> None:
    sender, _, calls = subscribed
    truncated = RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, b"REMB\xff\0\0\0")
    await sender._sender.transport._handle_rtcp_data(bytes(truncated))
    assert calls == ["keyframe"]
