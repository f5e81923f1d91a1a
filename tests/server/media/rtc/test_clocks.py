"""Counters and capture time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.media.rtc.clocks import (
    NTP_EPOCH,
    CaptureClock,
    ClockOffset,
    Timeline,
    Unwrapper,
    ntp_now,
    signed_difference,
)

SECOND = 1 << 32


def test_ntp_now_is_unix_time_since_1900() -> None:
    assert ntp_now() / SECOND - NTP_EPOCH == pytest.approx(time.time(), abs=0.1)


@given(st.lists(st.integers(-30_000, 30_000), max_size=100), st.integers(0, 0xFFFF))
def test_unwrapper_follows_any_step_of_less_than_half(steps: list[int], start: int) -> None:
    unwrap = Unwrapper(16)
    expected = unwrap(start)
    for step in steps:
        expected += step
        assert unwrap(expected & 0xFFFF) == expected


def test_signed_difference_takes_the_short_way() -> None:
    assert signed_difference(3, 0xFFFF, 16) == 4
    assert signed_difference(0xFFFF, 3, 16) == -4


def test_timeline_starts_at_zero_and_goes_on_after_a_restart() -> None:
    timeline = Timeline(90_000)
    assert timeline.ticks(0xFFFFFFFF, 0.0) == 0
    assert timeline.ticks(2999, 0.1) == 3000
    timeline.restart()
    assert timeline.ticks(123, 1.1) == 3000 + 90_000
    assert timeline.timestamp(93_000) == 123


@pytest.mark.parametrize("jump", [-3600 * 90_000, 3600 * 90_000, 1 << 31])
def test_a_stream_that_begins_anew_unannounced_goes_on_in_time(jump: int) -> None:
    timeline = Timeline(90_000)
    assert timeline.ticks(5_000, 0.0) == 0
    begun = timeline.ticks(5_000 + 90_000 + jump & 0xFFFFFFFF, 1.0)
    assert begun == 90_000
    assert timeline.ticks(5_000 + 93_000 + jump & 0xFFFFFFFF, 1.0) == 93_000


def test_hours_of_silence_are_hours() -> None:
    timeline, hours = Timeline(90_000), 7 * 3600
    timeline.ticks(0, 0.0)
    assert timeline.ticks(hours * 90_000 & 0xFFFFFFFF, float(hours)) == hours * 90_000


def test_what_an_outage_has_held_back_keeps_its_time() -> None:
    timeline = Timeline(90_000)
    timeline.ticks(0, 0.0)
    assert timeline.ticks(3_000, 5.0) == 3_000


def test_capture_time_before_any_report_is_that_of_arrival() -> None:
    clock = CaptureClock(90_000, ClockOffset())
    assert clock.ntp(0) is None
    clock.arrived(1000, 5 * SECOND)
    clock.arrived(2000, 99 * SECOND)
    assert clock.ntp(1000 + 90_000) == 6 * SECOND
    assert clock.ntp(1000 - 45_000) == 4 * SECOND + SECOND // 2


def test_audio_and_video_of_a_connection_are_shifted_alike() -> None:
    """The participant's clock is an hour ahead; its reports take 20 ms for video and 50 ms for audio."""
    ahead, offset = 3600 * SECOND, ClockOffset()
    video, audio = CaptureClock(90_000, offset), CaptureClock(48_000, offset)
    video.report(0xFFFFFFF0, ahead + 10 * SECOND, 10 * SECOND + SECOND * 20 // 1000)
    audio.report(4800, ahead + 10 * SECOND, 10 * SECOND + SECOND * 50 // 1000)
    at = video.ntp((0xFFFFFFF0 + 90_000) & 0xFFFFFFFF)
    assert at is not None
    assert at == audio.ntp(4800 + 48_000)
    assert at / SECOND == pytest.approx(11.02, abs=1e-6)
