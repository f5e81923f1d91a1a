"""VP8 and H.264 payload formats, against aiortc's."""

from __future__ import annotations

import contextlib
import struct

import pytest
from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from server.media.rtc.h264 import MAX_UNITS, depayload_h264, packetize_h264
from server.media.rtc.vp8 import depayload_vp8, is_droppable, packetize_vp8, picture_id_of, with_picture_id


@given(st.binary(min_size=1, max_size=5000), st.integers(0, 0x7FFF), st.integers(5, 1300))
def test_vp8_round_trip(data: bytes, picture_id: int, limit: int) -> None:
    payloads = packetize_vp8(data, picture_id, max_payload=limit)
    parsed = [VpxPayloadDescriptor.parse(payload) for payload in payloads]
    assert b"".join(body for _, body in parsed) == data
    assert [descriptor.partition_start for descriptor, _ in parsed] == [1] + [0] * (len(parsed) - 1)
    assert {descriptor.picture_id for descriptor, _ in parsed} == {picture_id}
    assert max(map(len, payloads)) <= limit


@given(st.integers(0, 0x7FFF), st.integers(0, 0x7FFF))
def test_vp8_picture_id_can_be_replaced(old: int, new: int) -> None:
    payload = packetize_vp8(b"picture", old)[0]
    assert picture_id_of(payload) == old
    assert with_picture_id(payload, new) == packetize_vp8(b"picture", new)[0]


def test_other_vp8_descriptors_are_left_alone() -> None:
    for descriptor in (
        VpxPayloadDescriptor(1, 0),
        VpxPayloadDescriptor(1, 0, 5, 6, (1, 0)),
        VpxPayloadDescriptor(1, 2, 5),
    ):
        assert picture_id_of(bytes(descriptor) + b"data") is None


@given(st.binary(max_size=12))
def test_vp8_descriptor_parses_as_aiortc_does(payload: bytes) -> None:
    try:
        descriptor, body = VpxPayloadDescriptor.parse(payload)
    except ValueError:
        with pytest.raises(ValueError, match="truncated"):
            depayload_vp8(payload)
        return
    data, key = depayload_vp8(payload)
    assert data == body
    first = descriptor.partition_start == 1 and descriptor.partition_id & 7 == 0
    assert key == (first and len(body) > 0 and body[0] & 1 == 0)


def nal(kind: int, size: int) -> bytes:
    return b"\0\0\0\1" + bytes([0x60 | kind]) + b"\xa5" * size


@pytest.mark.parametrize("size", [10, 5000])
@pytest.mark.parametrize(("kinds", "key"), [((7, 8, 5), True), ((5,), True), ((1,), False)])
def test_h264_round_trip_and_keyframes(kinds: tuple[int, ...], key: bool, size: int) -> None:
    data = b"".join(nal(kind, size) for kind in kinds)
    payloads = packetize_h264(data)
    assert b"".join(h264_depayload(payload) for payload in payloads) == data
    assert depayload_h264(payloads[0])[1] == key
    if len(kinds) == 1:
        assert not any(depayload_h264(payload)[1] for payload in payloads[1:])


def test_h264_stap_a_is_searched_for_an_sps() -> None:
    delimiter, sps = bytes([9, 0x10]), bytes([0x67, 1, 2, 3])
    packet = bytes([24]) + struct.pack("!H", 2) + delimiter + struct.pack("!H", 4) + sps
    assert depayload_h264(packet) == (b"\0\0\0\1" + delimiter + b"\0\0\0\1" + sps, True)


@pytest.mark.parametrize("unit", [b"\0\0", b"\0\1\x01"])
def test_h264_units_that_cost_more_than_a_packet_may_are_refused(unit: bytes) -> None:
    assert depayload_h264(b"\x18" + MAX_UNITS * unit)[0]
    with pytest.raises(ValueError, match="too many"):
        depayload_h264(b"\x18" + (MAX_UNITS + 2) * unit)


@given(st.binary(max_size=60))
def test_h264_rubbish_raises_value_error_only(payload: bytes) -> None:
    with contextlib.suppress(ValueError):
        depayload_h264(payload)


@pytest.mark.slow
@given(
    st.lists(st.sampled_from([b"\0\0\1", b"\0\0\0\1", b"\x65\x88", b"\0", bytes(1400), b"\x67"]), max_size=8)
)
def test_h264_is_cut_whatever_a_sender_put_together(parts: list[bytes]) -> None:
    for payload in packetize_h264(b"\x65\x88\0\0\1" + b"".join(parts)):
        assert 0 < len(payload) <= 1300


def test_a_sender_tells_what_no_other_frame_refers_to() -> None:
    assert is_droppable(b"\xb0\x80\x80\x01data")
    assert not is_droppable(b"\x90\x80\x80\x01data")
    assert not is_droppable(b"")
