"""Whom a room hears, with packets every 20 ms from everybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from server.rooms.last_n import GONE, LastN

Levels = Callable[[float], Mapping[str, int]]


def heard(loudest: LastN, levels: Levels, start: float, end: float) -> dict[str, int]:
    """Return how many packets of each were heard."""
    counts: dict[str, int] = {}
    for step in range(round(start * 50), round(end * 50)):
        now = step / 50
        for participant, level in levels(now).items():
            counts[participant] = counts.get(participant, 0) + loudest.admits(participant, level, now)
    return counts


def test_a_small_room_hears_everybody_however_quiet() -> None:
    counts = heard(LastN(3), lambda t: {"ada": 20, "grace": 80, "joan": 127}, 0, 2)
    assert counts == {"ada": 100, "grace": 100, "joan": 100}


def test_a_large_room_hears_so_many_and_each_of_them_whole() -> None:
    counts = heard(LastN(3), lambda t: {f"p{i}": 30 for i in range(10)}, 0, 2)
    assert sorted(counts.values()) == [0] * 7 + [100] * 3


def test_who_begins_to_speak_is_heard_from_the_first_packet_on() -> None:
    loudest = LastN(2)
    quiet = {"ada": 30, "grace": 70, "joan": 70}
    assert heard(loudest, lambda t: quiet, 0, 2)["joan"] == 0
    counts = heard(loudest, lambda t: quiet | {"joan": 35}, 2, 3)
    assert (counts["ada"], counts["joan"]) == (50, 50)
    assert counts["grace"] <= 1


def test_a_short_pause_costs_nobody_the_place() -> None:
    def levels(t: float) -> dict[str, int]:
        return {"ada": 30, "grace": 90 if t % 0.3 < 0.06 else 32, "joan": 38}

    counts = heard(LastN(2), levels, 0.1, 3)
    assert counts == {"ada": 145, "grace": 145, "joan": 0}


def test_whoever_is_muted_or_leaves_makes_room() -> None:
    loudest = LastN(1)
    heard(loudest, lambda t: {"ada": 20}, 0, 1)
    counts = heard(loudest, lambda t: {"grace": 60}, 1, 1 + 2 * GONE)
    assert counts["grace"] == pytest.approx(50 * GONE, abs=2)
    loudest.forget("grace")
    assert loudest.admits("joan", 127, 1 + 2 * GONE)
