"""When frames were due, and how busy the workers were."""

from __future__ import annotations

import pytest

from server.media.load import LONGEST_BURST, LoadMeter, Pace


def test_frames_that_a_repair_releases_together_are_expected_one_after_the_other() -> None:
    pace = Pace(90_000)
    assert pace.smooth(0, 10.0) == 10.0
    burst = [pace.smooth(3_000 * i, 10.2) for i in range(1, 7)]
    assert burst == pytest.approx([10.2 + i / 60 for i in range(6)])
    regular = [pace.smooth(3_000 * i, 10.2 + (i - 6) / 30) for i in range(7, 20)]
    assert regular[-1] == 10.2 + 13 / 30


def test_frames_at_their_own_pace_are_expected_when_they_come() -> None:
    pace = Pace(90_000)
    assert [pace.smooth(3_000 * i, i / 30) for i in range(100)] == [i / 30 for i in range(100)]


def test_timestamps_from_the_future_hide_no_overload() -> None:
    pace = Pace(90_000)
    assert pace.smooth(0, 1.0) == 1.0
    assert pace.smooth(1 << 40, 1.1) == 1.1 + LONGEST_BURST


def test_utilisation_and_waits_since_the_last_look() -> None:
    meter = LoadMeter(2)
    assert meter.read(0.0) == (0.0, 0.0)
    for wait in (0.01, 0.02, None):
        meter.note(wait=wait, busy=0.1)
    utilisation, delay = meter.read(0.5)
    assert utilisation == pytest.approx(0.3)
    assert 0.01 < delay <= 0.02
    assert meter.read(1.0) == (0.0, 0.0)
