"""What the video receive buffer does not wait for, and how much it holds."""

from __future__ import annotations

import pytest

from server.media.rtc.receive_buffer import (
    CAPACITY,
    MAX_GAP,
    MAX_ROUND_TRIP,
    SILENT_GAP,
    BufferedFrame,
    RoundTrip,
    VideoBuffer,
)


@pytest.fixture
def buffer() -> VideoBuffer:
    """Make a buffer that has emitted the keyframe 100, at 0 s."""
    buffer = VideoBuffer(RoundTrip())
    assert len(frame(buffer, 100, 0.0, key=True)) == 1
    return buffer


def frame(buffer: VideoBuffer, number: int, now: float, *, key: bool = False) -> list[BufferedFrame]:
    """Add a frame of one packet."""
    return buffer.add(number & 0xFFFF, number * 3000 & 0xFFFFFFFF, b"x", now, marker=True, key=key)


def test_a_gap_after_a_long_silence_is_not_asked_for(buffer: VideoBuffer) -> None:
    assert frame(buffer, 250, 5.0) == []
    wanted, _ = buffer.poll(5.0)
    assert wanted.nack == []
    assert wanted.pli


def test_a_short_gap_after_a_long_silence_is(buffer: VideoBuffer) -> None:
    """A shared screen at one frame per second."""
    assert frame(buffer, 102, 1.0) == []
    wanted, _ = buffer.poll(1.0)
    assert wanted.nack == [101]
    assert not wanted.pli


@pytest.mark.parametrize("jump", [MAX_GAP + 2, CAPACITY + 1, -CAPACITY - 5, 0x7FFF])
def test_a_jump_is_a_new_stream(buffer: VideoBuffer, jump: int) -> None:
    assert frame(buffer, 100 + jump, 0.01) == []
    assert buffer.poll(0.01)[0].pli
    assert len(frame(buffer, 101 + jump, 0.02, key=True)) == 1


@pytest.mark.parametrize("step", [1, 2, SILENT_GAP, MAX_GAP + 1])
@pytest.mark.slow
def test_a_flood_is_bounded(buffer: VideoBuffer, step: int) -> None:
    """Small packets of one frame that never ends, with as large a hole before each as is asked for."""
    for index in range(2000):
        buffer.add((101 + index * step) & 0xFFFF, 0, b"x", index * 1e-5, marker=False)
        buffer.poll(index * 1e-5)
        assert len(buffer._packets) <= CAPACITY + 1
        assert len(buffer._missing) <= CAPACITY


def test_too_many_missing_packets_cost_a_keyframe(buffer: VideoBuffer) -> None:
    end = 103 + 3 * CAPACITY // 2
    for number in range(103, end, 3):
        frame(buffer, number, 0.0)
    assert len(buffer._missing) == CAPACITY
    frame(buffer, end, 0.01)
    assert buffer.poll(0.01)[0] == ([], True)
    assert len(frame(buffer, end + 1, 0.02, key=True)) == 1


def test_late_repairs_do_not_put_the_deadline_off_without_end(buffer: VideoBuffer) -> None:
    now = 0.0
    for number in range(101, 201, 2):
        frame(buffer, number + 1, now)
        assert buffer.poll(now)[0].nack == [number]
        now += 0.9 * buffer.deadline
        buffer.add(number, number * 3000, b"x", now, marker=True, rtx=True)
        assert not buffer._missing
    assert buffer.deadline <= 4 * MAX_ROUND_TRIP


@pytest.mark.parametrize("sample", [0.0, -0.05])
def test_a_round_trip_that_took_no_time_is_none(sample: float) -> None:
    round_trip = RoundTrip()
    round_trip.add(sample)
    assert round_trip.seconds == RoundTrip().seconds
    round_trip.add(0.02)
    assert round_trip.seconds == pytest.approx(0.02)
