"""Outgoing packets, read back by aiortc's parser."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, unwrap_rtx

from server.media.rtc.packets import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    HISTORY,
    MID,
    RTX_BURST,
    RTX_SHARE,
    HeaderExtensions,
    PacketWriter,
    Retransmission,
    RetransmissionLimit,
)
from server.media.rtc.transport_cc import URI as TRANSPORT_CC

IDS = {MID: 1, AUDIO_LEVEL: 2, ABS_SEND_TIME: 3}
READ_IDS = IDS | {TRANSPORT_CC: 4}
NTP = 0x123456789ABCDEF0


def read(packet: bytes) -> RtpPacket:
    extensions = HeaderExtensionsMap()
    parameters: Any = SimpleNamespace(
        headerExtensions=[
            RTCRtpHeaderExtensionParameters(id=number, uri=uri) for uri, number in READ_IDS.items()
        ]
    )
    extensions.configure(parameters)
    return RtpPacket.parse(packet, extensions)


def writer(rtx: Retransmission | None = None, *, start: int = 0, video: bool = True) -> PacketWriter:
    return PacketWriter(0xCAFE, 97, start, HeaderExtensions(IDS, "v0"), rtx, video=video)


def test_a_frame_of_three_packets() -> None:
    packets = [read(packet) for packet in writer(start=0xFFFE).write([b"one", b"two", b"three"], 90_000, NTP)]
    assert [packet.sequence_number for packet in packets] == [0xFFFE, 0xFFFF, 0]
    assert [packet.marker for packet in packets] == [0, 0, 1]
    assert [packet.payload for packet in packets] == [b"one", b"two", b"three"]
    assert {(p.ssrc, p.payload_type, p.timestamp) for p in packets} == {(0xCAFE, 97, 90_000)}
    assert {p.extensions.mid for p in packets} == {"v0"}
    assert {p.extensions.abs_send_time for p in packets} == {NTP >> 14 & 0xFFFFFF}


@pytest.mark.parametrize(("level", "voice"), [(0, True), (127, False), (55, True)])
def test_audio_carries_its_level(level: int, voice: bool) -> None:
    packet = read(writer(video=False).write([b"opus"], 960, NTP, level, voice)[0])
    assert packet.extensions.audio_level == (voice, level)
    assert packet.marker == 0


@pytest.mark.parametrize("missing", [None, MID, AUDIO_LEVEL, ABS_SEND_TIME, TRANSPORT_CC])
def test_each_packet_says_when_it_is_sent_and_how_loud_it_is(missing: str | None) -> None:
    ids = {uri: number for uri, number in READ_IDS.items() if uri != missing}
    numbers = iter(range(100))
    sender = PacketWriter(1, 97, 0, HeaderExtensions(ids, "v0"), number=lambda size: next(numbers))
    for number, level in enumerate([30, 31, None, 30]):
        ntp = NTP + (number << 30)
        packet = read(sender.write([b"opus"], 0, ntp, level, True)[0])
        assert packet.payload == b"opus"
        found = packet.extensions
        assert found.mid == ("v0" if missing != MID else None)
        loud = missing != AUDIO_LEVEL and level is not None
        assert found.audio_level == ((True, level) if loud else None)
        assert found.abs_send_time == (ntp >> 14 & 0xFFFFFF if missing != ABS_SEND_TIME else None)
        assert found.transport_sequence_number == (number if missing != TRANSPORT_CC else None)


def test_nothing_negotiated_nothing_written() -> None:
    packet = PacketWriter(1, 97, 0, HeaderExtensions({}, "v0")).write([b"data"], 0, NTP, 5)[0]
    assert len(packet) == 12 + 4
    assert HeaderExtensions({MID: 15}, "v0").block(NTP) == b""
    assert HeaderExtensions({MID: 1}, "m" * 17).block(NTP) == b""
    assert HeaderExtensions({MID: 1}, "").block(NTP) == b""


@pytest.mark.parametrize("number", [-3, 0, 15, 256])
def test_ids_that_can_not_be_written_are_left_out(number: int) -> None:
    extensions = HeaderExtensions({MID: number, AUDIO_LEVEL: number, TRANSPORT_CC: number}, "0")
    assert extensions.block(NTP, level=30, number=1) == b""


def test_retransmission_over_rtx() -> None:
    sender = writer(Retransmission(0xBEEF, 98, 0xFFFF))
    sent = [read(packet) for packet in sender.write([b"one", b"two"], 3000, NTP)]
    later = NTP + (1 << 32)
    for number, original in ((0xFFFF, sent[0]), (0, sent[1])):
        raw = sender.rewrite(original.sequence_number, later)
        assert raw is not None
        packet = read(raw)
        assert (packet.ssrc, packet.payload_type, packet.sequence_number) == (0xBEEF, 98, number)
        assert packet.extensions.abs_send_time == later >> 14 & 0xFFFFFF
        assert packet.extensions.mid == "v0"
        again = unwrap_rtx(packet, 97, 0xCAFE)
        assert (again.sequence_number, again.timestamp, again.marker, again.payload) == (
            original.sequence_number,
            original.timestamp,
            original.marker,
            original.payload,
        )


def test_packets_are_numbered_for_feedback_where_that_is_negotiated() -> None:
    sizes: list[int] = []

    def number(size: int) -> int:
        sizes.append(size)
        return 0xFFFE + len(sizes)

    extensions = HeaderExtensions(IDS, "v0")
    sender = PacketWriter(1, 97, 0, extensions, Retransmission(2, 98, 0), number=number)
    packets = [read(packet) for packet in sender.write([b"one", b"three"], 0, NTP)]
    assert [p.extensions.transport_sequence_number for p in packets] == [None, None]
    assert sizes == []
    sender = PacketWriter(
        1,
        97,
        0,
        HeaderExtensions(IDS | {TRANSPORT_CC: 4}, "v0"),
        Retransmission(2, 98, 0),
        number=lambda size: number(size) & 0xFFFF,
    )
    packets = [read(packet) for packet in sender.write([b"one", b"three"], 0, NTP)]
    packets.append(read(sender.rewrite(0, NTP) or b""))
    assert [p.extensions.transport_sequence_number for p in packets] == [0xFFFF, 0, 1]
    assert {p.extensions.mid for p in packets} == {"v0"}
    assert sizes == [3, 5, 3]


def test_nothing_is_repeated_that_is_forgotten() -> None:
    sender = writer()
    sender.write([b"one"], 0, NTP)
    sender.forget()
    sender.write([b"two"], 3000, NTP)
    assert sender.rewrite(0, NTP) is None
    assert sender.rewrite(1, NTP) is not None


def test_retransmission_without_rtx_is_the_same_packet() -> None:
    sender = writer()
    packet = sender.write([b"one"], 3000, NTP)[0]
    assert sender.rewrite(0, NTP + 1) == packet


def test_old_packets_are_forgotten() -> None:
    sender = writer()
    sender.write([bytes([n & 0xFF]) for n in range(HISTORY + 1)], 0, NTP)
    assert sender.rewrite(0, NTP) is None
    assert sender.rewrite(1, NTP) is not None
    assert sender.rewrite(HISTORY + 1, NTP) is None


def test_a_packet_is_repeated_once_in_a_round_trip() -> None:
    limit = RetransmissionLimit()
    assert limit.allows(7, 1000, 0.0, 0.1)
    assert not limit.allows(7, 1000, 0.05, 0.1)
    assert limit.allows(7 + HISTORY, 1000, 0.05, 0.1)
    assert limit.allows(7, 1000, 0.11, 0.1)


def test_repeating_takes_no_more_than_its_share() -> None:
    limit = RetransmissionLimit()
    repeated = 0
    for step in range(10_000):  # everything is lost, and everything is asked for again
        limit.sent(1000)
        repeated += sum(
            1000 for lost in range(8) if limit.allows((step - lost) % 65536, 1000, step / 100, 0.02)
        )
    assert repeated <= RTX_BURST + RTX_SHARE * 10_000 * 1000
    assert repeated >= 0.9 * RTX_SHARE * 10_000 * 1000


def test_what_can_not_be_repeated_calls_for_a_keyframe() -> None:
    limit = RetransmissionLimit()
    assert not limit.exhausted(0.0)
    refused = [number for number in range(100) if not limit.allows(number, 1000, 0.0, 0.1)]
    assert len(refused) == 100 - RTX_BURST // 1000
    assert limit.exhausted(0.0)
    assert not limit.exhausted(0.5)
    limit.sent(100_000)
    assert limit.allows(99, 1000, 2.0, 0.1)
    assert not limit.exhausted(2.0)
