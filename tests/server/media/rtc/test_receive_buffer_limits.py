"""What the video receive buffer does not wait for, and how much it holds."""

from __future__ import annotations

import pytest

from server.media.rtc.receive_buffer import CAPACITY, MAX_GAP, BufferedFrame, RoundTrip, VideoBuffer


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


def test_a_flood_is_bounded(buffer: VideoBuffer) -> None:
    """Small packets of one frame that never ends."""
    for number in range(101, 5000):
        buffer.add(number, 0, b"x", number * 1e-5, marker=False)
        buffer.poll(number * 1e-5)
        assert len(buffer._packets) <= CAPACITY + 1
