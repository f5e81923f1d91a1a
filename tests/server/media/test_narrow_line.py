"""A line that gets narrow from one moment to the next: what a receiver sees of it, simulated."""

from __future__ import annotations

import pytest

from tests.support.narrow_line import Room

NARROW, END = 10.0, 30.0  # seconds
FREEZE = 0.65
"""Seconds that a stream may stand still when it happens: two thirds of it is the full queue."""


def narrowed(rates: list[float], capacity: float, *, follows: bool, sound: int = 3) -> Room:
    """Return a room whose line carries no more than `capacity` in bit/s after NARROW seconds."""
    room = Room(rates, follows=follows, sound=sound)
    room.run(NARROW)
    room.narrow(capacity)
    room.run(END)
    return room


@pytest.mark.parametrize("follows", [False, True], ids=["others are wide", "all are narrow"])
@pytest.mark.parametrize(
    ("rates", "capacity"),
    [
        ([833e3] * 3, 600e3),
        ([833e3] * 3, 900e3),
        ([300e3] * 3, 600e3),
        ([833e3], 600e3),
        ([400e3] * 6, 1.5e6),
    ],
)
def test_no_picture_stands_still_for_long(rates: list[float], capacity: float, *, follows: bool) -> None:
    room = narrowed(rates, capacity, follows=follows)
    for stream in room.streams:
        assert stream.frozen(NARROW - 0.5, NARROW + 3) < FREEZE
        assert sum(at > END - 10 for at in stream.shown) > 10 * 13
    assert room.heard > 0.98 * 3 * 50 * END


@pytest.mark.slow
def test_who_is_narrow_alone_costs_the_others_no_bits_and_gets_everything_back() -> None:
    room = narrowed([833e3] * 3, 600e3, follows=False)
    assert all(stream.subscription.small for stream in room.streams)
    assert {stream.publication.transcoder.bitrate for stream in room.streams} == {833_000}
    room.narrow(0)
    room.run(END + 60)
    assert not any(stream.subscription.small for stream in room.streams)
    assert max(stream.frozen(END, END + 60) for stream in room.streams) == 0


def test_where_only_some_fit_one_goes_on() -> None:
    room = narrowed([833e3] * 3, 250e3, follows=False, sound=1)
    assert max(len([at for at in stream.shown if at > END - 10]) for stream in room.streams) > 10 * 13


def test_on_a_wide_line_nothing_waits() -> None:
    room = Room([833e3] * 3)
    room.run(20)
    assert room.pacer.wait(room.now) == 0
    assert room.line.dropped == 0
    assert max(stream.frozen(1, 20) for stream in room.streams) == 0
